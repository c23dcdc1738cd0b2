"""The blobstore: ranges that are true, a limit that holds, eviction under open blobs."""

import os
from collections.abc import Iterator
from pathlib import Path
from threading import Barrier, Thread

import pytest

from realizefs.model.errors import CacheFull
from realizefs.model.ids import Digest, Inode
from realizefs.model.limits import KIB, MIB
from realizefs.store.blob import Blob, Snapshot
from realizefs.store.blobs import Blobs
from realizefs.store.env import Environment
from tests.unit.store.cached import (
    any_may_go,
    at_most,
    check,
    contents,
    disk_usage,
    fill,
    none_may_go,
    version,
)

LIMIT = 8 * MIB


@pytest.fixture
def blobs(env: Environment, tmp_path: Path) -> Iterator[Blobs]:
    (tmp_path / "blobs").mkdir()
    fd = os.open(tmp_path / "blobs", os.O_RDONLY | os.O_DIRECTORY)
    blobs = Blobs(env, fd, at_most(LIMIT))
    yield blobs
    blobs.close()
    check(env, blobs, tmp_path)
    os.close(fd)


def test_bytes_are_readable_once_written(blobs: Blobs) -> None:
    blob = blobs.open(Inode(2), version("a", 300 * KIB))
    assert blob.read(0, 10) is None
    assert blobs.store(blob, 100 * KIB, b"x" * 1000, any_may_go)
    assert blob.read(100 * KIB, 1000) == b"x" * 1000
    assert blob.read(100 * KIB - 1, 10) is None
    assert not blob.complete
    assert blob.ranges.pairs == ((100 * KIB, 100 * KIB + 1000),)
    assert blob.read(300 * KIB, 10) == b""
    blob.close()


def test_an_empty_content_is_complete(blobs: Blobs) -> None:
    blob = blobs.open(Inode(2), version("a", 0))
    assert blob.complete
    assert blob.read(0, 10) == b""
    blob.close()


def test_writing_beyond_the_content_is_a_mistake(blobs: Blobs) -> None:
    blob = blobs.open(Inode(2), version("a", 10))
    with pytest.raises(ValueError, match="not within the 10 bytes"):
        blob.write(8, b"abc")
    blob.close()


def test_all_openers_share_one_blob(blobs: Blobs) -> None:
    one = blobs.open(Inode(2), version("a", 10))
    other = blobs.open(Inode(2), version("a", 10))
    assert one is other is blobs.opened(Inode(2), one.hash)
    one.write(0, b"0123456789")
    one.close()
    one.close()
    assert other.read(2, 3) == b"234"
    other.close()
    assert blobs.opened(Inode(2), Digest(b"?" * 32)) is None


def test_ranges_survive_a_restart_after_flush(env: Environment, blobs: Blobs) -> None:
    blob = blobs.open(Inode(2), version("a", MIB))
    blob.write(0, b"kept" * 1024)
    blobs.flush()
    blob.write(MIB - 5, b"lost?")
    again = reopened(env, blobs)
    other = again.open(Inode(2), version("a", MIB))
    assert other.read(0, 4) == b"kept"
    assert other.read(MIB - 5, 5) is None
    assert again.usage() == 8 * KIB  # the bytes without a range still take their block
    other.close()
    again.flush()
    blob.close()


def test_flush_leaves_nothing_to_recover(env: Environment, blobs: Blobs) -> None:
    fill(blobs, 2, "a", 64 * KIB)
    blobs.flush()
    with env.read() as txn:
        assert list(txn.scan("blob.busy")) == []
    assert blobs.recover() == 0


def test_a_new_version_makes_the_older_blob_outdated(env: Environment, blobs: Blobs) -> None:
    fill(blobs, 2, "old", 64 * KIB)
    blobs.flush()
    with env.write() as txn:
        blobs.protect(txn, Inode(2), True)
    data = fill(blobs, 2, "new", 64 * KIB)
    blobs.flush()
    with env.read() as txn:
        row = blobs.find(txn, Inode(2))
        assert row is not None
        assert (row.hash, row.protected) == (version("new", 0).hash, True)
    assert blobs.evict(1, any_may_go) == 64 * KIB  # the old one: outdated goes though it was kept
    assert contents(blobs, 2, "new", 64 * KIB) == data
    assert blobs.evict(1, any_may_go) == 0


