"""How long do local changes of names take? Through the mount, against the native directory.

    .venv/bin/python scripts/bench_local.py [FILES]

FILES (1000) small files are made, renamed and deleted one after the other, in the mount of a
daemon of its own and in a plain directory on the same disk, in turn. The mount's index has them
when they are renamed and deleted. The median of the rounds counts; the ratio says how many of the
native calls one through the mount costs, whatever else the machine does.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

ROUNDS = 3
WAIT_SECONDS = 60

PROGRAM = "from realizefs.cli.main import main; raise SystemExit(main())"

Step = Callable[[Path, int], None]


def create(directory: Path, number: int) -> None:
    """A file with a byte in it."""
    fd = os.open(directory / f"file {number}", os.O_CREAT | os.O_EXCL | os.O_WRONLY)
    os.write(fd, b"x")
    os.close(fd)


def rename(directory: Path, number: int) -> None:
    """To a name beside it."""
    (directory / f"file {number}").rename(directory / f"renamed {number}")


def unlink(directory: Path, number: int) -> None:
    """What was renamed."""
    (directory / f"renamed {number}").unlink()


STEPS: dict[str, Step] = {"create, write, close": create, "rename": rename, "unlink": unlink}


def timed(step: Step, directory: Path, files: int) -> float:
    """Seconds."""
    start = time.perf_counter()
    for number in range(files):
        step(directory, number)
    return time.perf_counter() - start


class Daemon:
    """A daemon with one arena, mounted over its root."""

    def __init__(self, base: Path) -> None:
        self.mnt = base / "arena"
        self._home = base / "home"

    def ask(self, *words: str) -> str:
        """What a command prints."""
        command = [sys.executable, "-c", PROGRAM, *words, "--home", str(self._home)]
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout

    def settle(self, files: int) -> None:
        """Wait until the index has so many files and nothing is left to do."""
        deadline = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < deadline:
            [arena] = json.loads(self.ask("status", "--json"))["arenas"]
            if (arena["files"], arena["pending"]) == (files, 0):
                return
            time.sleep(0.1)
        raise SystemExit(f"the index never had {files} files")


@contextmanager
def mounted(base: Path) -> Iterator[Daemon]:
    """A daemon that is gone at the end."""
    daemon = Daemon(base)
    daemon.mnt.mkdir()
    daemon.ask("init", "--listen", "localhost:0")
    daemon.ask("mount", str(daemon.mnt))
    try:
        yield daemon
    finally:
        daemon.ask("umount", str(daemon.mnt))


def main(files: int) -> None:
    """Measure and print the table."""
    seconds: dict[tuple[str, str], list[float]] = {}
    with tempfile.TemporaryDirectory() as place:
        native = Path(place) / "native"
        native.mkdir()
        with mounted(Path(place)) as daemon:
            inside = daemon.mnt / "inside"
            inside.mkdir()
            (inside / "stays").write_text("stays")
            for _ in range(ROUNDS):
                for name, step in STEPS.items():
                    seconds.setdefault((name, "native"), []).append(timed(step, native, files))
                    seconds.setdefault((name, "mount"), []).append(timed(step, inside, files))
                    daemon.settle(1 if step is unlink else files + 1)
    print(f"{files} files, {ROUNDS} rounds, calls a second:")
    print(f"{'':<22}{'native':>12}{'mount':>12}{'ratio':>8}")
    for name in STEPS:
        plain, ours = (median(seconds[name, where]) for where in ("native", "mount"))
        print(f"{name:<22}{files / plain:>12,.0f}{files / ours:>12,.0f}{ours / plain:>8.1f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
