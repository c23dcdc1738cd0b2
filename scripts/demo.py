"""`make demo`: a household of two on this machine, to be tried out; CHECK=1 tries it itself.

Two peers with homes in a temporary folder: `owner`, who owns a copy of SRC, and `visitor`, who
joined by an invitation and is mounted at DIR. Everything is done by the `realizefs` command, as
a person would. Ctrl-C (or SIGTERM) ends it: both are stopped, DIR is unmounted, the folder goes.
"""

import argparse
import io
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from errno import EHOSTUNREACH
from pathlib import Path
from types import FrameType
from typing import Any

REALIZEFS = Path(__file__).parents[1] / ".venv" / "bin" / "realizefs"
MARK = "user.realize.mark"

COPY_BYTES_MAX = 4 * 1024**3
"""Bytes of SRC at most: more would fill the disk of somebody who only wants to look."""

SETTLE_SECONDS = 60.0
"""Seconds that a check waits for what the daemon does in the background."""

POLL_SECONDS = 0.05
STOP_SECONDS = 20.0


class DemoError(Exception):
    """Why the demo can't go on; a sentence."""


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
        self._port = ""

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
        """Serve in the background, from the second time on at the same port."""
        if self._port:
            config = self.owner.home / "config.toml"
            config.write_text(config.read_text().replace("localhost:0", f"localhost:{self._port}"))
        with self._log.open("ab") as log:
            self.serving = subprocess.Popen(
                [REALIZEFS, "--home", self.owner.home, "serve"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for us, who stop it in order
            )
        self.owner.ask("status", "--wait", "30")
        status = json.loads(self.owner.ask("status", "--json"))
        self._port = status["listen"][0].rpartition(":")[2]

    def stop_owner(self) -> None:
        """As if the owner's machine were switched off."""
        if self.serving is not None:
            self.serving.terminate()
            self.serving.wait(STOP_SECONDS)
            self.serving = None

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
        files = json.loads(self.owner.ask("status", "--json"))["arenas"][0]

        def same() -> bool:
            owned = json.loads(self.owner.ask("status", "--json"))["arenas"][0]["files"]
            seen = json.loads(self.visitor.ask("status", "--json"))["arenas"][0]["files"]
            return bool(owned == seen == self.count)

        self.count = count_files(self.root)
        say(f"indexing {self.count} files …")
        wait_until(same, SETTLE_SECONDS * 10, f"{files['name']} is not complete at the visitor")


@dataclass(frozen=True)
class Samples:
    """Paths, relative to the arena, that are worth a try."""

    file: str
    offline: str
    folder: str
    inside: str


def choose_samples(root: Path) -> Samples:
    """Two files outside of a folder with files of its own, and that folder."""
    folders = [
        path
        for path in sorted(root.rglob("*"))
        if path.is_dir() and not path.is_symlink() and 1 <= len(plain_files(path)) <= 200
    ]
    for folder in folders:
        others = [
            path
            for path in sorted(root.rglob("*"))
            if is_plain(path) and folder not in path.parents and path.stat().st_size
        ]
        if len(others) >= 2:
            chosen = [str(path.relative_to(root)) for path in (others[0], others[-1], folder)]
            inside = str(plain_files(folder)[0].relative_to(root))
            return Samples(chosen[0], chosen[1], chosen[2], inside)
    raise DemoError("SRC is too small to show something: it needs a folder and some files beside.")


def five_things(demo: Demo, samples: Samples) -> list[tuple[str, list[str]]]:
    """What to try, as (why, commands)."""
    command = f"{shell(REALIZEFS)} --home {shell(demo.visitor.home)}"
    file, offline, folder, inside = (
        shell(demo.mount / name)
        for name in (samples.file, samples.offline, samples.folder, samples.inside)
    )
    return [
        (
            "Browse: every file is listed, none is stored here.",
            [f"ls -lR {shell(demo.mount)} | less"],
        ),
        (
            "Read a file: its bytes are fetched, and cached; info says where they are.",
            [f"cat {file}", f"{command} info {file}"],
        ),
        (
            "Keep a folder: it is complete here, and stays, offline too.",
            [
                f"setfattr -n {MARK} -v keep {folder}",
                f"{command} info {inside}",
            ],
        ),
        (
            "Own a folder: it becomes plain files in this machine's root.",
            [
                f"setfattr -n {MARK} -v own {folder}",
                f"ls -l {shell(demo.visitor_root / samples.folder)}",
            ],
        ),
        (
            "Switch the owner off: what is here reads on, the rest says so at once.",
            [
                f"kill {demo.serving.pid if demo.serving else '?'}",
                f"cat {inside}",
                f"cat {offline}   # no route to host",
            ],
        ),
    ]


class Checks:
    """The five things, done and compared."""

    def __init__(self, demo: Demo, samples: Samples) -> None:
        self._demo = demo
        self._samples = samples

    def all(self) -> list[tuple[str, Callable[[], None]]]:
        """(what, how) in order; each builds on those before."""
        return [
            ("browse: all files are listed, with their sizes", self.browse),
            ("read: the same bytes as the owner's, cached then", self.read),
            ("keep: a folder is complete in the cache", self.keep),
            ("own: a folder is plain files in the visitor's root", self.own),
            ("offline: what is here reads, the rest fails at once", self.offline),
        ]

    def browse(self) -> None:
        """The listing of the mount is that of the owner's root."""
        here, there = listing(self._demo.mount), listing(self._demo.root)
        expect(here == there, f"{len(here)} entries here, {len(there)} at the owner")

    def read(self) -> None:
        """Content and status of one file."""
        path, original = self._both(self._samples.file)
        expect(self._status(path) in ("remote", "cached"), f"it is {self._status(path)} already")
        expect(path.read_bytes() == original.read_bytes(), f"{path} differs")
        self._wait_for_cached(path)

    def keep(self) -> None:
        """A mark on a folder, and what becomes of what is in it."""
        folder = self._demo.mount / self._samples.folder
        os.setxattr(folder, MARK, b"keep")
        for original in plain_files(self._demo.root / self._samples.folder):
            path = folder / original.name
            self._wait_for_cached(path)

    def own(self) -> None:
        """Regular files with the same bytes and times."""
        os.setxattr(self._demo.mount / self._samples.folder, MARK, b"own")
        for original in plain_files(self._demo.root / self._samples.folder):
            real = self._demo.visitor_root / self._samples.folder / original.name
            wait_until(real.is_file, SETTLE_SECONDS, f"{real} isn't there")
            expect(real.read_bytes() == original.read_bytes(), f"{real} differs")
            same_time = real.stat().st_mtime_ns == original.stat().st_mtime_ns
            expect(same_time, f"{real} has another mtime")

    def offline(self) -> None:
        """The owner away and back."""
        self._demo.stop_owner()
        for name in (self._samples.file, self._samples.inside):
            path, original = self._both(name)
            expect(path.read_bytes() == original.read_bytes(), f"{path} differs")
        path, original = self._both(self._samples.offline)
        expect(bool(os.listdir(self._demo.mount)), "the mount lists nothing")
        began = time.monotonic()
        try:
            path.read_bytes()
        except OSError as error:
            expect(error.errno == EHOSTUNREACH, f"reading {path} gave {error.strerror}")
        else:
            raise DemoError(f"{path} was read, though nobody has it here")
        expect(time.monotonic() - began < 5, "the failure took too long")
        self._demo.start_owner()
        wait_until(lambda: readable(path, original), SETTLE_SECONDS, f"{path} doesn't come back")

    def _both(self, name: str) -> tuple[Path, Path]:
        return self._demo.mount / name, self._demo.root / name

    def _wait_for_cached(self, path: Path) -> None:
        wait_until(lambda: self._status(path) == "cached", SETTLE_SECONDS, f"{path} isn't cached")

    def _status(self, path: Path) -> str:
        return str(self._demo.visitor.info(path)["status"])


def main() -> int:
    """The exit status: 0 if all was well."""
    options = parser().parse_args()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="surrogateescape")  # names are bytes, and printed as such
    signal.signal(signal.SIGTERM, interrupt)
    signal.signal(signal.SIGHUP, interrupt)
    signal.signal(signal.SIGINT, interrupt)
    try:
        with ExitStack() as undo:
            return run(Path(os.path.realpath(options.dir)), options.src.resolve(), options, undo)
    except (DemoError, OSError, subprocess.SubprocessError) as error:
        say(f"The demo can't go on: {error}")
        return 1
    except KeyboardInterrupt:
        say("Interrupted; nothing is left.")
        return 130