def test_the_least_recently_used_goes_first(blobs: Blobs) -> None:
    for ino in (2, 3, 4):
        fill(blobs, ino, f"f{ino}", 64 * KIB)
    blobs.flush()
    blobs.touch(Inode(2))
    assert blobs.evict(1, any_may_go) == 64 * KIB
    assert contents(blobs, 3, "f3", 64 * KIB) is None
    assert contents(blobs, 2, "f2", 64 * KIB) is not None


def test_kept_and_irreplaceable_blobs_stay(env: Environment, blobs: Blobs) -> None:
    fill(blobs, 2, "kept", 64 * KIB)
    fill(blobs, 3, "last copy", 64 * KIB)
    blobs.flush()
    with env.write() as txn:
        blobs.protect(txn, Inode(2), True)
        assert blobs.kept(txn) == 64 * KIB
    assert blobs.evict(MIB, lambda txn, ino, digest: ino != 3) == 0
    assert blobs.reserve(LIMIT, none_may_go) is None
    assert contents(blobs, 2, "kept", 64 * KIB) is not None


def test_an_open_blob_is_evicted_and_filled_again(blobs: Blobs, tmp_path: Path) -> None:
    data = fill(blobs, 2, "a", MIB)
    blob = blobs.open(Inode(2), version("a", MIB))
    assert blobs.evict(1, any_may_go) >= MIB
    assert disk_usage(tmp_path / "blobs") == blobs.usage() == 0
    assert blob.read(0, 10) is None
    assert blobs.store(blob, 0, data, any_may_go)
    assert blob.read(0, MIB) == data
    blob.close()
    blobs.flush()
    assert contents(blobs, 2, "a", MIB) == data


