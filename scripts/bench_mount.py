"""How fast is the mount? Against the directory itself, bindfs, rclone and sshfs, in one run.

    .venv/bin/python scripts/bench_mount.py [--files N] [--size MIB] [--only WAY,…]
    make bench ARGS=mount

It makes 100,000 small files and one of 1 GiB by default, and leaves nothing behind. A run that is
interrupted shows the rows that it has.
"real" is the mount of a peer that owns the files, "unreal" that of one that holds none of them,
but has the big file in its cache. Cold rows begin with the kernel's caches dropped, so they need
root. Behind the figures comes how many times as fast our mounts were as each of the others, with a
mark at what misses its aim: ahead of rclone and sshfs, ahead of bindfs at listing and within 1.5
times of it elsewhere, and 0.8 times the native directory at what is warm.

What isn't installed is left out. A row ends after ROW_SECONDS with what was done by then, or without
a figure, and no way is begun after RUN_SECONDS. Nobody else should be busy meanwhile.
"""

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from scripts.demo.saying import DemoError
from scripts.mount_ways import NATIVE, OTHERS, Way, owning, visiting

FILES_A_DIRECTORY = 1000
BIG = "big.bin"
SAMPLE = 20_000
"""Files that are looked up one by one."""

SMALL_FILES = 10_000
SMALL = bytes(4096)
RANDOM_SECONDS = 3.0
MIB = 1 << 20
OURS = ("real", "unreal")

ROW_SECONDS = 60.0
"""Seconds for one figure."""

RUN_SECONDS = 600.0
"""Seconds after which no further way is begun."""


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
        """Print it, and then how our mounts stand to the others."""
        self._line("", self.ways)
        for row, cells in self.cells.items():
            self._line(row, [_shown(cells.get(way)) for way in self.ways])
        for ours in OURS:
            if ours in self.ways:
                self._compare(ours)

    def _compare(self, ours: str) -> None:
        """How many times as fast as each of the others, with a mark at what misses its aim."""
        others = [way for way in self.ways if way not in OURS]
        print()
        self._line(f"{ours}: times as fast as", others)
        for row in self.cells:
            ratios = {way: self._ratio(row, ours, way) for way in others}
            shown = [
                "-" if ratio is None else f"{ratio:.2f}{'!' if ratio < _aim(row, way) else ' '}"
                for way, ratio in ratios.items()
            ]
            self._line(row, shown)

    def _ratio(self, row: str, one: str, other: str) -> float | None:
        mine, theirs = self.cells[row].get(one), self.cells[row].get(other)
        if not mine or not theirs:
            return None
        return mine / theirs if self.better[row] > 0 else theirs / mine

    def _line(self, title: str, cells: Sequence[str]) -> None:
        print(f"{title:34}" + "".join(f"{cell:>12}" for cell in cells))


