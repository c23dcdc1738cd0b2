"""Files larger than the cache: they stream through it, and leave it by parts."""

import os
from collections.abc import Iterator
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import pytest

from realizefs.model.ids import Inode
from realizefs.model.limits import KIB, MIB
from realizefs.model.ranges import Ranges
from realizefs.store import allocation
from realizefs.store import blob as blob_module
from realizefs.store.blob import Blob
from realizefs.store.blobs import Blobs
from realizefs.store.env import Environment
from realizefs.store.eviction import Evictor
from tests.unit.store.cached import (
    Minutes,
    any_may_go,
    at_most,
    cache,
    contents,
    disk_usage,
    fill,
    version,
)

LIMIT = MIB
SIZE = 8 * MIB
PIECE = 128 * KIB


class Crash(Exception):
    """The power fails here."""


@pytest.fixture
def blobs(env: Environment, tmp_path: Path) -> Iterator[Blobs]:
    with cache(env, tmp_path, LIMIT, Minutes()) as blobs:
        yield blobs


def stream(blobs: Blobs, blob: Blob, data: bytes, start: int = 0, end: int = SIZE) -> None:
    for at in range(start, end, PIECE):
        assert blobs.store(blob, at, data[at : at + PIECE], any_may_go)
        assert blob.read(at, PIECE) == data[at : at + PIECE]
        assert blobs.usage() <= LIMIT