def test_a_read_during_an_eviction_gives_no_zeros(
    blobs: Blobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hole is punched between the look at the ranges and the end of the pread."""
    fill(blobs, 2, "a", 64 * KIB)
    blob = blobs.open(Inode(2), version("a", 64 * KIB))
    preadv = os.preadv

    def late(fd: int, buffers: list[memoryview], start: int) -> int:
        blobs.evict(1, any_may_go)
        return preadv(fd, buffers, start)

    monkeypatch.setattr(os, "preadv", late)
    assert blob.read(0, 64 * KIB) is None
    blob.close()


def test_a_dropped_blob_is_gone_for_its_readers_too(blobs: Blobs, tmp_path: Path) -> None:
    fill(blobs, 2, "a", 64 * KIB)
    blob = blobs.open(Inode(2), version("a", 64 * KIB))
    blobs.drop(Inode(2))
    blobs.drop(Inode(2))
    assert blob.read(0, 1) is None
    assert not blob.write(0, b"x")
    assert disk_usage(tmp_path / "blobs") == blobs.usage() == 0
    blob.close()
    again = blobs.open(Inode(2), version("a", 64 * KIB))
    assert again is not blob
    again.close()


def test_without_room_nothing_is_written(blobs: Blobs) -> None:
    blobs.limits = at_most(64 * KIB)
    blob = blobs.open(Inode(2), version("a", MIB))
    assert not blobs.store(blob, 0, bytes(MIB), any_may_go)
    with pytest.raises(CacheFull):
        blob.write(0, bytes(MIB))
    assert (blob.usage, blobs.usage()) == (0, 0)
    assert blobs.store(blob, 0, b"x" * 16 * KIB, any_may_go)
    blob.close()


def test_reserved_room_is_not_promised_twice(blobs: Blobs) -> None:
    room = blobs.reserve(5 * MIB, any_may_go)
    assert room is not None
    assert blobs.reserve(5 * MIB, any_may_go) is None
    room.release()
    room.release()
    with blobs.reserve(5 * MIB, any_may_go) or pytest.fail("released"):
        pass


def test_one_reservation_for_many_writes(blobs: Blobs) -> None:
    blob = blobs.open(Inode(2), version("a", 6 * MIB))
    with blobs.reserve(6 * MIB, any_may_go) or pytest.fail("no room") as room:
        blobs.limits = at_most(6 * MIB + 64 * KIB)  # what was promised holds
        for at in range(0, 6 * MIB, 128 * KIB):
            assert blob.write(at, bytes([1]) * 128 * KIB, room)
    assert blob.complete
    blob.close()


def test_the_limit_holds_while_many_read_ten_times_as_much(blobs: Blobs) -> None:
    """Eight readers of 10 MiB each; every look at the disk is within the limit of 8 MiB."""
    start, size, piece = Barrier(9), 10 * MIB, 256 * KIB
    wrong: list[str] = []

    def reader(number: int) -> None:
        blob = blobs.open(Inode(number + 2), version(f"f{number}", size))
        expected = bytes([number + 1]) * piece
        start.wait()
        for at in range(0, size, piece):
            blobs.store(blob, at, expected, any_may_go)
            for back in (at, max(0, at - piece)):
                found = blob.read(back, piece)
                if found not in (None, expected):
                    wrong.append(f"reader {number} got other bytes at {back}")
        blob.close()

    threads = [Thread(target=reader, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    start.wait()
    samples = []
    while any(thread.is_alive() for thread in threads):
        samples.append(blobs.usage())  # the fixture compares it with the disk in the end
    assert wrong == []
    assert samples
    assert max(samples) <= LIMIT


def test_a_file_that_somebody_removed_counts_as_empty(blobs: Blobs, tmp_path: Path) -> None:
    fill(blobs, 2, "a", 64 * KIB)
    blobs.flush()
    for path in (tmp_path / "blobs").rglob("*"):
        if path.is_file():
            path.unlink()
    blob = blobs.open(Inode(2), version("a", 64 * KIB))
    assert blob.read(0, 1) is None
    assert blobs.usage() == 0
    blob.close()


def test_verified_is_said_only_of_a_complete_blob(env: Environment, blobs: Blobs) -> None:
    blob = blobs.open(Inode(2), version("a", 64 * KIB))
    blob.write(0, bytes(32 * KIB))
    with env.write() as txn:
        assert not blobs.mark_verified(txn, blob)
    blob.write(32 * KIB, bytes(32 * KIB))
    with env.write() as txn:
        assert blobs.mark_verified(txn, blob)
        row = blobs.find(txn, Inode(2))
    assert row is not None
    assert row.verified
    assert row.complete
    blob.close()


def test_a_flush_does_not_take_back_what_was_said_since_it_began(
    env: Environment, blobs: Blobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It looks at a blob, syncs it, which takes long, and writes its row; meanwhile it is verified."""
    blob = blobs.open(Inode(2), version("a", 64 * KIB))
    blob.write(0, bytes(64 * KIB))
    sync = Blob.sync

    def verified_meanwhile(one: Blob) -> Snapshot:
        monkeypatch.setattr(Blob, "sync", sync)
        snapshot = one.sync()
        with env.write() as txn:
            assert blobs.mark_verified(txn, one)
        return snapshot

    monkeypatch.setattr(Blob, "sync", verified_meanwhile)
    blobs.flush()
    with env.read() as txn:
        row = blobs.find(txn, Inode(2))
    assert row is not None
    assert row.verified
    blob.close()


def test_files_do_not_stay_open(blobs: Blobs) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for ino in range(2, 400):
        fill(blobs, ino, f"f{ino}", 10)
    blobs.flush()
    assert len(os.listdir("/proc/self/fd")) == before


def reopened(env: Environment, blobs: Blobs) -> Blobs:
    """As a new process would, without the old one having saved anything."""
    again = Blobs(env, blobs.moves.directory, at_most(LIMIT))
    again.recover()
    return again
