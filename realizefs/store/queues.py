"""The rows of blobs and the three queues they stand in, within the caller's transaction.

A queue is the rows of `blob.lru` with its number in front, ordered by stamp: the first is the one
that was not used for the longest time. A move is one delete and one put. Totals of usage are
kept beside, in the same transaction as the rows they sum up. What isn't kept and not outdated, the
working queue of old, is in two: what proved itself, and the window (see `core.evict`).
"""

from collections.abc import Iterator
from dataclasses import replace
from enum import IntEnum

from realizefs.codec.records import decode_blob, encode_blob
from realizefs.model.blobs import BlobRow
from realizefs.model.ids import BlobId, Inode
from realizefs.store.keys import pack_u64, unpack_u64
from realizefs.store.schema import BLOB_BUSY, BLOB_LRU, BLOB_META, BLOB_OF, BLOB_ROW
from realizefs.store.txn import Txn

_NEXT_ID, _STAMP, _USED, _KEPT = b"next", b"stamp", b"used", b"kept"
_WINDOW, _USES = b"window", b"uses"


class Queue(IntEnum):
    """The numbers are those on disk."""

    PENDING_REMOVAL = 0
    MAIN = 1
    PROTECTED = 2
    WINDOW = 3


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
    if row.protected:
        return Queue.PROTECTED
    return Queue.WINDOW if row.window else Queue.MAIN


_TOTALS = {Queue.PROTECTED: _KEPT, Queue.WINDOW: _WINDOW}


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
        blob = BlobId(txn.count_up(BLOB_META, _NEXT_ID))
        row = replace(row, id=blob, stamp=txn.count_up(BLOB_META, _STAMP))
        self.put(txn, row)
        txn.put(BLOB_OF, pack_u64(row.ino), pack_u64(row.id))
        return row

    def put(self, txn: Txn, row: BlobRow) -> None:
        """Insert or replace."""
        key, place = pack_u64(row.id), lru_key(row)
        old = self.get(txn, row.id)
        if old is not None:
            self._add(txn, old, -old.usage)
            if lru_key(old) != place:
                txn.delete(BLOB_LRU, lru_key(old))
        txn.put(BLOB_ROW, key, encode_blob(row))
        txn.put(BLOB_LRU, place, key)
        self._add(txn, row, row.usage)

    def to_front(self, txn: Txn, row: BlobRow) -> None:
        """Used just now."""
        self.put(txn, replace(row, stamp=txn.count_up(BLOB_META, _STAMP)))

    def delete(self, txn: Txn, row: BlobRow) -> None:
        """Forget the row, its place and what was under way with it."""
        current = self.get(txn, row.id)
        if current is None:
            return
        txn.delete(BLOB_LRU, lru_key(current))
        self._add(txn, current, -current.usage)
        txn.delete(BLOB_ROW, pack_u64(row.id))
        txn.delete(BLOB_BUSY, pack_u64(row.id))
        if txn.get(BLOB_OF, pack_u64(row.ino)) == pack_u64(row.id):
            txn.delete(BLOB_OF, pack_u64(row.ino))

    def oldest(self, txn: Txn, queue: Queue) -> Iterator[BlobRow]:
        """The rows of a queue, least recently used first; not those that come to its front now."""
        last = lru_place(queue, txn.counter(BLOB_META, _STAMP))
        for place, key in txn.scan(BLOB_LRU, prefix=bytes([queue])):
            if place > last:
                return
            row = self.get(txn, BlobId(unpack_u64(key)))
            if row is not None:
                yield row

    def used(self, txn: Txn) -> int:
        """Sum of usage over all rows, bytes."""
        return txn.counter(BLOB_META, _USED)

    def all(self, txn: Txn) -> Iterator[BlobRow]:
        """Every blob, by id."""
        return (decode_blob(value) for _, value in txn.scan(BLOB_ROW))

    def kept(self, txn: Txn) -> int:
        """Sum of usage over the protected queue, bytes."""
        return txn.counter(BLOB_META, _KEPT)

    def in_window(self, txn: Txn) -> int:
        """Sum of usage over the window, bytes."""
        return txn.counter(BLOB_META, _WINDOW)

    def count(self, txn: Txn) -> int:
        """How many rows there are."""
        return txn.count(BLOB_ROW)

    def uses(self, txn: Txn) -> bytes:
        """What `put_uses` was given last; empty if it never was."""
        return txn.get(BLOB_META, _USES) or b""

    def put_uses(self, txn: Txn, data: bytes) -> None:
        """What `store.uses` wants back after a restart."""
        txn.put(BLOB_META, _USES, data)

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

    def interrupted(self, txn: Txn, step: Step) -> list[BlobRow]:
        """Those rows of `unfinished` with which this was under way."""
        rows = [self.get(txn, blob) for blob, found in self.unfinished(txn) if found is step]
        return [row for row in rows if row is not None]

    def _add(self, txn: Txn, row: BlobRow, usage: int) -> None:
        if not usage:
            return
        txn.count_up(BLOB_META, _USED, usage)
        total = _TOTALS.get(queue_of(row))
        if total is not None:
            txn.count_up(BLOB_META, total, usage)


def lru_key(row: BlobRow) -> bytes:
    """The key in `blob.lru` of the place where a row stands."""
    return lru_place(queue_of(row), row.stamp)


def lru_place(queue: Queue, stamp: int) -> bytes:
    """The key of a place in a queue."""
    return bytes([queue]) + pack_u64(stamp)
