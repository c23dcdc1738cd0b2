"""How fast do bytes move between two machines? Beside sshfs, rclone over sftp, rsync and scp.

    .venv/bin/python scripts/bench_transfer.py [MEBIBYTES [FILES [FETCHED]]]

Two daemons on loopback TLS, the second mounted, and an ssh server on a loopback port for the
others, all over the same files and in one run. Then what an update of the big file brings over the
wire, by what was changed in it. Of the others what isn't installed is left out; the server is needed.

The big files have MEBIBYTES (256), the one that is fetched FETCHED (as many), the folders FILES (1,000)
of 4 KiB. The first byte is the median over FIRST_FILES, each a quarter of a big one. Everything is
uncached at the side that reads, and in the page cache at the side that has it.
"""

import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parents[1]))

from scripts.mount_ways import mounted, need_ssh_server, ssh_server
from tests.household.conftest import running_household
from tests.household.machines import Pair, word
from tests.household.waiting import until

MIB = 1 << 20
PIECE = 128 * 1024
FIRST_FILES = 5
RANDOM_READS = 100
SMALL_READS_MAX = 500
"""rclone reads six a second."""
SECONDS_MAX = 600.0
"""Seconds after which one measurement is given up: `timeout` ends the others' programs."""

Rows = dict[str, dict[str, float]]
"""Row → way → its figure; more is better, but for rows that end in "ms" or "s"."""


def timed(work: Callable[[], object]) -> float:
    """Seconds that it takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


FOLDERS = ("small", "browsed")


def make(files: Path, sizes: dict[str, int], count: int) -> None:
    """The big files, one for each way of reading, and the folders of small ones."""
    for name, mebibytes in sizes.items():
        with (files / f".{name}").open("wb") as file:
            for _ in range(mebibytes):
                file.write(random.randbytes(MIB))
        (files / f".{name}").rename(files / name)
    for folder in FOLDERS:
        (files / folder).mkdir()
        for number in range(count):
            (files / folder / f"{number}").write_bytes(random.randbytes(4096))


def read_first(path: Path) -> None:
    """Its first byte."""
    with path.open("rb", buffering=0) as file:
        file.read(1)


def read_all(path: Path) -> None:
    """As `cat` does."""
    with path.open("rb", buffering=0) as file:
        while file.read(PIECE):
            pass


def read_randomly(path: Path) -> None:
    """RANDOM_READS of 4 KiB, anywhere."""
    size = path.stat().st_size
    with path.open("rb", buffering=0) as file:
        for _ in range(RANDOM_READS):
            os.pread(file.fileno(), 4096, random.randrange(size - 4096))


def read_some(folder: Path, names: list[str]) -> None:
    """Some files of a folder, one after the other."""
    for name in names:
        (folder / name).read_bytes()


def through_mount(rows: Rows, way: str, mnt: Path) -> None:
    """The rows of reading through a mount."""
    size = (mnt / "sequential").stat().st_size
    first = median(timed(partial(read_first, path)) for path in mnt.glob("first*"))
    rows["first byte, ms"][way] = first * 1000
    rows["sequential read, MB/s"][way] = size / timed(lambda: read_all(mnt / "sequential")) / 1e6
    rows["random 4 KiB reads, /s"][way] = RANDOM_READS / timed(
        lambda: read_randomly(mnt / "random")
    )
    names = sorted(os.listdir(mnt / "browsed"))[:SMALL_READS_MAX]
    rows["small files read one by one, /s"][way] = len(names) / timed(
        lambda: read_some(mnt / "browsed", names)
    )


def copied(rows: Rows, way: str, command: list[str], files: Path, target: Path) -> None:
    """The rows of copying by a program; `command` ends in the source's prefix."""
    *words, prefix = command

    def copy(name: str) -> None:
        subprocess.run(
            ["timeout", str(SECONDS_MAX), *words, f"{prefix}{files / name}", target],
            check=True,
            capture_output=True,
        )

    target.mkdir()
    size = (files / "fetched").stat().st_size
    rows["fetch of the big file, MB/s"][way] = size / timed(lambda: copy("fetched")) / 1e6
    count = len(list((files / "small").iterdir()))
    rows["small files fetched, /s"][way] = count / timed(lambda: copy("small"))
    if way == "rsync":
        copy("updated")


