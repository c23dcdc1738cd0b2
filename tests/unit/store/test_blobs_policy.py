"""Who leaves a full cache: daily files stay, whatever is read once (`core.evict`, in earnest)."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from realizefs.model.ids import Inode
from realizefs.model.limits import KIB, MIB
from realizefs.store.blobs import Blobs
from realizefs.store.env import Environment
from tests.unit.store.cached import Minutes, any_may_go, at_most, cache, contents, fill, version

LIMIT = 4 * MIB
FILE = 64 * KIB
DAILY = range(2, 34)
"""Half of the cache."""


@pytest.fixture
def clock() -> Minutes:
    return Minutes()


@pytest.fixture
def blobs(env: Environment, tmp_path: Path, clock: Minutes) -> Iterator[Blobs]:
    with cache(env, tmp_path, LIMIT, clock) as blobs:
        yield blobs


def use(blobs: Blobs, clock: Minutes, ino: int, size: int = FILE) -> bool:
    """Read all of a file as a fetcher does; whether all of it was there."""
    clock.now += 2
    wanted = version(f"f{ino}", size)
    found = blobs.open_existing(Inode(ino), wanted.hash)
    if found is not None:
        data = found.read(0, size)
        found.close()
        if data is not None:
            return True
    blob = blobs.open(Inode(ino), wanted)
    for at in range(0, size, FILE):
        blobs.store(blob, at, bytes([ino % 251]) * min(FILE, size - at), any_may_go)
    blob.close()
    return False


def days(blobs: Blobs, clock: Minutes, count: int) -> None:
    for _ in range(count):
        for ino in DAILY:
            use(blobs, clock, ino)
        blobs.flush()
        clock.now += 60 * 24


def still_here(blobs: Blobs) -> int:
    return sum(contents(blobs, ino, f"f{ino}", FILE) is not None for ino in DAILY)


def test_a_scan_through_many_files_leaves_the_daily_ones(blobs: Blobs, clock: Minutes) -> None:
    days(blobs, clock, 4)
    for ino in range(100, 500):
        use(blobs, clock, ino)
    assert still_here(blobs) == len(DAILY)


def test_a_scan_through_a_huge_file_leaves_the_daily_ones(blobs: Blobs, clock: Minutes) -> None:
    days(blobs, clock, 4)
    use(blobs, clock, 100, 10 * LIMIT)
    use(blobs, clock, 100, 10 * LIMIT)
    assert still_here(blobs) == len(DAILY)


def test_what_is_used_again_gets_in(blobs: Blobs, clock: Minutes) -> None:
    """And what was used every day some time ago makes room in the end."""
    days(blobs, clock, 3)
    for _ in range(8):
        for ino in range(100, 160):
            use(blobs, clock, ino)
    assert sum(use(blobs, clock, ino) for ino in range(100, 160)) > 45


def test_reading_on_is_one_use(blobs: Blobs, clock: Minutes) -> None:
    """A film that is watched for two hours is no better than a file that was opened once."""
    days(blobs, clock, 2)
    for _ in range(1000):
        clock.now += 0.1
        blob = blobs.open_existing(Inode(2), version("f2", 0).hash)
        assert blob is not None
        blob.close()
    assert blobs._uses.count(Inode(2)) == blobs._uses.count(Inode(3)) + 1


def test_how_often_is_known_after_a_restart(
    env: Environment, blobs: Blobs, clock: Minutes, tmp_path: Path
) -> None:
    days(blobs, clock, 4)
    blobs.close()
    again = Blobs(env, blobs.moves.directory, at_most(LIMIT), clock)
    again.recover()
    for ino in range(100, 300):
        use(again, clock, ino)
    assert still_here(again) == len(DAILY)
    again.close()
    blobs._space.settle(0, again.usage() - blobs.usage())


def test_what_may_not_go_is_not_met_at_every_eviction(blobs: Blobs, clock: Minutes) -> None:
    """R1: the last copies anywhere stay, and aren't looked at again and again."""
    for ino in range(2, 62):
        fill(blobs, ino, f"f{ino}", FILE)
    blobs.flush()
    asked: list[int] = []

    def may_drop(_: object, ino: Inode, __: object) -> bool:
        asked.append(ino)
        return ino >= 32

    assert blobs.evict(1, may_drop) == FILE
    assert len(asked) < 35
    asked.clear()
    assert blobs.evict(1, may_drop) == FILE
    assert len(asked) < 5
    assert blobs.evict(LIMIT, lambda *_: False) == 0


def test_the_smallest_caches_keep_nothing_and_break_nothing(blobs: Blobs, clock: Minutes) -> None:
    for limit in (0, 1, os.statvfs("/").f_frsize):
        blobs.limits = at_most(limit)
        assert not use(blobs, clock, 2)
        assert not use(blobs, clock, 2)
        assert blobs.usage() == 0
