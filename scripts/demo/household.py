"""The household of the demo: an owner and a visitor, each a home in a temporary folder."""

import json
import os
import select
import signal
import subprocess
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.demo.saying import POLL_SECONDS, SETTLE_SECONDS, DemoError, say, wait_until
from scripts.demo.trees import copy_tree, count_files

REALIZEFS = Path(__file__).parents[2] / ".venv" / "bin" / "realizefs"

STOP_SECONDS = 20.0
"""Seconds that a daemon, or a mount that somebody looks at, gets to end."""


@dataclass(frozen=True)
class Peer:
    """One of the two machines, as it were."""

    name: str
    home: Path

    def ask(self, *arguments: str | Path) -> str:
        """What `realizefs ARGUMENTS` prints; DemoError with its sentence where it fails."""
        done = subprocess.run(
            [REALIZEFS, "--home", self.home, *arguments],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise DemoError(done.stderr.strip() or f"realizefs {arguments[0]} failed.")
        return done.stdout.strip()

    def info(self, path: Path) -> Any:
        """`realizefs info --json PATH`."""
        return json.loads(self.ask("info", "--json", path))

    def status(self) -> Any:
        """`realizefs status --json`; DemoError where no daemon is up."""
        return json.loads(self.ask("status", "--json"))


class Demo:
    """The household: `root` is the owner's arena root, `mount` where the visitor sees it."""

    def __init__(self, mount: Path, work: Path) -> None:
        self.mount = mount
        self.root = work / "owner-files"
        self.visitor_root = work / "visitor-files"
        self.owner = Peer("owner", work / "owner")
        self.visitor = Peer("visitor", work / "visitor")
        self._log = work / "owner.log"
        self.serving: subprocess.Popen[bytes] | None = None
        self.count = 0

    def set_up(self, src: Path, undo: ExitStack) -> None:
        """From nothing to a mount; what must be undone is pushed on `undo`."""
        say(f"copying {src} …")
        copy_tree(src, self.root)
        self.owner.ask("init", "--name", "owner", "--listen", "localhost:0")
        self.owner.ask("arena", "add", "demo", self.root, "--mark", "own")
        undo.callback(self.stop_owner)
        self.start_owner()
        code = self.owner.ask("invite", "demo")
        self.visitor.ask("init", "--name", "visitor", "--listen", "localhost:0")
        self.visitor.ask("join", code, self.visitor_root)
        undo.callback(self.unmount)
        self.visitor.ask("mount", self.mount)
        self._wait_for_all_files()

    def start_owner(self) -> None:
        """Serve in the background; whoever starts it again does so at the same port."""
        with self._log.open("ab") as log:
            self.serving = subprocess.Popen(
                [REALIZEFS, "--home", self.owner.home, "serve"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for us, who stop it in order
            )
        self.owner.ask("status", "--wait", "30")
        port = self.owner.status()["listen"][0].rpartition(":")[2]
        config = self.owner.home / "config.toml"
        config.write_text(config.read_text().replace("localhost:0", f"localhost:{port}"))

    def stop_owner(self) -> None:
        """As if the owner's machine were switched off."""
        if self.serving is not None:
            self.serving.terminate()
            self.serving.wait(STOP_SECONDS)
            self.serving = None
        self._stop_other_owner()

    def _stop_other_owner(self) -> None:
        """Whoever tried the fifth thing may have started the owner again, in another terminal."""
        try:
            process = os.pidfd_open(self.owner.status()["pid"])
        except (DemoError, ProcessLookupError):
            return  # as it should be: nobody answers
        try:
            signal.pidfd_send_signal(process, signal.SIGTERM)
            select.select([process], [], [], STOP_SECONDS)
        finally:
            os.close(process)

    def last_words(self) -> str:
        """The end of the owner's log."""
        lines = self._log.read_text().splitlines() if self._log.exists() else []
        return "\n".join(["The owner's log ends with:", *lines[-10:]])

    def unmount(self) -> None:
        """Unmount, which ends the visitor's daemon; also while somebody still looks at it."""
        deadline = time.monotonic() + STOP_SECONDS
        while os.path.ismount(self.mount):
            try:
                self.visitor.ask("umount", self.mount)
            except DemoError as error:
                if time.monotonic() > deadline:
                    say(f"{error} It is detached; it goes when nobody uses it any more.")
                    subprocess.run(["fusermount3", "-u", "-z", self.mount], check=False)
                    return
                time.sleep(POLL_SECONDS)

    def _wait_for_all_files(self) -> None:
        def all_are_there() -> bool:
            both = (self.owner.status(), self.visitor.status())
            return all(status["arenas"][0]["files"] == self.count for status in both)

        self.count = count_files(self.root)
        say(f"indexing {self.count} files …")
        wait_until(all_are_there, SETTLE_SECONDS * 10, "Not all files are listed at the visitor")
