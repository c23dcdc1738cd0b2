"""The disk fails in the middle of an eviction: what is counted stays true, and it ends later."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from realizefs.model.errors import DiskFull
from realizefs.model.ids import Inode
from realizefs.model.limits import KIB, MIB
from realizefs.model.ranges import NO_RANGES
from realizefs.store import blob as blob_module
from realizefs.store.blob import Blob, Snapshot
from realizefs.store.blobs import Blobs
from realizefs.store.env import Environment
from realizefs.store.eviction import Evictor
from realizefs.store.txn import Txn
from tests.unit.store.cached import (
    Minutes,
    any_may_go,
    cache,
    contents,
    disk_usage,
    fill,
    version,
)

FILE = 64 * KIB


@pytest.fixture
def blobs(env: Environment, tmp_path: Path) -> Iterator[Blobs]:
    with cache(env, tmp_path, MIB, Minutes()) as blobs:
        yield blobs


class FailingCommits:
    """The n-th commit from now on fails as one does on a full disk."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.left = 0
        write = Txn.write_back

        def fail(txn: Txn) -> None:
            self.left -= 1
            if self.left == 0:
                raise DiskFull("The disk of the database is full.")
            write(txn)

        monkeypatch.setattr(Txn, "write_back", fail)


@pytest.fixture
def commits(monkeypatch: pytest.MonkeyPatch) -> FailingCommits:
    return FailingCommits(monkeypatch)


@pytest.mark.parametrize("opened", [False, True])
@pytest.mark.parametrize("failing", [1, 2])
@pytest.mark.parametrize("size", [FILE, MIB // 2])
def test_a_commit_fails_during_an_eviction(
    blobs: Blobs, commits: FailingCommits, tmp_path: Path, opened: bool, failing: int, size: int
) -> None:
    """Whole or by parts, of an open or a closed blob, before or after its bytes went."""
    data = fill(blobs, 2, "f", size)
    blobs.flush()
    blob = blobs.open(Inode(2), version("f", size)) if opened else None
    commits.left = failing
    with pytest.raises(DiskFull):
        blobs.evict(1, any_may_go)
    assert blobs.usage() == disk_usage(tmp_path / "blobs")
    again = blobs.open(Inode(2), version("f", size))
    assert again.read(0, size) in (None, data)
    assert blobs.store(again, 0, data, any_may_go)
    assert again.read(0, size) == data
    again.close()
    if blob is not None:
        assert blob.read(0, size) == data
        blob.close()
    blobs.flush()
    assert blobs.usage() == disk_usage(tmp_path / "blobs") == size
    blobs.evict(MIB, any_may_go)
    assert blobs.usage() == disk_usage(tmp_path / "blobs") == 0


@pytest.mark.parametrize("size", [FILE, MIB // 2])
def test_a_hole_cannot_be_punched(
    blobs: Blobs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, size: int
) -> None:
    data = fill(blobs, 2, "f", size)
    blobs.flush()
    blob = blobs.open(Inode(2), version("f", size))

    def fail(fd: int, start: int, end: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patched:
        patched.setattr(blob_module, "punch_hole", fail)
        with pytest.raises(OSError, match="Input/output"):
            blobs.evict(1, any_may_go)
    assert blobs.usage() == disk_usage(tmp_path / "blobs") == size
    assert blob.read(0, size) is None
    assert blobs.store(blob, 0, data, any_may_go)
    assert blob.read(0, size) == data
    blob.close()
    blobs.flush()
    assert contents(blobs, 2, "f", size) == data
    assert blobs.evict(MIB, any_may_go) == size


def test_a_failed_eviction_leaves_no_descriptor(
    blobs: Blobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = len(os.listdir("/proc/self/fd"))

    def fail(fd: int, start: int, end: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    fill(blobs, 2, "f", FILE)
    blob = blobs.open(Inode(2), version("f", FILE))
    with monkeypatch.context() as patched:
        patched.setattr(blob_module, "punch_hole", fail)
        with pytest.raises(OSError, match="Input/output"):
            blobs.drop(Inode(2))
    blob.close()
    blobs.flush()
    blobs.drop(Inode(2))
    assert len(os.listdir("/proc/self/fd")) == before


def test_what_is_being_synced_is_not_yet_called_durable(
    env: Environment, blobs: Blobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two flushes at once: the second one must not save what the first hasn't finished."""
    fill(blobs, 2, "f", FILE)
    fdatasync = os.fdatasync
    synced: list[int] = []

    def slow(fd: int) -> None:
        if not synced:
            synced.append(fd)
            blobs.flush()
            with env.read() as txn:
                row = blobs.find(txn, Inode(2))
            assert row is not None
            assert row.complete is (len(synced) == 2)
        else:
            synced.append(fd)
        fdatasync(fd)

    monkeypatch.setattr(os, "fdatasync", slow)
    blobs.flush()
    assert len(synced) == 2


def test_what_is_evicted_while_it_is_being_saved_is_not_promised(
    env: Environment, blobs: Blobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The eviction comes between the sync of the bytes and the transaction that tells of them: after a
    restart a row that told of them would turn holes into content."""
    blob = blobs.open(Inode(1), version("a", FILE))
    assert blobs.store(blob, 0, os.urandom(FILE), any_may_go)
    sync = Blob.sync

    def late(synced: Blob) -> Snapshot:
        snapshot = sync(synced)
        assert blobs.evict(1, any_may_go)
        return snapshot

    monkeypatch.setattr(Blob, "sync", late)
    blobs.flush()
    monkeypatch.undo()
    with env.read() as txn:
        row = blobs.find(txn, Inode(1))
    assert row is not None
    assert row.ranges == NO_RANGES
    blob.close()


def test_what_is_being_removed_is_not_opened_again(
    blobs: Blobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody uses it, though it is still open as its ranges aren't saved: whoever got it between the
    two transactions of its removal would hold a file that is about to go."""
    fill(blobs, 1, "a", FILE)
    digest = version("a", FILE).hash
    seen: list[object] = []
    remove = Evictor._remove

    def between(evictor: Evictor, *arguments: Any, **options: Any) -> int:
        seen.append(blobs.opened(Inode(1), digest))
        return remove(evictor, *arguments, **options)

    monkeypatch.setattr(Evictor, "_remove", between)
    assert blobs.evict(1, any_may_go)
    assert seen == [None]
