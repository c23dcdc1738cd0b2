"""How much the cache may take: `max`, what it leaves free, and what is kept all the same."""

import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from realizefs.model.cache_limits import Amount, CacheLimits, Disk
from realizefs.model.ids import Inode
from realizefs.model.limits import GIB, KIB, MIB
from realizefs.store.blobdir import BlobDirectory
from realizefs.store.blobs import Blobs
from realizefs.store.env import Environment
from realizefs.store.txn import Txn
from tests.unit.store.cached import (
    Minutes,
    any_may_go,
    at_most,
    cache,
    contents,
    fill,
    none_may_go,
    version,
)

LIMIT = 8 * MIB
FILE = 256 * KIB


class OtherPrograms:
    """A disk of 1 GiB, on which they leave some bytes free beside the cache."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.free = GIB
        self.cached: Callable[[], int] = int
        monkeypatch.setattr(BlobDirectory, "disk", lambda _: Disk(GIB, self.free - self.cached()))


@pytest.fixture
def others(monkeypatch: pytest.MonkeyPatch) -> OtherPrograms:
    return OtherPrograms(monkeypatch)


@pytest.fixture
def blobs(env: Environment, tmp_path: Path, others: OtherPrograms) -> Iterator[Blobs]:
    with cache(env, tmp_path, LIMIT, Minutes()) as blobs:
        others.cached = blobs.usage
        yield blobs


def fill_many(blobs: Blobs, count: int) -> None:
    for ino in range(2, 2 + count):
        fill(blobs, ino, f"f{ino}", FILE)
    blobs.flush()


def protect(env: Environment, blobs: Blobs, *inodes: int) -> None:
    with env.write() as txn:
        for ino in inodes:
            blobs.protect(txn, Inode(ino), True)


@pytest.mark.parametrize(
    ("limits", "used", "free", "allowed"),
    [
        (CacheLimits(Amount(100)), 0, 1000, 100),
        (CacheLimits(Amount(10, percent=True)), 0, 1000, 200),
        (CacheLimits(Amount(900), Amount(400)), 0, 1000, 600),
        (CacheLimits(Amount(900), Amount(400)), 300, 700, 600),
        (CacheLimits(Amount(900), Amount(25, percent=True)), 300, 300, 100),
        (CacheLimits(Amount(900), Amount(400)), 300, 50, 0),
        (CacheLimits(Amount(900)), 50, 20, 70),
    ],
)
def test_what_is_allowed(limits: CacheLimits, used: int, free: int, allowed: int) -> None:
    assert limits.allowed(Disk(2000, free), used) == allowed


def test_a_real_disk_is_looked_at(tmp_path: Path) -> None:
    fd = os.open(tmp_path, os.O_RDONLY)
    disk, stat = BlobDirectory(fd).disk(), os.statvfs(tmp_path)
    assert disk.total == stat.f_blocks * stat.f_frsize
    assert 0 <= disk.free <= disk.total
    os.close(fd)


def test_lowering_the_limit_evicts_in_the_background(blobs: Blobs) -> None:
    fill_many(blobs, 24)
    blobs.limits = at_most(2 * MIB)
    assert blobs.usage() == 6 * MIB
    assert blobs.shrink(any_may_go) == 0
    assert MIB < blobs.usage() <= 2 * MIB
    blobs.limits = at_most(0)
    assert blobs.shrink(any_may_go) == 0
    assert blobs.usage() == 0


def test_other_programs_get_their_room(blobs: Blobs, others: OtherPrograms) -> None:
    fill_many(blobs, 16)
    blobs.limits = CacheLimits(Amount(LIMIT), leave=Amount(100 * MIB))
    others.free = 103 * MIB
    assert blobs.shrink(any_may_go) == 0
    assert blobs.usage() <= 3 * MIB
    assert blobs.allowed == 3 * MIB
    others.free = 50 * MIB
    blobs.shrink(any_may_go)
    assert (blobs.usage(), blobs.allowed) == (0, 0)


def test_a_write_looks_at_the_disk_first(blobs: Blobs, others: OtherPrograms) -> None:
    fill_many(blobs, 8)
    blobs.limits = CacheLimits(Amount(LIMIT), leave=Amount(100 * MIB))
    others.free = 101 * MIB
    fill(blobs, 100, "new", FILE)
    assert blobs.usage() <= MIB
    others.free = 100 * MIB
    blob = blobs.open(Inode(101), version("newer", FILE))
    assert not blobs.store(blob, 0, bytes(FILE), any_may_go)
    blob.close()


def test_what_is_kept_may_exceed_max_and_is_reported(env: Environment, blobs: Blobs) -> None:
    for ino in range(2, 42):
        blob = blobs.open(Inode(ino), version(f"f{ino}", FILE))
        protect(env, blobs, ino)
        assert blobs.store(blob, 0, bytes(FILE), any_may_go, bound=False)
        blob.close()
    blobs.flush()
    assert blobs.usage() == 10 * MIB
    with env.read() as txn:
        assert blobs.excess(txn) == 2 * MIB
    assert blobs.shrink(any_may_go) == 2 * MIB
    other = blobs.open(Inode(100), version("watched", FILE))
    assert not blobs.store(other, 0, bytes(FILE), any_may_go)
    other.close()
    blobs.limits = at_most(12 * MIB)
    with env.read() as txn:
        assert blobs.excess(txn) == 0


def test_what_is_kept_leaves_the_disk_free_too(
    env: Environment, blobs: Blobs, others: OtherPrograms
) -> None:
    fill_many(blobs, 4)
    protect(env, blobs, 2, 3)
    blobs.limits = CacheLimits(Amount(LIMIT), leave=Amount(100 * MIB))
    others.free = 100 * MIB + 4 * FILE
    blob = blobs.open(Inode(100), version("kept", MIB))
    assert blobs.store(blob, 0, bytes(FILE), any_may_go, bound=False)
    assert contents(blobs, 4, "f4", FILE) is None or contents(blobs, 5, "f5", FILE) is None
    assert not blobs.store(blob, FILE, bytes(3 * FILE), any_may_go, bound=False)
    blob.close()
    assert contents(blobs, 2, "f2", FILE) is not None
    assert blobs.usage() <= 4 * FILE


def test_shrinking_in_vain_costs_no_look_at_the_queues(blobs: Blobs) -> None:
    fill_many(blobs, 8)
    blobs.limits = at_most(MIB)
    asked: list[int] = []

    def may_drop(_: object, ino: Inode, __: object) -> bool:
        asked.append(ino)
        return False

    assert blobs.shrink(may_drop) == MIB
    assert len(asked) == 8
    assert blobs.shrink(may_drop) == MIB
    assert len(asked) == 8


def test_outdated_and_deleted_go_first(env: Environment, blobs: Blobs) -> None:
    fill_many(blobs, 4)
    with env.write() as txn:
        blobs.protect(txn, Inode(5), True)
        blobs.follow(txn, Inode(4), None)
        blobs.follow(txn, Inode(5), version("a newer one", 0).hash)
    assert blobs.evict(2 * FILE, any_may_go) == 2 * FILE
    assert [ino for ino in range(2, 6) if contents(blobs, ino, f"f{ino}", FILE)] == [2, 3]


def test_a_version_that_comes_back_is_as_good_as_before(env: Environment, blobs: Blobs) -> None:
    fill_many(blobs, 2)
    with env.write() as txn:
        blobs.follow(txn, Inode(3), version("other", 0).hash)
        blobs.follow(txn, Inode(3), version("f3", 0).hash)
    blobs.touch(Inode(3))
    assert blobs.evict(1, any_may_go) == FILE
    assert contents(blobs, 3, "f3", FILE) is not None


def test_an_outdated_content_is_read_on(env: Environment, blobs: Blobs) -> None:
    """Whoever has the older version open finds it until there is a blob of the new one."""
    data = fill(blobs, 2, "old", FILE)
    with env.write() as txn:
        blobs.follow(txn, Inode(2), version("new", 0).hash)
    blobs.flush()
    assert contents(blobs, 2, "old", FILE) == data


def test_what_is_pinned_stays(blobs: Blobs) -> None:
    fill_many(blobs, 2)
    with blobs.pinned(Inode(2)), blobs.pinned(Inode(2)):
        assert blobs.evict(2 * FILE, any_may_go) == FILE
    assert blobs.evict(1, none_may_go) == 0
    assert blobs.evict(1, any_may_go) == FILE


def test_moving_between_queues_costs_the_same_in_any_cache(
    env: Environment, blobs: Blobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One delete and one put in the queue, one put of the row; the totals are written at the end."""
    fill_many(blobs, 8)
    calls: list[str] = []
    for name in ("put", "delete"):
        original = getattr(Txn, name)

        def count(txn: Txn, *arguments: bytes, name: str = name, call: object = original) -> object:
            calls.append(name)
            return call(txn, *arguments)  # type: ignore[operator]

        monkeypatch.setattr(Txn, name, count)
    with env.write() as txn:
        row = blobs.find(txn, Inode(4))
        assert row is not None
        moves: list[Callable[[], object]] = [
            partial(blobs.protect, txn, Inode(2), True),
            partial(blobs.follow, txn, Inode(3), None),
            partial(blobs._rows.to_front, txn, row),
        ]
        for move in moves:
            calls.clear()
            move()
            assert sorted(calls) == ["delete", "put", "put"]
