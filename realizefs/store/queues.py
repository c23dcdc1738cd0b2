"""The rows of blobs and the three queues they stand in, within the caller's transaction.

A queue is the rows of `blob.lru` with its number in front, ordered by stamp: the first is the one
that was not used for the longest time. A move is one delete and one put. Totals of usage are
kept beside, in the same transaction as the rows they sum up.
"""

from collections.abc import Iterator
from dataclasses import replace
from enum import IntEnum

from realizefs.codec.records import decode_blob, encode_blob
from realizefs.model.blobs import BlobRow
from realizefs.model.ids import BlobId, Inode
from realizefs.store.env import Txn
from realizefs.store.keys import pack_u64, unpack_u64
from realizefs.store.schema import BLOB_BUSY, BLOB_LRU, BLOB_META, BLOB_OF, BLOB_ROW

_NEXT_ID, _STAMP, _USED, _KEPT = b"next", b"stamp", b"used", b"kept"


class Queue(IntEnum):
    """In the order of eviction; the numbers are those on disk."""

    PENDING_REMOVAL = 0
    WORKING = 1
    PROTECTED = 2


class Step(IntEnum):
    """What is under way with a blob's file, so that start-up looks at these few only."""

    WRITING = 1
    """bytes may be there that no range tells of"""
    GOING = 2
    """ranges are emptied already, the file is being removed"""
    ADOPTING = 3
    """a real file is about to become this blob's file"""
    TAKING = 4
    """the file is about to become a real file as well, then to lose this name"""


def queue_of(row: BlobRow) -> Queue:
    """Where a row stands."""
    if row.outdated:
        return Queue.PENDING_REMOVAL
    return Queue.PROTECTED if row.protected else Queue.WORKING


class BlobRows:
    """Access to the `blob.*` tables; holds nothing itself."""

    def get(self, txn: Txn, blob: BlobId) -> BlobRow | None:
        """The row of a blob."""
        data = txn.get(BLOB_ROW, pack_u64(blob))
        return None if data is None else decode_blob(data)

    def of(self, txn: Txn, ino: Inode) -> BlobRow | None:
        """The blob of the entry's present content (or of what it was when last opened)."""
        key = txn.get(BLOB_OF, pack_u64(ino))
        return None if key is None else self.get(txn, BlobId(unpack_u64(key)))

    def create(self, txn: Txn, row: BlobRow) -> BlobRow:
        """A new row with a fresh id, as the entry's blob, at the front of its queue.

        An older blob of the entry becomes outdated; its protection passes on.
        """
        older = self.of(txn, row.ino)
        if older is not None:
            self.put(txn, replace(older, outdated=True))
            row = replace(row, protected=row.protected or older.protected)
        row = replace(row, id=BlobId(self._count(txn, _NEXT_ID)), stamp=self._count(txn, _STAMP))
        self.put(txn, row)
        txn.put(BLOB_OF, pack_u64(row.ino), pack_u64(row.id))
        return row

    def put(self, txn: Txn, row: BlobRow) -> None:
        """Insert or replace."""
        old = self.get(txn, row.id)
        if old is not None:
            self._unlink(txn, old)
        txn.put(BLOB_ROW, pack_u64(row.id), encode_blob(row))
        txn.put(BLOB_LRU, _lru_key(row), pack_u64(row.id))
        self._add(txn, row, row.usage)

    def to_front(self, txn: Txn, row: BlobRow) -> None:
        """Used just now."""
        self.put(txn, replace(row, stamp=self._count(txn, _STAMP)))

    def delete(self, txn: Txn, row: BlobRow) -> None:
        """Forget the row, its place and what was under way with it."""
        current = self.get(txn, row.id)
        if current is None:
            return
        self._unlink(txn, current)
        txn.delete(BLOB_ROW, pack_u64(row.id))
        txn.delete(BLOB_BUSY, pack_u64(row.id))
        if txn.get(BLOB_OF, pack_u64(row.ino)) == pack_u64(row.id):
            txn.delete(BLOB_OF, pack_u64(row.ino))

    def oldest(self, txn: Txn, queue: Queue) -> Iterator[BlobRow]:
        """The rows of a queue, least recently used first."""
        for _, key in txn.scan(BLOB_LRU, prefix=bytes([queue])):
            row = self.get(txn, BlobId(unpack_u64(key)))
            if row is not None:
                yield row

    def used(self, txn: Txn) -> int:
        """Sum of usage over all rows, bytes."""
        return unpack_u64(txn.get(BLOB_META, _USED) or b"")

    def kept(self, txn: Txn) -> int:
        """Sum of usage over the protected queue, bytes."""
        return unpack_u64(txn.get(BLOB_META, _KEPT) or b"")

    def step(self, txn: Txn, blob: BlobId) -> Step | None:
        """What is under way with its file; None for nothing."""
        data = txn.get(BLOB_BUSY, pack_u64(blob))
        return None if data is None else Step(data[0])

    def set_step(self, txn: Txn, blob: BlobId, step: Step | None) -> None:
        """Note what is under way; None when it has ended."""
        if step is None:
            txn.delete(BLOB_BUSY, pack_u64(blob))
        else:
            txn.put(BLOB_BUSY, pack_u64(blob), bytes([step]))

    def unfinished(self, txn: Txn) -> list[tuple[BlobId, Step]]:
        """Few: what a crash may have interrupted."""
        return [(BlobId(unpack_u64(key)), Step(data[0])) for key, data in txn.scan(BLOB_BUSY)]

    def _unlink(self, txn: Txn, row: BlobRow) -> None:
        txn.delete(BLOB_LRU, _lru_key(row))
        self._add(txn, row, -row.usage)

    def _add(self, txn: Txn, row: BlobRow, usage: int) -> None:
        if usage:
            txn.put(BLOB_META, _USED, pack_u64(self.used(txn) + usage))
            if queue_of(row) is Queue.PROTECTED:
                txn.put(BLOB_META, _KEPT, pack_u64(self.kept(txn) + usage))

    def _count(self, txn: Txn, name: bytes) -> int:
        value = unpack_u64(txn.get(BLOB_META, name) or b"") + 1
        txn.put(BLOB_META, name, pack_u64(value))
        return value


def _lru_key(row: BlobRow) -> bytes:
    return bytes([queue_of(row)]) + pack_u64(row.stamp)
