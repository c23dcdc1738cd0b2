"""How soon a machine sees what another does, and what it can do while others wait for a peer.

    .venv/bin/python scripts/bench_mount_live.py [READERS]

Two daemons on loopback, the second mounted. First, many times each: from a change of the first
machine's file to `stat`, `ls`, `read` and a watcher of the second's mount. Then the first machine
stops answering while READERS (200) processes of the second read files that aren't there yet; how
long `ls`, `df` and a read of cached bytes take meanwhile, and when and with what the readers end.
"""

import errno
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from select import select
from typing import IO

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.household.conftest import running_household
from tests.household.machines import Pair
from tests.mount.watching import Watcher

ROUNDS = 50
READERS = 200
FILE_BYTES = 300_000
BOUND_MS = {"visible": 100, "meanwhile": 50}
READ = """
import os, sys, time
def read(path):
    start = time.monotonic()
    try:
        open(path, "rb").read()
        return 0, time.monotonic() - start
    except OSError as error:
        return error.errno, time.monotonic() - start
ready, go = os.pipe()
for path in sys.argv[1:]:
    if not os.fork():
        os.close(go)
        os.read(ready, 1)
        os.write(1, b"%d %f\\n" % read(path))
        os._exit(0)
print("ready", flush=True)
sys.stdin.read(1)
os.close(go)
for path in sys.argv[1:]:
    os.wait()
"""
"""A program that reads each file in a process of its own, all at once when told to."""


def main(readers: int) -> int:
    """Print both tables."""
    with tempfile.TemporaryDirectory() as directory, running_household(Path(directory)) as house:
        pair = house.pair()
        print_row("milliseconds", "median", "95 %", "worst", "aim")
        visibility(pair)
        waiting(pair, readers)
    return 0


def print_row(name: str, *cells: object) -> None:
    """One line of a table."""
    print(f"{name:48}" + "".join(f"{cell!s:>12}" for cell in cells), flush=True)


def print_times(name: str, seconds: list[float], bound: int) -> None:
    """Median, 95th percentile and maximum."""
    times = sorted(one * 1000 for one in seconds)
    high = times[int(len(times) * 0.95)]
    cells = [f"{one:.1f}" for one in (statistics.median(times), high, times[-1])]
    print_row(name, *cells, f"< {bound}")


def until(condition: Callable[..., bool], *arguments: object) -> float:
    """Ask until it holds; the seconds that took."""
    start = time.monotonic()
    while not condition(*arguments):
        if time.monotonic() - start > 30:
            raise TimeoutError
        time.sleep(0.001)
    return time.monotonic() - start


def bytes_of(path: Path) -> bytes:
    """The content; b"" while the version that is shown is already gone at its holder."""
    try:
        return path.read_bytes()
    except OSError as error:
        if error.errno not in (errno.EIO, errno.EHOSTUNREACH):
            raise
        return b""


def visibility(pair: Pair) -> None:
    """From the first machine's system call on."""
    theirs, ours = pair.files / "file", pair.mnt / "file"
    pair.write("file", "first")
    rows: dict[str, list[float]] = {}
    with Watcher(pair.mnt) as watcher:
        for number in range(ROUNDS):
            content = b"%d" % number * (number + 7)
            theirs.write_bytes(content)
            took = until(lambda size: ours.stat().st_size == size, len(content))
            rows.setdefault("edit → stat", []).append(took)
            theirs.write_bytes(content + b"other")
            took = until(lambda wanted: bytes_of(ours) == wanted, content + b"other")
            rows.setdefault("edit → read", []).append(took)
            watcher.read()
            watcher.heard.clear()
            name = f"new {number}"
            (pair.files / name).touch()
            took = until(lambda name: ("create", name) in watcher.read(), name)
            rows.setdefault("create → watcher", []).append(took)
            (pair.files / f"newer {number}").touch()
            took = until(lambda name: name in os.listdir(pair.mnt), f"newer {number}")
            rows.setdefault("create → ls", []).append(took)
            (pair.files / name).unlink()
            took = until(lambda name: not (pair.mnt / name).exists(), name)
            rows.setdefault("delete → stat", []).append(took)
    for name, times in rows.items():
        print_times(name, times, BOUND_MS["visible"])


def waiting(pair: Pair, readers: int) -> None:
    """What goes on while many wait."""
    for number in range(readers):
        (pair.files / f"far {number}").write_bytes(os.urandom(FILE_BYTES))
    pair.write("near", os.urandom(FILE_BYTES)).read_bytes()
    until((pair.mnt / f"far {readers - 1}").exists)
    until(lambda: (pair.mnt / f"far {readers - 1}").stat().st_size == FILE_BYTES)
    pid = pair.alice.pid
    assert pid is not None, "alice serves"
    os.kill(pid, signal.SIGSTOP)
    command = [sys.executable, "-I", "-S", "-c", READ]
    command += [str(pair.mnt / f"far {number}") for number in range(readers)]
    try:
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as running:
            assert running.stdin is not None
            assert running.stdout is not None
            running.stdout.readline()
            measure("before", calls(pair), lambda: False)
            running.stdin.write("x")
            running.stdin.flush()
            answers = running.stdout
            measure(f"while {readers} wait", calls(pair), lambda: is_readable(answers))
            ends = [line.split() for line in running.stdout]
    finally:
        os.kill(pid, signal.SIGCONT)
    failures = {errno.errorcode.get(int(end[0]), "success") for end in ends}
    times = sorted(float(end[1]) for end in ends)
    shown = f"{times[0]:.2f} to {times[-1]:.2f} s"
    print_row(f"{len(ends)} readers ended with {', '.join(sorted(failures))} after", shown)


def is_readable(stream: IO[str]) -> bool:
    """Whether something has come."""
    return bool(select([stream], [], [], 0)[0])


def calls(pair: Pair) -> dict[str, Callable[[], object]]:
    """What needs no peer; the last is what the machine itself is held up by."""
    return {
        "ls": lambda: os.listdir(pair.mnt),
        "ls -l": lambda: [one.stat() for one in os.scandir(pair.mnt)],
        "df": lambda: os.statvfs(pair.mnt),
        "cached read": (pair.mnt / "near").read_bytes,
        "ls -l, not in the mount": lambda: [one.stat() for one in os.scandir(pair.files)],
    }


def measure(when: str, calls: dict[str, Callable[[], object]], ended: Callable[[], bool]) -> None:
    """Call all, over and over, ROUNDS times or until the first reader has ended."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    while not ended() and (when != "before" or len(times["df"]) < ROUNDS):
        for name, call in calls.items():
            start = time.monotonic()
            call()
            times[name].append(time.monotonic() - start)
        time.sleep(0.01)
    for name, taken in times.items():
        print_times(f"{name}, {when}", taken, BOUND_MS["meanwhile"])


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else READERS))