def ours(rows: Rows, pair: Pair) -> None:
    """All rows through our mount and `fetch`, which ends when all is here, as the others do."""
    through_mount(rows, "realizefs", pair.mnt)

    def fetch(name: str) -> None:
        pair.bob.ask("fetch", pair.mnt / name)

    size = (pair.files / "fetched").stat().st_size
    rows["fetch of the big file, MB/s"]["realizefs"] = size / timed(lambda: fetch("fetched")) / 1e6
    count = len(list((pair.files / "small").iterdir()))
    rows["small files fetched, /s"]["realizefs"] = count / timed(lambda: fetch("small"))


def listed(folder: Path) -> int:
    """Names in a folder, which may not be there yet."""
    return len(os.listdir(folder)) if folder.exists() else 0


def wait_listed(folder: Path, count: int) -> None:
    """Until so many names are in it."""
    until(lambda: listed(folder) == count, "all are listed", SECONDS_MAX)


def wait_cached(pair: Pair, name: str) -> None:
    """Until the version that alice has now is bob's, complete."""
    stat = (pair.files / name).stat()

    def is_here() -> bool:
        seen = pair.mnt / name
        now = seen.stat()
        same = (now.st_size, now.st_mtime_ns) == (stat.st_size, stat.st_mtime_ns)
        return same and word(seen) == "cached"

    until(is_here, f"{name} is here", SECONDS_MAX)


@contextmanager
def changed(path: Path) -> Iterator[bytearray]:
    """The content of a file, which is replaced by what it becomes."""
    content = bytearray(path.read_bytes())
    yield content
    new = path.with_name(f".{path.name}")
    new.write_bytes(content)
    new.rename(path)


def insert_at_front(content: bytearray) -> None:
    """A header."""
    content[:0] = b"a thousand bytes".ljust(1000)


def edit_in_the_middle(content: bytearray) -> None:
    """A word."""
    middle = len(content) // 2
    content[middle : middle + 7] = b"an edit"


def append(content: bytearray) -> None:
    """A log."""
    content += random.randbytes(MIB)


def scatter(content: bytearray) -> None:
    """4 KiB each hundred: what a machine does to the image of its disk; one percent of it."""
    for at in range(0, len(content) - 4096, 400 * 1024):
        content[at : at + 4096] = random.randbytes(4096)


CHANGES = {
    "1,000 bytes inserted at the front": insert_at_front,
    "7 bytes edited in the middle": edit_in_the_middle,
    "1 MiB appended": append,
    "1 % written, in pages of 4 KiB": scatter,
}


def updates(rows: Rows, pair: Pair, ssh: list[str], copy: Path) -> list[str]:
    """What each change of the fetched file brings over the wire, and the seconds of the last one
    beside rsync's."""
    lines = []
    pair.bob.ask("mark", "set", "keep", pair.mnt / "updated")
    wait_cached(pair, "updated")
    for what, change in CHANGES.items():
        before = pair.bob.status()["wire"]
        with changed(pair.files / "updated") as content:
            change(content)
        rows["update of 1 %, s"]["realizefs"] = timed(lambda: wait_cached(pair, "updated"))
        wire = pair.bob.status()["wire"]
        came, went = (wire[way] - before[way] for way in ("bytes_in", "bytes_out"))
        lines.append(f"  {what:<36} {came:>12,} {went:>12,} {len(content):>14,}")
    if shutil.which("rsync"):
        rows["update of 1 %, s"]["rsync"] = timed(
            lambda: subprocess.run(
                ["rsync", "-a", "--no-whole-file", "-e", " ".join(ssh),
                 f"localhost:{pair.files / 'updated'}", copy],
                check=True,
                capture_output=True,
            )
        )  # fmt: skip
    return lines


