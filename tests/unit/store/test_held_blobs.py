"""Blobs that stay open from one read to the next are in nobody's way."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from realizefs.model.ids import Inode
from realizefs.model.limits import KIB, MIB
from realizefs.store.blob import Blob
from realizefs.store.blobs import Blobs
from realizefs.store.env import Environment
from realizefs.sync.reading import HELD_MAX, LOOK_SECONDS, Reading
from tests.unit.store.cached import Minutes, any_may_go, cache, fill, version

FILE = Inode(2)
SIZE = 64 * KIB


@pytest.fixture
def blobs(env: Environment, tmp_path: Path) -> Iterator[Blobs]:
    with cache(env, tmp_path, 8 * MIB, Minutes()) as blobs:
        yield blobs


def read(reading: Reading, ino: Inode, name: str) -> Blob | None:
    """What one read does: the blob is closed again."""
    blob = reading.open(ino, version(name, SIZE).hash)
    if blob is not None:
        blob.close()
    return blob


async def test_a_blob_is_open_until_it_is_not_read_any_more(
    blobs: Blobs, autojump_clock: MockClock
) -> None:
    fill(blobs, FILE, "a", SIZE)
    blobs.flush()
    reading = Reading(blobs)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(reading.run)
        blob = read(reading, FILE, "a")
        assert blob is not None
        for _ in range(3):
            await trio.sleep(LOOK_SECONDS * 0.9)
            assert read(reading, FILE, "a") is blob
            assert blob.users == 1
        await trio.sleep(LOOK_SECONDS * 2.1)
        assert blob.users == 0
        assert blobs.opened(FILE, blob.hash) is None
        nursery.cancel_scope.cancel()


async def test_an_evicted_one_gives_its_place_back_while_it_is_open(
    blobs: Blobs, tmp_path: Path, autojump_clock: MockClock
) -> None:
    fill(blobs, FILE, "a", SIZE)
    blobs.flush()
    reading = Reading(blobs)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(reading.run)
        assert read(reading, FILE, "a") is not None
        assert blobs.evict(1, any_may_go) == SIZE
        assert blobs.usage() == 0
        data = fill(blobs, FILE, "a", SIZE)
        blob = reading.open(FILE, version("a", SIZE).hash)
        assert blob is not None
        assert blob.read(0, SIZE) == data
        blob.close()
        nursery.cancel_scope.cancel()


async def test_who_wants_it_for_himself_finds_nobody_there(blobs: Blobs) -> None:
    fill(blobs, FILE, "a", SIZE)
    blobs.flush()
    reading = Reading(blobs)
    blob = read(reading, FILE, "a")
    assert blob is not None
    reading.let_go(FILE, blob.hash)
    reading.let_go(FILE, blob.hash)  # again is harmless
    assert blob.users == 0
    assert blob.fd == -1


async def test_no_more_than_some_are_open(blobs: Blobs) -> None:
    before = len(os.listdir("/proc/self/fd"))
    reading = Reading(blobs)
    for number in range(HELD_MAX + 10):
        fill(blobs, number + 2, f"{number}", SIZE)
        blobs.flush()
        assert read(reading, Inode(number + 2), f"{number}") is not None
    assert len(os.listdir("/proc/self/fd")) == before + HELD_MAX
    for number in range(HELD_MAX + 10):
        reading.let_go(Inode(number + 2), version(f"{number}", SIZE).hash)
    assert len(os.listdir("/proc/self/fd")) == before
