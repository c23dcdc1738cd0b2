"""Removing blobs: for room, as `core.evict` says, or because they are no longer wanted.

Two transactions around the files. The first empties the rows and notes GOING, so that no row ever
promises bytes that are being destroyed; then files are removed, or punched empty where somebody
has them open; the second deletes the rows, or notes what the open ones take now. A crash between
leaves rows that say GOING, which start-up finishes.

What is big leaves by parts in the same two transactions: its row forgets them and notes WRITING,
holes are punched, and the row says what it takes. After a crash start-up measures it.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from threading import Lock

from realizefs.core.counting import CacheCounts
from realizefs.core.evict import Admit, Candidate, Evict, Move, Pool, Renew
from realizefs.model.blobs import BlobRow
from realizefs.model.errors import Busy
from realizefs.model.ids import BlobId, Digest, Inode
from realizefs.model.ranges import NO_RANGES, Ranges
from realizefs.store.blob import Blob
from realizefs.store.blobdir import BlobDirectory
from realizefs.store.env import Environment
from realizefs.store.openblobs import OpenBlobs
from realizefs.store.opener import Opener
from realizefs.store.queues import BlobRows, Queue, Step, queue_of
from realizefs.store.space import Space
from realizefs.store.txn import Txn
from realizefs.store.uses import Uses

MayDrop = Callable[[Txn, Inode, Digest], bool]
"""Whether the cached content of an entry may go (R1)."""

MOVES_MAX = 256
"""Blobs moved or removed in one pair of transactions: other writers wait no longer than for these."""

PASSED_MAX = 256
"""Blobs of one queue that may not go and are put to its front, so that the next eviction doesn't
meet them again; behind these nothing is looked for until then."""


@dataclass(slots=True)
class _Going:
    """What one pair of transactions removes."""

    whole: list[BlobRow] = field(default_factory=list)
    parts: list[Blob] = field(default_factory=list)
    """open, each with one user more"""


@dataclass(frozen=True, slots=True)
class Evictor:
    """Removes blobs of one store; one removal at a time, in worker threads."""

    env: Environment
    rows: BlobRows
    files: BlobDirectory
    opened: OpenBlobs
    space: Space
    uses: Uses
    opener: Opener
    pinned: dict[Inode, int]
    """what must stay for now, and for how many"""
    turn: Lock
    """held during a removal"""
    counts: CacheCounts = field(default_factory=CacheCounts)

    def evict(self, need: int, may_drop: MayDrop, filling: BlobId | None = None) -> int:
        """Free `need` bytes or as many as can be; returns how many.

        `filling` is the blob that the room is for: it has to compete like something new.
        """
        freed = 0
        with self.turn:
            while freed < need:
                some = self._evict_some(need - freed, may_drop, filling)
                if some == 0:
                    break
                freed += some
        return freed

    def drop(self, ino: Inode) -> None:
        """Remove the blob of an entry, open or not; Busy while it moves into or out of the root."""
        with self.turn:
            going = _Going()
            try:
                with self.env.write() as txn:
                    row = self.rows.of(txn, ino)
                    if row is None:
                        return
                    if self.rows.step(txn, row.id) in (Step.TAKING, Step.ADOPTING):
                        raise Busy(
                            "The cached file is just becoming a real one, or was one just now."
                        )
                    self._condemn(txn, row, going)
                self._remove(going, keep=False)
            finally:
                self._finished(going)

    def free(self, inodes: Iterable[Inode], may_drop: MayDrop) -> tuple[int, set[Inode]]:
        """Remove the blobs of these that may go; the bytes freed, and those that had to stay."""
        freed, stayed, left = 0, set[Inode](), iter(inodes)
        with self.turn:
            while some := list(islice(left, MOVES_MAX)):
                going = _Going()
                try:
                    with self.env.write() as txn:
                        stayed |= {ino for ino in some if not self._free(txn, ino, may_drop, going)}
                    freed += self._remove(going, keep=True)
                finally:
                    self._finished(going)
        return freed, stayed

    def _free(self, txn: Txn, ino: Inode, may_drop: MayDrop, going: _Going) -> bool:
        row = self.rows.of(txn, ino)
        if row is None:
            return True
        moves = self.rows.step(txn, row.id) in (Step.TAKING, Step.ADOPTING)
        if moves or ino in self.pinned or not may_drop(txn, ino, row.hash):
            return False
        self._condemn(txn, row, going)
        return True

    def _evict_some(self, need: int, may_drop: MayDrop, filling: BlobId | None) -> int:
        going = _Going()
        try:
            with self.env.write() as txn:
                self.uses.save(txn)
                for move in islice(self._moves(txn, need, may_drop, filling), MOVES_MAX):
                    self._make(txn, move, going)
            freed = self._remove(going, keep=True)
            self.counts.evictions += len(going.whole) + len(going.parts)
            self.counts.evicted += freed
            return freed
        finally:
            self._finished(going)

    # -- what goes ------------------------------------------------------------------------------

    def _moves(
        self, txn: Txn, need: int, may_drop: MayDrop, filling: BlobId | None
    ) -> Iterator[Move[BlobRow]]:
        """Outdated blobs first, whole; then as the policy says."""
        for outdated in self._candidates(txn, Queue.PENDING_REMOVAL, may_drop):
            yield Evict(outdated.what, outdated.bytes)
            need -= outdated.bytes
            if need <= 0:
                return
        if filling is not None:
            self._to_window(txn, filling)
        kept, window = self.rows.kept(txn), self._in_window(txn)
        limit = max(0, self.space.allowed - kept)
        pool = Pool(
            limit,
            window=self._candidates(txn, Queue.WINDOW, may_drop, filling),
            window_bytes=window,
            window_max=int(limit * self.uses.share),
            main=self._candidates(txn, Queue.MAIN, may_drop),
            main_bytes=max(0, self.space.used - kept - window),
        )
        yield from pool.make_room(need)

    def _candidates(
        self, txn: Txn, queue: Queue, may_drop: MayDrop, filling: BlobId | None = None
    ) -> Iterator[Candidate[BlobRow]]:
        """Those of a queue that may go. One that is GOING already is left of a failed removal."""
        passed = 0
        for row in self.rows.oldest(txn, queue):
            usage = self._usage(row)
            if usage <= 0 or self.rows.step(txn, row.id) in (Step.TAKING, Step.ADOPTING):
                continue
            if row.ino not in self.pinned and may_drop(txn, row.ino, row.hash):
                yield Candidate(row, self.uses.count(row.ino), usage, row.id == filling)
                continue
            self.rows.to_front(txn, row)
            passed += 1
            if passed == PASSED_MAX:
                return

    def _usage(self, row: BlobRow) -> int:
        blob = self.opened.get(row.id)
        return row.usage if blob is None else blob.usage

    def _in_window(self, txn: Txn) -> int:
        """Bytes; rows of open blobs say what was so at the last flush."""
        total = self.rows.in_window(txn)
        for blob in self.opened.growing():
            row = self.rows.get(txn, blob.id)
            if row is not None and queue_of(row) is Queue.WINDOW:
                total += blob.usage - row.usage
        return total

    def _to_window(self, txn: Txn, blob: BlobId) -> None:
        row = self.rows.get(txn, blob)
        if row is not None and queue_of(row) is Queue.MAIN:
            self.rows.to_front(txn, replace(row, window=True))

    # -- first transaction ------------------------------------------------------------------------

    def _make(self, txn: Txn, move: Move[BlobRow], going: _Going) -> None:
        match move:
            case Admit(row):
                self.rows.to_front(txn, replace(row, window=False))
            case Renew(row):
                self.rows.to_front(txn, row)
            case Evict(row, part):
                if part >= self._usage(row) or not self._condemn_parts(txn, row, part, going):
                    self._condemn(txn, row, going)

    def _condemn(self, txn: Txn, row: BlobRow, going: _Going) -> None:
        going.whole.append(row)
        self.opened.condemn(row.id)
        self.rows.put(txn, replace(row, ranges=Ranges(), verified=False))
        self.rows.set_step(txn, row.id, Step.GOING)

    def _condemn_parts(self, txn: Txn, row: BlobRow, need: int, going: _Going) -> bool:
        """False where its ranges don't tell of so many bytes: then all of it goes."""
        blob = self.opener.attach_row(txn, row)
        if blob is None:
            return False
        parts = self.uses.oldest_parts(row.id, blob.ranges, need)
        if not parts or not blob.ranges.less(parts):
            blob.close()
            return False
        going.parts.append(blob)
        blob.condemn_parts(parts)
        self.rows.put(txn, replace(row, ranges=row.ranges.less(parts), verified=False))
        self.rows.set_step(txn, row.id, Step.WRITING)
        return True

    # -- files, and the second transaction --------------------------------------------------------

    def _remove(self, going: _Going, *, keep: bool) -> int:
        if not going.whole and not going.parts:
            return 0
        with self.env.write() as txn:
            freed = sum(self._remove_one(txn, row, keep=keep) for row in going.whole)
            freed += sum(self._remove_parts(txn, blob) for blob in going.parts)
        self.opener.settled.difference_update(row.id for row in going.whole)
        return freed

    def _remove_one(self, txn: Txn, row: BlobRow, *, keep: bool) -> int:
        self.uses.forget_parts(row.id)
        blob = self.opened.get(row.id)
        if blob is None:
            self.files.remove(row.id)
            self.space.settle(0, -self.opener.counted(row))
            self.opener.settled.add(row.id)
            self.rows.delete(txn, row)
            return row.usage
        gone = self.opened.doom(blob, keep=keep and not row.outdated)
        if gone:
            self.opener.settled.add(row.id)
        freed = blob.finish_eviction(gone=gone)
        if gone:
            self.files.remove(row.id)
            self.rows.delete(txn, row)
            self.opened.close_gone(blob)
        else:
            self.rows.put(txn, replace(row, ranges=NO_RANGES, verified=False, usage=blob.usage))
            self.rows.set_step(txn, row.id, Step.WRITING)
            blob.noted = True
        return freed

    def _remove_parts(self, txn: Txn, blob: Blob) -> int:
        freed = blob.finish_parts()
        row = self.rows.get(txn, blob.id)
        if row is not None:
            blob.noted = True
            self.rows.put(txn, replace(row, usage=blob.usage))
            blob.saved = (row.ranges, row.verified)
        return freed

    def _finished(self, going: _Going) -> None:
        self.opened.finished(row.id for row in going.whole)
        for blob in going.parts:
            blob.revive()
            blob.close()
