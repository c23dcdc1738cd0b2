"""The blobstore against a simple model: whatever is done, reads are right and the disk is counted.

Bytes of a content follow from its number, so a read is right or nothing. Usage is compared with what
the disk says after every single step.
"""

import os
import tempfile
from contextlib import ExitStack, suppress
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from realizefs.model.errors import CacheFull
from realizefs.model.ids import Digest, Inode
from realizefs.model.limits import KIB, MIB
from realizefs.store.blob import Blob
from realizefs.store.blobs import Blobs
from realizefs.store.env import Environment
from realizefs.store.queues import BlobRows, Queue, queue_of
from realizefs.store.schema import ARENA_SCHEMA
from realizefs.store.txn import Txn
from tests.fakes.in_memory import in_memory
from tests.unit.store.cached import Minutes, at_most, check, disk_usage, version

LIMIT = MIB
SIZES = (0, 10, 5000, 64 * KIB, 200 * KIB, 300 * KIB, MIB, 3 * MIB)
PIECE = 64 * KIB
FILES = st.integers(0, len(SIZES) - 1)
LAST_COPY = Inode(2 + 4)
"""Of this file there is no other copy; it may not go unless it is outdated."""


def content(number: int, start: int, end: int) -> bytes:
    """Bytes of content `number`: each block of 8 bytes says where it is."""
    first = start - start % 8
    words = (number * 2**32 + at for at in range(first, end, 8))
    return b"".join(word.to_bytes(8, "big") for word in words)[start - first : end - first]


class BlobsModel(RuleBasedStateMachine):
    """File i has the size SIZES[i]; its content changes."""

    def __init__(self) -> None:
        super().__init__()
        self.undo = ExitStack()
        self.directory = Path(self.undo.enter_context(tempfile.TemporaryDirectory()))
        self.env = Environment(self.undo.enter_context(in_memory()), ARENA_SCHEMA)
        self.undo.callback(self.env.close)
        (self.directory / "blobs").mkdir()
        self.fd = os.open(self.directory / "blobs", os.O_RDONLY | os.O_DIRECTORY)
        self.undo.callback(os.close, self.fd)
        self.clock = Minutes()
        self.limit = LIMIT
        self.blobs = Blobs(self.env, self.fd, at_most(LIMIT), self.clock)
        self.current = list(range(len(SIZES)))
        self.open: list[tuple[Blob, int]] = []
        self.exceeding = False

    def version_of(self, file: int) -> Digest:
        return version(str(self.current[file]), 0).hash

    def may_drop(self, _: Txn, ino: Inode, digest: Digest) -> bool:
        return ino != LAST_COPY or digest != self.version_of(ino - 2)

    def opened(self, file: int) -> Blob:
        return self.blobs.open(Inode(2 + file), version(str(self.current[file]), SIZES[file]))

    @rule(file=FILES, place=st.integers(0, 47), bound=st.booleans())
    def store(self, file: int, place: int, bound: bool) -> None:
        size = SIZES[file]
        start = min(place * PIECE, max(size - 1, 0))
        end = min(start + PIECE, size)
        blob = self.opened(file)
        data = content(self.current[file], start, end)
        self.clock.now += 1
        if self.blobs.store(blob, start, data, self.may_drop, bound=bound):
            self.exceeding |= not bound
            assert blob.read(start, end - start) == data
        blob.close()

    @rule(file=FILES, pieces=st.integers(1, 48))
    def stream(self, file: int, pieces: int) -> None:
        for place in range(min(pieces, SIZES[file] // PIECE + 1)):
            self.store(file, place, bound=True)

    @rule(file=FILES, start=st.integers(0, 3 * MIB), length=st.integers(0, 2 * PIECE))
    def read(self, file: int, start: int, length: int) -> None:
        blob = self.blobs.open_existing(Inode(2 + file), self.version_of(file))
        if blob is None:
            return
        end = max(start, min(start + length, SIZES[file]))
        assert blob.read(start, length) in (None, content(self.current[file], start, end))
        blob.close()

    @rule(file=FILES)
    def write_without_room(self, file: int) -> None:
        blob = self.opened(file)
        with suppress(CacheFull):
            blob.write(0, content(self.current[file], 0, min(PIECE, SIZES[file])))
        blob.close()

    @rule(file=FILES)
    def hold_open(self, file: int) -> None:
        self.open.append((self.opened(file), self.current[file]))

    @rule()
    def let_go(self) -> None:
        while self.open:
            blob, number = self.open.pop()
            found = blob.read(0, PIECE)
            assert found in (None, content(number, 0, min(PIECE, blob.size)))
            blob.close()

    @rule(need=st.integers(1, MIB))
    def evict(self, need: int) -> None:
        self.blobs.evict(need, self.may_drop)

    @rule(limit=st.sampled_from([0, 4096, 200 * KIB, LIMIT]))
    def change_limit(self, limit: int) -> None:
        self.limit = limit
        self.blobs.limits = at_most(limit)
        self.exceeding |= self.blobs.shrink(self.may_drop) > 0

    @rule()
    def shrink(self) -> None:
        self.exceeding = self.blobs.shrink(self.may_drop) > 0

    @rule(file=FILES, protected=st.booleans())
    def protect(self, file: int, protected: bool) -> None:
        with self.env.write() as txn:
            self.blobs.protect(txn, Inode(2 + file), protected)

    @rule(file=FILES)
    def change(self, file: int) -> None:
        self.current[file] += len(SIZES)
        with self.env.write() as txn:
            self.blobs.follow(txn, Inode(2 + file), self.version_of(file))

    @rule(file=FILES)
    def drop(self, file: int) -> None:
        self.blobs.drop(Inode(2 + file))

    @rule()
    def flush(self) -> None:
        self.blobs.flush()
        assert self.blobs.usage() == disk_usage(self.directory)

    @rule()
    def crash(self) -> None:
        """Nothing of what is in memory is saved; whoever had a file open is gone, too."""
        self.open.clear()
        self.blobs._opened.close()
        self.blobs = Blobs(self.env, self.fd, at_most(self.limit), self.clock)
        self.blobs.recover()
        self.exceeding |= self.blobs.usage() > self.limit

    @invariant()
    def the_disk_is_counted(self) -> None:
        """The map of a file's extents may be placed at any time; it is promised until a sync."""
        found, unsaved = disk_usage(self.directory), self.blobs._opened.growing()
        block = os.fstatvfs(self.fd).f_frsize
        assert 0 <= found - self.blobs.usage() <= block * sum(blob.unsaved for blob in unsaved)
        assert self.exceeding or found <= self.limit

    @invariant()
    def sums_are_those_of_the_rows(self) -> None:
        rows = BlobRows()
        with self.env.read() as txn:
            found = [row for queue in Queue for row in rows.oldest(txn, queue)]
            for total, queue in (
                (rows.kept(txn), Queue.PROTECTED),
                (rows.in_window(txn), Queue.WINDOW),
            ):
                assert total == sum(row.usage for row in found if queue_of(row) is queue)
            assert rows.used(txn) == sum(row.usage for row in found)
            assert rows.count(txn) == len(found)

    def teardown(self) -> None:
        self.let_go()
        self.blobs.close()
        check(self.env, self.blobs, self.directory)
        self.undo.close()


TestBlobsModel = BlobsModel.TestCase
TestBlobsModel.settings = settings(max_examples=60, stateful_step_count=40)
