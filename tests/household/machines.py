"""A household of real processes: each machine has a home of its own, and everything is done by
the `realizefs` command, as a person would do it."""

import errno
import json
import os
import random
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from realizefs.cli.client import Client
from realizefs.model.errors import NoDaemon
from tests.fakes import schemas
from tests.household.waiting import SECONDS, until

REALIZEFS = Path(sys.executable).with_name("realizefs")
PYCACHE = Path(__file__).parents[2] / ".cache" / "pycache"
STATUS = "user.realize.status"
MARK = "user.realize.mark"


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    status: int
    out: str
    err: str


class Machine:
    """One machine: `home` of its peer, and a place for its files below `directory`.

    Its port stays the same over restarts, as that of a real machine does.
    """

    def __init__(self, directory: Path, name: str) -> None:
        self.name = name
        self.directory = directory
        self.home = directory / "home"
        self.log = directory / "serve.log"
        self.port = free_port()
        self.home.mkdir(parents=True)
        self._serving: subprocess.Popen[bytes] | None = None
        self.config.write_text(f'name = "{name}"\nlisten = ["localhost:{self.port}"]\n')

    @property
    def config(self) -> Path:
        return self.home / "config.toml"

    def command(self, *arguments: str | Path) -> list[str]:
        return [str(REALIZEFS), "--home", str(self.home), *map(str, arguments)]

    @property
    def environment(self) -> dict[str, str]:
        """Compiled modules are kept, whatever the caller wants: there are hundreds of starts."""
        inherited = {
            key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"
        }
        return {**inherited, "PYTHONPYCACHEPREFIX": str(PYCACHE)}

    def run(self, *arguments: str | Path, cwd: Path | None = None) -> Done:
        """A command, whatever comes of it."""
        done = subprocess.run(
            self.command(*arguments),
            capture_output=True,
            check=False,
            timeout=2 * SECONDS,
            cwd=cwd,
            env=self.environment,
        )
        out, err = (text.decode("utf-8", "surrogateescape") for text in (done.stdout, done.stderr))
        if "--json" in arguments:
            schemas.check_answers([str(word) for word in arguments], out)
        return Done(done.returncode, out, err)

    def ask(self, *arguments: str | Path) -> str:
        """What a command that must work prints."""
        done = self.run(*arguments)
        assert done.status == 0, f"{arguments} ended with {done.status}: {done.err}"
        assert "Traceback" not in done.err
        return done.out.strip()

    def ask_json(self, *arguments: str | Path) -> Any:
        """What a command prints with --json."""
        return json.loads(self.ask(*arguments, "--json"))

    def refused(self, *arguments: str | Path) -> str:
        """The one sentence on stderr of a command that must fail."""
        done = self.run(*arguments)
        assert done.status in (1, 2), f"{arguments} ended with {done.status}: {done.out}{done.err}"
        assert done.err.count("\n") == 1, done.err
        assert done.err.startswith("realizefs: "), done.err
        assert done.out == ""
        return done.err.strip()

    def serve(self) -> None:
        """Start `realizefs serve`, and wait until it is up."""
        with self.log.open("ab") as log:
            self._serving = subprocess.Popen(
                self.command("serve"),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self.environment,
            )
        self.ask("status", "--wait", "60")

    def share(self, name: str, root: Path, mark: str = "own") -> None:
        self.ask("arena", "add", name, root, "--mark", mark)

    @property
    def pid(self) -> int | None:
        """The process of the daemon that runs here."""
        with suppress(NoDaemon):
            return int(self.status()["pid"])
        return None

    def status(self) -> Any:
        """What `status --json` prints, without the time that starting a command takes."""
        return Client(str(self.home)).ask_running("status", {})

    def arena(self, name: str = "docs") -> Any:
        """The line of one arena in the status."""
        return next(each for each in self.status()["arenas"] if each["name"] == name)

    def connected(self, other: "Machine") -> bool:
        peers = {peer["name"]: peer["connected"] for peer in self.status()["peers"]}
        return peers.get(other.name, False)

    def info(self, path: str | Path) -> Any:
        return self.ask_json("info", path)

    def kill(self) -> None:
        """SIGKILL: as if the power went."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """SIGTERM: as if the machine were shut down."""
        self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> None:
        pid = self.pid
        assert pid is not None, f"no daemon of {self.name} runs"
        end_process(pid, number)
        if self._serving is not None and self._serving.pid == pid:
            self._serving.wait(SECONDS)
            self._serving = None

    def finish(self) -> None:
        """Leave no process behind, whatever the test did."""
        for pid in processes_naming(self.home):
            end_process(pid, signal.SIGTERM)
        if self._serving is not None:
            self._serving.wait(SECONDS)

    def log_text(self) -> str:
        """All that its daemons had to say."""
        files = [self.log, *sorted(self.home.glob("daemon.log*"))]
        return "".join(file.read_text(errors="replace") for file in files if file.exists())


@dataclass(frozen=True)
class Pair:
    """`alice` owns the arena "docs" in `files`; `bob` has joined it, with the arena root `root`
    and the mount `mnt`."""

    alice: Machine
    bob: Machine
    files: Path
    root: Path
    mnt: Path

    def write(self, name: str, content: bytes | str) -> Path:
        """A file of alice's, complete at once; its path in bob's mount once it is there."""
        whole = content.encode() if isinstance(content, str) else content
        path = self.files / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(whole)
        return self.seen(name, len(whole))

    def seen(self, name: str, size: int) -> Path:
        """Wait until bob sees a file of that size."""
        path = self.mnt / name
        until(lambda: path.exists() and path.stat().st_size == size, f"bob sees {name}")
        return path

    def remount(self) -> None:
        """A new daemon of bob's with the mount; while the old one is dead."""
        self.bob.ask("mount", self.mnt)

    def wait_connected(self) -> None:
        until(lambda: self.bob.connected(self.alice), "bob is connected to alice")