def run(mount: Path, src: Path, options: argparse.Namespace, undo: ExitStack) -> int:
    """Set up, show or check; everything is undone when `undo` is closed."""
    check_source(src, mount)
    samples = choose_samples(src)
    undo.enter_context(mount_point(mount))
    work = Path(undo.enter_context(temporary_folder()))
    demo = Demo(mount, work)
    try:
        demo.set_up(src, undo)
    except DemoError:
        say(demo.last_words())
        raise
    if options.check:
        return run_checks(Checks(demo, samples))
    show(demo, samples)
    try:
        while True:
            signal.pause()
    except KeyboardInterrupt:
        say("Unmounting and cleaning up …")
        return 0


def run_checks(checks: Checks) -> int:
    """One line a check; 0 only if all worked. A check after a failed one is tried all the same."""
    failures = 0
    for what, how in checks.all():
        try:
            how()
        except (DemoError, OSError) as error:
            failures += 1
            say(f"failed  {what}: {error}")
        else:
            say(f"ok      {what}")
    return 1 if failures else 0


def show(demo: Demo, samples: Samples) -> None:
    """What there is, and what to try."""
    say(f"""
{demo.mount} shows the {demo.count} files of another peer, the owner.
  the owner's files     {demo.root}
  this machine's files  {demo.visitor_root} (plain files once they are marked own)

Five things worth trying, in another terminal:""")
    for number, (why, commands) in enumerate(five_things(demo, samples), start=1):
        say(f"\n{number}. {why}")
        for command in commands:
            say(f"     {command}")
    say("\nCtrl-C ends it and leaves nothing behind.")


