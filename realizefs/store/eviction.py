"""Removing blobs: for room, least recently used first, or because they are no longer wanted.

Two transactions around the files. The first empties the rows and notes GOING, so that no row ever
promises bytes that are being destroyed; then files are removed, or punched empty where somebody
has them open; the second deletes the rows, or notes what the open ones take now. A crash between
leaves rows that say GOING, which start-up finishes.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from threading import Lock

from realizefs.model.blobs import BlobRow
from realizefs.model.errors import Busy
from realizefs.model.ids import Digest, Inode
from realizefs.model.ranges import Ranges
from realizefs.store.blobdir import BlobDirectory
from realizefs.store.env import Environment, Txn
from realizefs.store.openblobs import OpenBlobs
from realizefs.store.queues import BlobRows, Queue, Step
from realizefs.store.space import Space

MayDrop = Callable[[Txn, Inode, Digest], bool]
"""Whether the cached content of an entry may go (R1)."""

VICTIMS_MAX = 256
"""Blobs removed in one pair of transactions: other writers wait no longer than for these."""


@dataclass(frozen=True, slots=True)
class Evictor:
    """Removes blobs of one store; one removal at a time, in worker threads."""

    env: Environment
    rows: BlobRows
    files: BlobDirectory
    opened: OpenBlobs
    space: Space
    turn: Lock
    """held during a removal"""

    def evict(self, need: int, may_drop: MayDrop) -> int:
        """Free `need` bytes or as many as can be; returns how many."""
        freed = 0
        with self.turn:
            while freed < need:
                some = self._evict_some(need - freed, may_drop)
                if some == 0:
                    break
                freed += some
        return freed

    def drop(self, ino: Inode) -> None:
        """Remove the blob of an entry, open or not; Busy while it moves into or out of the root."""
        with self.turn:
            with self.env.write() as txn:
                row = self.rows.of(txn, ino)
                if row is None:
                    return
                if self.rows.step(txn, row.id) in (Step.TAKING, Step.ADOPTING):
                    raise Busy("The cached file is just becoming a real one, or was one just now.")
                self._condemn(txn, row)
            self._remove([row], keep=False)

    def _evict_some(self, need: int, may_drop: MayDrop) -> int:
        with self.env.write() as txn:
            victims = self._choose(txn, need, may_drop)
            for row in victims:
                self._condemn(txn, row)
        return self._remove(victims, keep=True) if victims else 0

    def _choose(self, txn: Txn, need: int, may_drop: MayDrop) -> Sequence[BlobRow]:
        victims: list[BlobRow] = []
        gain = 0
        for row in self._candidates(txn):
            usage = self._usage(row)
            if usage == 0 or self.rows.step(txn, row.id) not in (None, Step.WRITING):
                continue
            if may_drop(txn, row.ino, row.hash):
                victims.append(row)
                gain += usage
            if gain >= need or len(victims) == VICTIMS_MAX:
                break
        return victims

    def _candidates(self, txn: Txn) -> Iterator[BlobRow]:
        return chain(
            self.rows.oldest(txn, Queue.PENDING_REMOVAL), self.rows.oldest(txn, Queue.WORKING)
        )

    def _usage(self, row: BlobRow) -> int:
        blob = self.opened.get(row.id)
        return row.usage if blob is None else blob.usage

    def _condemn(self, txn: Txn, row: BlobRow) -> None:
        self.opened.condemn(row.id)
        self.rows.put(txn, replace(row, ranges=Ranges(), verified=False))
        self.rows.set_step(txn, row.id, Step.GOING)

    def _remove(self, victims: Sequence[BlobRow], *, keep: bool) -> int:
        try:
            with self.env.write() as txn:
                return sum(self._remove_one(txn, row, keep=keep) for row in victims)
        finally:
            self.opened.finished(row.id for row in victims)

    def _remove_one(self, txn: Txn, row: BlobRow, *, keep: bool) -> int:
        blob = self.opened.get(row.id)
        if blob is None:
            self.files.remove(row.id)
            self.space.settle(0, -row.usage)
            self.rows.delete(txn, row)
            return row.usage
        gone = self.opened.doom(blob, keep=keep and not row.outdated)
        freed = blob.finish_eviction(gone=gone)
        if gone:
            self.files.remove(row.id)
            self.rows.delete(txn, row)
            self.opened.close_gone(blob)
        else:
            self.rows.put(txn, replace(row, ranges=Ranges(), verified=False, usage=blob.usage))
            self.rows.set_step(txn, row.id, Step.WRITING)
            blob.noted = True
        return freed