def word(path: Path) -> str:
    """The status word of a path in a mount."""
    return os.getxattr(path, STATUS).decode()


def wait_word(path: Path, wanted: str) -> None:
    until(lambda: path.exists() and word(path) == wanted, f"{path.name} is {wanted}")


def readable(path: Path) -> bool:
    """Whether all of a file can be read; it may need a peer that isn't here yet."""
    try:
        path.read_bytes()
    except OSError as error:
        if error.errno != errno.EHOSTUNREACH:
            raise
        return False
    return True


def failure(call: Any, *arguments: Any) -> int:
    """The errno that a call fails with."""
    try:
        call(*arguments)
    except OSError as error:
        return error.errno or 0
    raise AssertionError(f"{call} was to fail")


def free_port() -> int:
    """A port that is free, below those that outgoing connections are given."""
    tries = random.SystemRandom()
    for _ in range(100):
        port = tries.randrange(10000, 32000)
        with closing(socket.socket()) as tried, suppress(OSError):
            tried.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port is free")


@contextmanager
def suspended(pid: int | None) -> Iterator[None]:
    """Meanwhile that process, if there is one, does nothing: what is done is seen by it all at once."""
    if pid is not None:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        if pid is not None:
            os.kill(pid, signal.SIGCONT)


def end_process(pid: int, number: signal.Signals) -> None:
    """Send a signal and wait for the end of the process, by force if it takes too long."""
    try:
        watched = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        signal.pidfd_send_signal(watched, number)
        if not select.select([watched], [], [], SECONDS)[0]:
            signal.pidfd_send_signal(watched, signal.SIGKILL)
            select.select([watched], [], [], SECONDS)
            raise AssertionError(f"process {pid} did not end by {number.name}")
    except ProcessLookupError:
        return
    finally:
        os.close(watched)


def processes_naming(directory: Path) -> list[int]:
    """Processes that have a path below `directory` on their command line."""
    needle = os.fsencode(directory)
    return [pid for pid, line in _command_lines() if needle in line and pid != os.getpid()]


def _command_lines() -> Iterator[tuple[int, bytes]]:
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with suppress(OSError):
                yield int(entry), Path("/proc", entry, "cmdline").read_bytes()


def mounts_below(directory: Path) -> list[Path]:
    """Mount points below a directory, the innermost first."""
    points = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    found = [Path(point.encode().decode("unicode_escape")) for point in points]
    return [point for point in reversed(found) if point.is_relative_to(directory)]