def half_evicted(blobs: Blobs) -> tuple[Blob, bytes]:
    """An open file of half the cache, flushed, then less a quarter."""
    data = os.urandom(LIMIT // 2)
    blob = blobs.open(Inode(2), version("half", LIMIT // 2))
    for at in range(0, len(data), PIECE):
        assert blobs.store(blob, at, data[at : at + PIECE], any_may_go)
    blobs.flush()
    return blob, data


def test_a_file_larger_than_the_cache_streams(blobs: Blobs, tmp_path: Path) -> None:
    """And what was read last stays."""
    data = os.urandom(SIZE)
    blob = blobs.open(Inode(2), version("film", SIZE))
    stream(blobs, blob, data)
    assert disk_usage(tmp_path / "blobs") == blobs.usage() > LIMIT // 2
    assert blob.read(SIZE - LIMIT // 2, LIMIT // 2) == data[SIZE - LIMIT // 2 :]
    assert blob.read(0, 1) is None
    blobs.flush()
    stream(blobs, blob, data)
    blob.close()


def test_what_was_read_again_stays(blobs: Blobs) -> None:
    data = os.urandom(SIZE)
    blob = blobs.open(Inode(2), version("film", SIZE))
    for at in range(0, SIZE, PIECE):
        assert blobs.store(blob, at, data[at : at + PIECE], any_may_go)
        if at % (LIMIT // 4) == 0:
            assert blob.read(0, PIECE) == data[:PIECE]
        if at % (LIMIT // 2) == 0:
            blobs.flush()
    assert blob.covers(0, PIECE)
    assert not blob.covers(PIECE, 2 * PIECE)
    blob.close()


def test_two_large_files_share_the_cache(blobs: Blobs) -> None:
    films = [(blobs.open(Inode(i), version(f"film {i}", SIZE)), os.urandom(SIZE)) for i in (2, 3)]
    for at in range(0, SIZE, PIECE):
        for blob, data in films:
            stream(blobs, blob, data, at, at + PIECE)
    for blob, _ in films:
        blob.close()


def test_a_large_file_that_nobody_reads_leaves_by_parts(blobs: Blobs, env: Environment) -> None:
    blob, data = half_evicted(blobs)
    blob.close()
    blobs.flush()
    assert blobs.evict(1, any_may_go) == PIECE
    assert contents(blobs, 2, "half", PIECE) is None
    again = blobs.open(Inode(2), version("half", LIMIT // 2))
    assert again.ranges == Ranges.of(PIECE, LIMIT // 2)
    assert again.read(PIECE, PIECE) == data[PIECE : 2 * PIECE]
    with env.read() as txn:
        row = blobs.find(txn, Inode(2))
    assert row is not None
    assert (row.ranges, row.verified) == (again.ranges, False)
    again.close()


def test_the_end_of_a_file_leaves_with_its_last_block(blobs: Blobs, tmp_path: Path) -> None:
    size = LIMIT // 2 - 1000
    fill(blobs, 2, "odd", size)
    blob = blobs.open(Inode(2), version("odd", size))
    blob.read(0, size - PIECE)
    assert blobs.evict(1, any_may_go) == PIECE
    assert blob.ranges == Ranges.of(0, LIMIT // 2 - PIECE)
    assert disk_usage(tmp_path / "blobs") == blobs.usage() == LIMIT // 2 - PIECE
    blob.close()


def test_a_read_during_a_partial_eviction_gives_no_zeros(
    blobs: Blobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What goes is refetched; what stays is read in spite of it."""
    blob, data = half_evicted(blobs)
    preadv = os.preadv
    times = []

    def late(fd: int, buffers: list[memoryview], start: int) -> int:
        times.append(start)
        if len(times) == 1:
            blobs.evict(1, any_may_go)
        return preadv(fd, buffers, start)

    monkeypatch.setattr(os, "preadv", late)
    assert blob.read(2 * PIECE, PIECE) == data[2 * PIECE : 3 * PIECE]
    assert len(times) == 2
    times.clear()
    assert blob.read(PIECE, PIECE) is None
    blob.close()


def test_nothing_is_stored_where_a_hole_is_about_to_be(
    blobs: Blobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    blob, data = half_evicted(blobs)
    remove = Evictor._remove
    stored = []

    def late(evictor: Evictor, going: Any, *, keep: bool) -> int:
        stored.extend([blob.write(0, data[:PIECE]), blob.write(PIECE, data[PIECE : 2 * PIECE])])
        return remove(evictor, going, keep=keep)

    monkeypatch.setattr(Evictor, "_remove", late)
    blobs.evict(1, any_may_go)
    assert stored == [False, True]
    assert blobs.store(blob, 0, data[:PIECE], any_may_go)
    assert blob.read(0, len(data)) == data
    blob.close()


@pytest.mark.parametrize("point", ["before the hole", "after the hole"])
def test_a_partial_eviction_interrupted(
    blobs: Blobs, env: Environment, monkeypatch: pytest.MonkeyPatch, point: str, tmp_path: Path
) -> None:
    """The row forgot the parts before they went, so it promises nothing that isn't there."""
    blob, data = half_evicted(blobs)
    blob.close()
    blobs.flush()
    punch = allocation.punch_hole

    def crash(fd: int, start: int, end: int) -> None:
        if point == "after the hole":
            punch(fd, start, end)
        raise Crash

    with monkeypatch.context() as patched:
        patched.setattr(blob_module, "punch_hole", crash)
        with pytest.raises(Crash):
            blobs.evict(1, any_may_go)
    again = Blobs(env, blobs.moves.directory, at_most(LIMIT))
    assert again.recover() == 1
    other = again.open(Inode(2), version("half", LIMIT // 2))
    assert other.ranges == Ranges.of(PIECE, LIMIT // 2)
    assert other.read(PIECE, PIECE) == data[PIECE : 2 * PIECE]
    assert again.usage() == disk_usage(tmp_path / "blobs")
    other.close()
    again.flush()


def test_the_disk_never_has_more_than_the_limit(blobs: Blobs, tmp_path: Path) -> None:
    """Eight readers of ten times the cache, in files of all sizes. What is counted are the blocks
    that the disk says the blobs' files have, by each reader after each piece. No eviction begins or
    ends within a count, so that a file that grows isn't counted after one that shrinks for it."""
    start, wrong, counts = Barrier(8), list[str](), list[int]()
    data = os.urandom(SIZE)

    def reader(number: int) -> None:
        size = (SIZE, 3 * MIB, 300 * KIB, 40 * KIB)[number % 4]
        start.wait()
        for lap in range(10 * LIMIT // 8 // size + 1):
            ino = 10 + number % 2 if size == SIZE else 100 * number + lap
            blob = blobs.open(Inode(ino), version(f"f{ino}", size))
            for at in range(0, min(size, 2 * MIB), PIECE):
                expected = data[at : min(at + PIECE, size)]
                blobs.store(blob, at, expected, any_may_go)
                with blobs._turn:
                    counts.append(disk_usage(tmp_path / "blobs"))
                if blob.read(at, PIECE) not in (None, expected):
                    wrong.append(f"{number} got other bytes at {at}")
            blob.close()

    threads = [Thread(target=reader, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert LIMIT // 2 < max(counts) <= LIMIT