def _shown(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"


def _aim(row: str, way: str) -> float:
    """How many times as fast as another way a row should be at least."""
    if way == "native":
        return 0.8 if row in ("stat/s, warm", "sequential read, warm, MB/s") else 0.0
    if way == "bindfs" and not row.startswith(("find", "ls")):
        return 1 / 1.5
    return 1.0


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
    """A command whose output nobody reads; TimeoutExpired after ROW_SECONDS."""

    def work() -> None:
        subprocess.run(
            command,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            check=True,
            timeout=ROW_SECONDS,
        )

    return work


def each(names: Sequence[Path], work: Callable[[Path], object]) -> float:
    """How many of them are worked through a second, in ROW_SECONDS at most."""
    began, done = time.perf_counter(), 0
    while done < len(names) and time.perf_counter() - began < ROW_SECONDS:
        work(names[done])
        done += 1
    return done / (time.perf_counter() - began)


class Rows:
    """The rows of one way."""

    def __init__(self, table: Table, way: str) -> None:
        self._table = table
        self._way = way

    def rate(self, row: str, rate: float) -> None:
        """More is better."""
        self._table.put(row, self._way, rate, 1)
        self._say(row, rate)

    def seconds(self, row: str, work: Callable[[], object]) -> None:
        """Less is better; no figure if it takes too long."""
        try:
            seconds = timed(work)
        except subprocess.TimeoutExpired:
            print(f"{self._way}: {row} takes more than {ROW_SECONDS:.0f} s.", flush=True)
            return
        self._table.put(row, self._way, seconds, -1)
        self._say(row, seconds)

    def _say(self, row: str, value: float) -> None:
        print(f"{self._way}: {row} {_shown(value)}", file=sys.stderr, flush=True)


def read_rows(rows: Rows, at: Path) -> None:
    """What only reads."""
    names = list(_some_files(at / "tree"))
    cold()
    rows.rate("lookups/s, cold", each(names, os.stat))
    rows.rate("stat/s, warm", each(names, os.stat))
    for title, command in (("find", ("find", at / "tree")), ("ls -lR", ("ls", "-lR", at / "tree"))):
        cold()
        rows.seconds(f"{title}, cold, s", run(*command))
        rows.seconds(f"{title}, warm, s", run(*command))
    size = (at / BIG).stat().st_size / 1e6
    copy = run("dd", f"if={at / BIG}", "of=/dev/null", "bs=1M")
    cold()
    rows.rate("sequential read, cold, MB/s", size / timed(copy))
    timed(copy)
    rows.rate("sequential read, warm, MB/s", size / timed(copy))
    cold()
    rows.rate("4 KiB random reads/s, cold", random_reads(at / BIG))
    timed(copy)
    rows.rate("4 KiB random reads/s, warm", random_reads(at / BIG))


def write_rows(rows: Rows, at: Path, archive: Path, size: int) -> None:
    """What writes, in a directory of its own that is removed again."""
    new = at / "new"
    new.mkdir()
    small = [new / str(number) for number in range(SMALL_FILES)]
    rows.rate("create+write+close/s", each(small, make_small))
    rows.rate("sequential write, MB/s", write_big(new / "written", size))
    rows.seconds("untar a source tree, s", run("tar", "-xf", archive, "-C", new))
    shutil.rmtree(new)


def make_small(path: Path) -> None:
    """A file of 4 KiB."""
    with path.open("wb") as file:
        file.write(SMALL)


def write_big(path: Path, size: int) -> float:
    """MB/s of `size` MiB, durable in the end, in ROW_SECONDS at most."""
    block = random.Random(2).randbytes(MIB)
    began, done = time.perf_counter(), 0
    with path.open("wb") as file:
        while done < size and time.perf_counter() - began < ROW_SECONDS:
            file.write(block)
            done += 1
        file.flush()
        os.fsync(file.fileno())
    return done * MIB / 1e6 / (time.perf_counter() - began)


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
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # and nothing is left behind
    try:
        measure(table, wanted, options.files, options.size)
    finally:
        table.show()  # of a run that was interrupted, what there is
    return 0


def measure(table: Table, wanted: set[str], files: int, size: int) -> None:
    """Fill the table: the native directory, our two mounts, then the ways of others."""
    began = time.monotonic()
    lacking = [one for way in OTHERS for one in way.packages if way.missing]
    if lacking:
        print(f"Of what it compares with, some is missing: apt-get install {' '.join(lacking)}")
    with tempfile.TemporaryDirectory(prefix="bench-mount-") as place:
        work = Path(place)
        source = work / "source"
        make_tree(source, files, size)
        archive = make_archive(work)
        if not wanted or "native" in wanted:
            measure_other(table, NATIVE, (source, work, archive), size)
        if not wanted or wanted & set(OURS):
            measure_ours(table, (source, work, archive), files, size)
        for way in OTHERS:
            if way.missing or (wanted and way.name not in wanted):
                continue
            if time.monotonic() - began > RUN_SECONDS:
                print(f"{way.name} is left out: {RUN_SECONDS:.0f} s are over.")
                continue
            measure_other(table, way, (source, work, archive), size)


def measure_ours(table: Table, places: tuple[Path, Path, Path], files: int, size: int) -> None:
    """The mount of an owner by itself, then that of a peer that visits it."""
    source, work, archive = places
    with owning(source, work, files + 1) as (owner, real):
        read_rows(Rows(table, "real"), real)
        write_rows(Rows(table, "real"), real, archive, size)
        with visiting(owner, work, BIG, files + 1) as unreal:
            read_rows(Rows(table, "unreal"), unreal)


def measure_other(table: Table, way: Way, places: tuple[Path, Path, Path], size: int) -> None:
    """One way; what fails on it is said, and the others go on."""
    source, work, archive = places
    try:
        with way.over(source, work) as at:
            read_rows(Rows(table, way.name), at)
            write_rows(Rows(table, way.name), at, archive, size)
    except (OSError, subprocess.SubprocessError, DemoError) as error:
        print(f"{way.name} failed: {error}", flush=True)
    finally:
        shutil.rmtree(source / "new", ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
