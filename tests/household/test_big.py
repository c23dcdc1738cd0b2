"""Sizes that take minutes, with their figures: `make test-big`."""

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.household.conftest import Household
from tests.household.machines import Machine, Pair, wait_word
from tests.household.test_big_file import read_middle, same, write_random
from tests.household.waiting import until

pytestmark = [pytest.mark.big, pytest.mark.timeout(1800)]

TOPS, FOLDERS, FILES = 50, 40, 50
COUNT = TOPS * FOLDERS * FILES
"""100,000 files in 2,000 directories, 2,000 files in each of the 50 above those."""
MEMORY_MAX = 200_000_000
LONG = 900.0


class Figures:
    """A table that grows; printed at the end."""

    def __init__(self, title: str) -> None:
        self._lines = [title]

    def note(self, what: str, value: str) -> None:
        self._lines.append(f"  {what:<58} {value:>12}")

    def timed(self, what: str, work: Callable[[], object]) -> None:
        began = time.monotonic()
        work()
        self.note(what, f"{time.monotonic() - began:.1f} s")

    def show(self) -> None:
        print("\n" + "\n".join(self._lines))  # noqa: T201


def peak(machine: Machine) -> int:
    """Bytes of memory that its daemon had at most."""
    status = Path(f"/proc/{machine.pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


def make_files(root: Path) -> None:
    for top in range(TOPS):
        for folder in range(FOLDERS):
            path = root / f"top {top}" / f"folder {folder}"
            path.mkdir(parents=True)
            for number in range(FILES):
                (path / f"file {number}").write_text(f"{top} {folder} {number}\n" * 10)


def count_files(directory: Path) -> int:
    found = subprocess.run(["find", directory, "-type", "f"], capture_output=True, check=True)
    return found.stdout.count(b"\n")


def wait_files(machine: Machine) -> None:
    until(lambda: machine.arena()["files"] == COUNT, "all are known", LONG, every=0.25)


def test_a_hundred_thousand_files(household: Household) -> None:
    figures = Figures(f"{COUNT:,} files in {TOPS * FOLDERS:,} directories")
    try:
        measure(household, figures)
    finally:
        figures.show()


def measure(household: Household, figures: Figures) -> None:
    alice, bob = household.machine("alice"), household.machine("bob")
    files, mnt = alice.directory / "files", bob.directory / "mnt"
    make_files(files)
    mnt.mkdir()
    alice.serve()
    began = time.monotonic()
    alice.share("docs", files)
    wait_files(alice)
    figures.note("the owner scans and indexes them", f"{time.monotonic() - began:.1f} s")
    bob.serve()
    bob.ask("join", alice.ask("invite", "docs"), bob.directory / "files")
    began = time.monotonic()
    bob.ask("mount", mnt)
    wait_files(bob)
    figures.note("the other has caught up", f"{time.monotonic() - began:.1f} s")
    figures.timed("find -type f through the mount, first", lambda: count_files(mnt))
    figures.timed("find -type f through the mount, again", lambda: count_files(mnt))
    listing = ["ls", "-lR", str(mnt)]
    figures.timed("ls -lR", lambda: subprocess.run(listing, check=True, capture_output=True))
    assert count_files(mnt) == COUNT
    diff = ["diff", "-r", f"{files}/top 7", f"{mnt}/top 7"]
    figures.timed("diff -r of 2,000 files", lambda: subprocess.run(diff, check=True))
    figures.note("peak memory of the mounting peer", f"{peak(bob) / 1e6:.0f} MB")
    assert peak(bob) < MEMORY_MAX
    figures.note("peak memory of the owner", f"{peak(alice) / 1e6:.0f} MB")
    bob.stop()
    figures.timed("the mounting peer starts again", lambda: bob.ask("mount", mnt))
    assert count_files(mnt) == COUNT
    figures.note("its peak memory then, all listed once", f"{peak(bob) / 1e6:.0f} MB")
    assert peak(bob) < MEMORY_MAX


def test_a_file_of_one_gib(own_pair: Pair) -> None:
    pair, size = own_pair, 1 << 30
    figures = Figures("one file of 1 GiB")
    write_random(pair, "film", size)
    seen = pair.seen("film", size)
    fetched = read_middle(pair, "film", size)
    figures.note("bytes on the wire for 4 KiB in the middle", f"{fetched:,}")
    assert fetched < 2 << 20
    original = pair.files / "film"
    figures.timed("all of it is fetched and compared", lambda: same(original, seen))
    assert same(original, seen)
    wait_word(seen, "cached")
    figures.note("bytes on the wire in all", f"{pair.bob.status()['wire']['bytes_in']:,}")
    pair.alice.stop()
    pair.bob.ask("umount", pair.mnt)  # so that nothing is in the kernel's cache
    pair.remount()
    equal: list[bool] = []
    figures.timed(
        "compared again, offline and from the cache",
        lambda: equal.append(same(original, seen)),
    )
    assert equal == [True]
    figures.note("peak memory of the mounting peer", f"{peak(pair.bob) / 1e6:.0f} MB")
    figures.show()
    assert peak(pair.bob) < MEMORY_MAX
    assert os.stat(seen).st_size == size