def check_source(src: Path, mount: Path) -> None:
    """SRC must be a folder of a size that can be copied; DIR must not be in it."""
    if not src.is_dir():
        raise DemoError(f"SRC {src} is not a folder.")
    if mount.is_relative_to(src):
        raise DemoError(f"DIR {mount} is inside SRC {src}; choose another DIR.")
    total = 0
    for folder, _, names in os.walk(src):
        for name in names:
            total += os.lstat(os.path.join(folder, name)).st_size
        if total > COPY_BYTES_MAX:
            raise DemoError(f"SRC {src} has more than 4 GiB; choose a smaller folder.")
    free = shutil.disk_usage(tempfile.gettempdir()).free
    if 3 * total > free:
        raise DemoError(f"SRC {src} has {total} bytes; there isn't room for the demo's copies.")


@contextmanager
def mount_point(mount: Path) -> Iterator[None]:
    """DIR, made if missing and then removed again; one with files in it is refused."""
    if os.path.ismount(mount):
        raise DemoError(f"Something is mounted at DIR {mount} already; choose another DIR.")
    if not mount.parent.is_dir():
        raise DemoError(f"DIR {mount} can't be made: there is no folder {mount.parent}.")
    made = not mount.exists()
    if made:
        mount.mkdir()
    elif not mount.is_dir() or any(mount.iterdir()):
        raise DemoError(f"DIR {mount} is not an empty folder; choose another DIR.")
    try:
        yield
    finally:
        if made and not os.path.ismount(mount):
            mount.rmdir()


@contextmanager
def temporary_folder() -> Iterator[str]:
    """Goes in the end, read-only folders of the copy included."""
    folder = tempfile.mkdtemp(prefix="realizefs-demo-")
    try:
        yield folder
    finally:
        for path, _, _ in os.walk(folder):
            os.chmod(path, 0o700)
        shutil.rmtree(folder)


def copy_tree(src: Path, target: Path) -> None:
    """Like cp -a: links stay links, times and modes stay; what can't be read is left out."""
    done = subprocess.run(
        ["cp", "-a", "--no-preserve=ownership", "--", f"{src}/.", target],
        capture_output=True,
        text=True,
        check=False,
    )
    if not target.is_dir():
        raise DemoError(f"{src} can't be copied: {done.stderr.strip()}")
    if done.returncode:
        say(f"Not all of {src} could be copied: {done.stderr.strip().splitlines()[0]}")


def listing(top: Path) -> dict[str, tuple[bool, int]]:
    """Path → (whether it is a folder, size of a file); the arena's own state left out."""
    found: dict[str, tuple[bool, int]] = {}
    for folder, folders, names in os.walk(top):
        if ".realize" in folders and Path(folder) == top:
            folders.remove(".realize")
        for name in [*folders, *names]:
            path = Path(folder, name)
            if not (path.is_symlink() or path.is_file() or path.is_dir()):
                continue  # devices, sockets and fifos stay where they are
            is_folder = path.is_dir() and not path.is_symlink()
            found[str(path.relative_to(top))] = (
                is_folder,
                0 if is_folder else path.lstat().st_size,
            )
    return found


def count_files(top: Path) -> int:
    """Regular files."""
    return sum(1 for name in listing(top) if is_plain(top / name))


def plain_files(folder: Path) -> list[Path]:
    """Regular files directly in a folder."""
    return sorted(path for path in folder.iterdir() if is_plain(path))


def is_plain(path: Path) -> bool:
    """A regular file that isn't the arena's own."""
    return path.is_file() and not path.is_symlink() and ".realize" not in path.parts


def readable(path: Path, original: Path) -> bool:
    """Whether a file reads as the owner has it."""
    try:
        return path.read_bytes() == original.read_bytes()
    except OSError as error:
        if error.errno != EHOSTUNREACH:
            raise
        return False


def wait_until(condition: Callable[[], bool], seconds: float, otherwise: str) -> None:
    """Until it is true; DemoError after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise DemoError(f"{otherwise}, after {seconds:.0f} s")
        time.sleep(POLL_SECONDS)


def expect(truth: bool, otherwise: str) -> None:
    """DemoError unless true."""
    if not truth:
        raise DemoError(otherwise)


def interrupt(_number: int, _frame: FrameType | None) -> None:
    """Any of the signals that end us, as Ctrl-C does; once, so that cleaning up isn't broken off."""
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def shell(path: Path) -> str:
    """A path as it can be pasted into a shell."""
    return shlex.quote(str(path))


def say(text: str) -> None:
    """To the terminal, at once."""
    print(text, flush=True)


def parser() -> argparse.ArgumentParser:
    """--dir, --src, --check."""
    made = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    made.add_argument("--dir", type=Path, default=Path.home() / "arena", help="where to mount")
    made.add_argument("--src", type=Path, default=Path("/usr/include"), help="what to copy")
    made.add_argument("--check", action="store_true", help="try everything, say ok or failed")
    return made


if __name__ == "__main__":
    sys.exit(main())