def others(rows: Rows, pair: Pair, port: int, key: Path, work: Path) -> list[str]:
    """The rows of the other programs; the ssh command that reaches the server."""
    known = ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", f"IdentityFile={key}"]
    options = [word for each in known for word in ("-o", each)]
    ssh = ["ssh", "-p", str(port), *options]
    if shutil.which("rsync"):
        copied(
            rows,
            "rsync",
            ["rsync", "-a", "-e", " ".join(ssh), "localhost:"],
            pair.files,
            work / "r",
        )
    if shutil.which("scp"):
        command = ["scp", "-q", "-r", "-P", str(port), *options, "localhost:"]
        copied(rows, "scp", command, pair.files, work / "s")
    if shutil.which("sshfs"):
        where = ",".join([f"port={port}", *known])
        with mounted(["sshfs", "-f", f"localhost:{pair.files}", "{mnt}", "-o", where], work) as mnt:
            through_mount(rows, "sshfs", mnt)
    if shutil.which("rclone"):
        remote = f":sftp,host=localhost,port={port},key_file={key}:{pair.files}"
        cache: list[str | Path] = [
            "--cache-dir",
            work / "rclone-cache",
            "--config",
            work / "none.conf",
        ]
        program: list[str | Path] = ["rclone", "mount", remote, "{mnt}", "--vfs-cache-mode", "full"]
        with mounted([*program, *cache], work) as mnt:
            through_mount(rows, "rclone", mnt)
    return ssh


def show(rows: Rows) -> None:
    """The table, each figure with how much better we are."""
    ways = ["realizefs", "sshfs", "rclone", "rsync", "scp"]
    print(f"  {'':<30}" + "".join(f"{way:>18}" for way in ways))
    for row, figures in rows.items():
        mine = figures.get("realizefs", 0.0)
        less_is_better = row.endswith((" ms", " s"))
        line = f"  {row:<30}"
        for way in ways:
            if way not in figures:
                line += f"{'-':>18}"
                continue
            other = figures[way]
            ratio = (other / mine) if less_is_better else (mine / other)
            line += f"{other:>10,.1f}" + (f" ({ratio:>4.1f})" if way != "realizefs" else " " * 8)
        print(line)
    print("  In brackets: how many times as good ours is.")


def main(mebibytes: int, count: int, fetched: int) -> None:
    """Print both tables."""
    need_ssh_server()  # before a minute's work is done in vain
    rows: Rows = {
        "first byte, ms": {},
        "sequential read, MB/s": {},
        "random 4 KiB reads, /s": {},
        "small files read one by one, /s": {},
        "fetch of the big file, MB/s": {},
        "small files fetched, /s": {},
        "update of 1 %, s": {},
    }
    sizes = dict.fromkeys(("sequential", "random", "updated"), mebibytes)
    sizes |= {f"first{number}": max(1, mebibytes // 4) for number in range(FIRST_FILES)}
    sizes["fetched"] = fetched or mebibytes
    with tempfile.TemporaryDirectory(prefix="realizefs-bench-") as place:
        work = Path(place)
        with running_household(work / "household") as household:
            (work / "household").mkdir(exist_ok=True)
            pair = household.pair()
            pair.bob.ask("arena", "set", "docs", "--cache-max", "100GiB")
            make(pair.files, sizes, count)
            for name, size in sizes.items():
                pair.seen(name, size * MIB)
            for folder in FOLDERS:
                wait_listed(pair.mnt / folder, count)
            with ssh_server(work) as (port, key):
                ssh = others(rows, pair, port, key, work)
                ours(rows, pair)
                lines = updates(rows, pair, ssh, work / "r")
    show(rows)
    print(f"\n  {'an update by':<36} {'bytes in':>12} {'bytes out':>12} {'of':>14}")
    print("\n".join(lines))


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[1:]]
    main(*(numbers + [256, 1000, 0][len(numbers) :]))
