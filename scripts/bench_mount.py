"""How fast is the mount? Against the directory itself, bindfs, rclone and sshfs, in one run.

    .venv/bin/python scripts/bench_mount.py [--files N] [--size MIB] [--only WAY,…]
    make bench ARGS=mount

It makes 100,000 small files and one of 1 GiB by default, in a temporary directory. Nothing is left
behind, and a run that is interrupted shows the rows that it has.

"real" is the mount of a peer that owns the files, "unreal" that of one that holds none of them,
but has the big file in its cache. Cold rows begin with the kernel's caches dropped, so they need
root. Each cell has its value and, behind it, how it stands to the native directory in the same run
(2.00 is twice as fast). What isn't installed of the others is left out.
"""

import argparse
import os
import random
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from scripts.mount_ways import OTHERS, realizefs

FILES_A_DIRECTORY = 1000
BIG = "big.bin"
SAMPLE = 20_000
"""Files that are looked up one by one."""

SMALL_FILES = 10_000
SMALL = bytes(4096)
RANDOM_SECONDS = 3.0
MIB = 1 << 20


@dataclass
class Table:
    """Figures by row and way; `better` is +1 where more is better, -1 where less is."""

    ways: list[str] = field(default_factory=list)
    cells: dict[str, dict[str, float]] = field(default_factory=dict)
    better: dict[str, int] = field(default_factory=dict)

    def put(self, row: str, way: str, value: float, better: int) -> None:
        """One figure."""
        self.cells.setdefault(row, {})[way] = value
        self.better[row] = better
        if way not in self.ways:
            self.ways.append(way)

    def show(self) -> None:
        """Print it."""
        print(f"{'':34}" + "".join(f"{way:>20}" for way in self.ways))
        for row, cells in self.cells.items():
            base = cells.get("native")
            line = f"{row:34}"
            for way in self.ways:
                value = cells.get(way)
                line += f"{'-':>20}" if value is None else f"{self._cell(row, value, base):>20}"
            print(line)

    def _cell(self, row: str, value: float, base: float | None) -> str:
        shown = f"{value:,.0f}" if value >= 100 else f"{value:.2f}"
        if not base:
            return shown
        ratio = value / base if self.better[row] > 0 else base / value
        return f"{shown} ({ratio:.2f})"


def make_tree(root: Path, files: int, size: int) -> None:
    """`files` small files in directories of a thousand, and the big one."""
    content = random.Random(1)
    for number in range(files):
        directory = root / "tree" / f"d{number // FILES_A_DIRECTORY:03}"
        if number % FILES_A_DIRECTORY == 0:
            directory.mkdir(parents=True)
        (directory / f"f{number:06}").write_bytes(b"%d" % number)
    with (root / BIG).open("wb") as big:
        for _ in range(size):
            big.write(content.randbytes(MIB))


def cold() -> None:
    """Drop the kernel's pages, names and inodes."""
    os.sync()
    Path("/proc/sys/vm/drop_caches").write_text("3")


def timed(work: Callable[[], object]) -> float:
    """Seconds."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def run(*command: str | Path) -> Callable[[], object]:
    """A command whose output nobody reads."""

    def work() -> None:
        subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=True)

    return work


def read_rows(table: Table, way: str, at: Path) -> None:
    """What only reads."""
    names = list(_some_files(at / "tree"))
    for heat in ("cold", "warm"):
        if heat == "cold":
            cold()
        rate = len(names) / timed(lambda: [os.stat(name) for name in names])
        table.put("lookups/s, cold" if heat == "cold" else "stat/s, warm", way, rate, 1)
    for title, command in (("find", ("find", at / "tree")), ("ls -lR", ("ls", "-lR", at / "tree"))):
        cold()
        table.put(f"{title}, cold, s", way, timed(run(*command)), -1)
        table.put(f"{title}, warm, s", way, timed(run(*command)), -1)
    size = (at / BIG).stat().st_size / 1e6
    copy = run("dd", f"if={at / BIG}", "of=/dev/null", "bs=1M")
    cold()
    table.put("sequential read, cold, MB/s", way, size / timed(copy), 1)
    timed(copy)
    table.put("sequential read, warm, MB/s", way, size / timed(copy), 1)
    cold()
    table.put("4 KiB random reads/s, cold", way, random_reads(at / BIG), 1)
    timed(copy)
    table.put("4 KiB random reads/s, warm", way, random_reads(at / BIG), 1)


def write_rows(table: Table, way: str, at: Path, archive: Path, size: int) -> None:
    """What writes, in a directory of its own that is removed again."""
    new = at / f"new by {way}"
    new.mkdir()
    seconds = timed(lambda: make_small(new))
    table.put("create+write+close/s", way, SMALL_FILES / seconds, 1)
    seconds = timed(lambda: write_big(new / "written", size))
    table.put("sequential write, MB/s", way, size * MIB / 1e6 / seconds, 1)
    unpack = run("tar", "-xf", archive, "-C", new)
    table.put("untar a source tree, s", way, timed(unpack), -1)
    shutil.rmtree(new)


def make_small(directory: Path) -> None:
    """Ten thousand files of 4 KiB."""
    for number in range(SMALL_FILES):
        with open(directory / f"{number}", "wb") as file:
            file.write(SMALL)


def write_big(path: Path, size: int) -> None:
    """`size` MiB, durable in the end."""
    block = random.Random(2).randbytes(MIB)
    with path.open("wb") as file:
        for _ in range(size):
            file.write(block)
        file.flush()
        os.fsync(file.fileno())


def random_reads(path: Path) -> float:
    """Reads of 4 KiB a second, anywhere in the file."""
    chance = random.Random(3)
    fd = os.open(path, os.O_RDONLY)
    try:
        blocks = os.fstat(fd).st_size // 4096
        count, began = 0, time.perf_counter()
        while time.perf_counter() - began < RANDOM_SECONDS:
            os.pread(fd, 4096, chance.randrange(blocks) * 4096)
            count += 1
        return count / (time.perf_counter() - began)
    finally:
        os.close(fd)


def _some_files(tree: Path) -> Iterator[Path]:
    found = sorted(tree.iterdir())
    yield from (
        directory / f"f{number:06}"
        for index, directory in enumerate(found)
        for number in range(
            index * FILES_A_DIRECTORY,
            index * FILES_A_DIRECTORY + min(FILES_A_DIRECTORY, SAMPLE // len(found)),
        )
    )


def make_archive(work: Path) -> Path:
    """The source tree that is unpacked: the standard library of this Python."""
    archive = work / "tree.tar"
    with tarfile.open(archive, "w") as made:
        made.add(os.path.dirname(os.__file__), "lib", filter=_no_packages)
    return archive


def _no_packages(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    return None if "site-packages" in member.name else member


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--size", type=int, default=1024, metavar="MIB")
    parser.add_argument("--only", default="", metavar="WAY,…")
    options = parser.parse_args()
    if os.geteuid() != 0:
        print("Cold caches need root.")
        return 2
    wanted = set(filter(None, options.only.split(",")))
    table = Table()
    try:
        measure(table, wanted, options.files, options.size)
    finally:
        table.show()  # of a run that was interrupted, what there is
    return 0


def measure(table: Table, wanted: set[str], files: int, size: int) -> None:
    """Fill the table: the ways of others, then the two mounts of ours."""
    with tempfile.TemporaryDirectory(prefix="bench-mount-") as place:
        work = Path(place)
        source = work / "source"
        make_tree(source, files, size)
        archive = make_archive(work)
        for way in OTHERS:
            if wanted and way.name not in wanted:
                continue
            if way.missing:
                print(f"{way.name} is left out: {', '.join(way.missing)} is not installed.")
                continue
            with way.over(source, work) as at:
                read_rows(table, way.name, at)
                write_rows(table, way.name, at, archive, size)
        if not wanted or wanted & {"real", "unreal"}:
            with realizefs(source, work, BIG, files + 1) as (real, unreal):
                read_rows(table, "real", real)
                read_rows(table, "unreal", unreal)
                write_rows(table, "real", real, archive, size)


if __name__ == "__main__":
    sys.exit(main())
