"""The blobstore of one arena: the bytes held of unreal files, within a limit (DESIGN 7.1).

Order of steps: create = row, then file; write = bytes, then range (see `blob`); delete = file,
then row (see `eviction`). Whatever is between two steps is noted in `blob.busy`, so that
`recover` looks at those few and not at all files.

Here blobs are found, opened and given room. How what is in them becomes durable is in `saver`;
how a blob becomes a real file, and the other way round, in `moves`.
"""

import errno
from collections.abc import Sequence
from dataclasses import replace
from threading import Lock

from realizefs.model.blobs import BlobRow
from realizefs.model.errors import Busy, CacheFull
from realizefs.model.ids import BlobId, Digest, Inode
from realizefs.model.ranges import Ranges
from realizefs.model.versions import Version
from realizefs.store.blob import GROWTH_SLACK_BLOCKS, Blob
from realizefs.store.blobdir import BlobDirectory
from realizefs.store.env import Environment, Txn
from realizefs.store.eviction import Evictor, MayDrop
from realizefs.store.moves import Moves
from realizefs.store.openblobs import OpenBlobs
from realizefs.store.queues import BlobRows, Step
from realizefs.store.recovery import recover_blob
from realizefs.store.saver import Saver
from realizefs.store.space import Reservation, Space

OPEN_TRIES_MAX = 16
"""Tries to open a blob that is removed again and again at that very moment."""

IDLE_MAX = 128
"""Blobs that nobody uses any more and whose ranges aren't saved: each holds a descriptor."""

_EVICT_AHEAD = 64
"""An eviction frees a 64th of the limit more than asked, so that not every write evicts."""


class Blobs:
    """Blobs below the directory `directory_fd`, their rows in `env`, at most `limit_bytes`.

    Thread-safe. Methods with a `txn` work in the caller's transaction; the others may write one
    of their own and block, unless they say otherwise. Call `recover` once before anything else.
    """

    def __init__(self, env: Environment, directory_fd: int, limit_bytes: int) -> None:
        self._env = env
        self._rows = BlobRows()
        self._files = BlobDirectory(directory_fd)
        self._opened = OpenBlobs()
        with env.read() as txn:
            self._space = Space(limit_bytes, self._rows.used(txn))
        self._turn = Lock()
        self._evictor = Evictor(env, self._rows, self._files, self._opened, self._space, self._turn)
        self.moves = Moves(self._rows, self._files, self._opened, self._space)
        self._saver = Saver(env, self._rows, self._files, self._opened)

    @property
    def limit(self) -> int:
        """Bytes. Lowering it evicts nothing by itself; see `evict`."""
        return self._space.limit

    @limit.setter
    def limit(self, limit_bytes: int) -> None:
        self._space.limit = limit_bytes

    def usage(self) -> int:
        """Allocated bytes of all blobs, at this moment."""
        return self._space.used

    def kept(self, txn: Txn) -> int:
        """Allocated bytes of protected blobs, as of the last flush."""
        return self._rows.kept(txn)

    def close(self) -> None:
        """Save and close everything; open Blobs are unusable afterwards."""
        self.flush()
        self._opened.close()

    # -- finding and opening --------------------------------------------------------------------

    def find(self, txn: Txn, ino: Inode) -> BlobRow | None:
        """The row of the entry's blob, as of the last flush."""
        return self._rows.of(txn, ino)

    def opened(self, ino: Inode, digest: Digest) -> Blob | None:
        """The blob of that content if somebody has it open; never blocks."""
        blob = self._opened.join(ino, digest)
        if blob is not None:
            self.touch(ino)
        return blob

    def open_existing(self, ino: Inode, digest: Digest) -> Blob | None:
        """The blob of that content, if there is one; reads only."""
        known = self.opened(ino, digest)
        if known is not None:
            return known
        with self._env.read() as txn:
            row = self._rows.of(txn, ino)
        if row is None or row.hash != digest:
            return None
        self.touch(ino)
        return self._attach(row.id)

    def open(self, ino: Inode, version: Version) -> Blob:
        """The blob of that content, made if missing; an older one of the entry becomes outdated.

        The caller closes it. Busy while it is becoming a real file or was one just now.
        """
        for _ in range(OPEN_TRIES_MAX):
            blob = self.open_existing(ino, version.hash)
            if blob is None:
                if self._opened.idle() > IDLE_MAX:
                    self.flush()
                with self._turn:  # removals wait, so row and file appear together
                    row = self._ensure(ino, version)
                    self._files.make(row.id, row.size)
                blob = self._attach(row.id)
            if blob is not None:
                return blob
        raise Busy("The cached file is being removed again and again; try again later.")

    def open_all(self, contents: Sequence[tuple[Inode, Version]]) -> list[Blob | None]:
        """`open` for many with one commit; None for those that are Busy."""
        found = [self.open_existing(ino, version.hash) for ino, version in contents]
        missing = [one for one, blob in zip(contents, found, strict=True) if blob is None]
        if missing:
            if self._opened.idle() > IDLE_MAX:
                self.flush()
            with self._turn:
                with self._env.write() as txn:
                    rows = [self._ensure_row(txn, ino, version) for ino, version in missing]
                for row in rows:
                    if row is not None:
                        self._files.make(row.id, row.size)
        return [
            blob or self._open_or_none(ino, version)
            for (ino, version), blob in zip(contents, found, strict=True)
        ]

    def _open_or_none(self, ino: Inode, version: Version) -> Blob | None:
        try:
            return self.open(ino, version)
        except Busy:
            return None

    def _ensure(self, ino: Inode, version: Version) -> BlobRow:
        """First step of making a blob: a committed row that says so."""
        with self._env.write() as txn:
            row = self._ensure_row(txn, ino, version)
        if row is None:
            raise Busy("The file is moving between the cache and the arena root.")
        return row

    def _ensure_row(self, txn: Txn, ino: Inode, version: Version) -> BlobRow | None:
        """None while the file moves between the cache and the root."""
        row = self._rows.of(txn, ino)
        if row is None or row.hash != version.hash:
            row = BlobRow(BlobId(0), ino, version.hash, version.size)
            row = self._rows.create(txn, row)
            self._rows.set_step(txn, row.id, Step.WRITING)
        elif self._files.stat(row.id) is None:
            if self._rows.step(txn, row.id) in (Step.ADOPTING, Step.TAKING):
                return None
            self._space.settle(0, -row.usage)
            row = replace(row, ranges=Ranges(), verified=False, usage=0)
            self._rows.put(txn, row)
            self._rows.set_step(txn, row.id, Step.WRITING)
        return row

    def _attach(self, blob_id: BlobId) -> Blob | None:
        """The open blob; None if its row or file is gone or going."""

        def make() -> Blob | None:
            with self._env.read() as txn:
                row = self._rows.get(txn, blob_id)
                step = self._rows.step(txn, blob_id)
            if row is None:
                return None
            try:
                fd = self._files.open(blob_id)
            except FileNotFoundError:
                return None
            blob = Blob(row, fd, self._space, self)
            blob.noted = step is Step.WRITING
            blob.named = not blob.noted
            return blob

        return self._opened.attach(blob_id, make)

    # -- what a Blob asks of us -------------------------------------------------------------------

    def about_to_write(self, blob: Blob) -> None:
        """Note durably, once, that bytes without ranges may appear."""
        if blob.noted:
            return
        with self._env.write() as txn:
            if self._rows.get(txn, blob.id) and self._rows.step(txn, blob.id) is None:
                self._rows.set_step(txn, blob.id, Step.WRITING)
        blob.noted = True

    def hold(self, blob: Blob) -> None:
        self._opened.hold(blob)

    def release(self, blob: Blob) -> None:
        self._opened.release(blob)

    # -- room -------------------------------------------------------------------------------------

    def reserve(self, need: int, may_drop: MayDrop, *, bound: bool = True) -> Reservation | None:
        """Room for `need` bytes of one write, evicting as needed; None if there is none.

        Without `bound` there always is: what is kept or about to become a real file was asked
        for by its mark; it pushes out what can go, and else exceeds the limit.

        Pass it to Blob.write and release it (it is a context manager).
        """
        amount = need + GROWTH_SLACK_BLOCKS * self._files.block
        amount = -(-amount // self._files.block) * self._files.block
        while amount <= self._space.limit:
            lacking = self._space.reserve(amount)
            if lacking == 0:
                return Reservation(self._space, amount)
            if self._evictor.evict(lacking + self._space.limit // _EVICT_AHEAD, may_drop) == 0:
                break
        if bound:
            return None
        self._space.promise(amount)
        return Reservation(self._space, amount)

    def store(
        self, blob: Blob, start: int, data: bytes, may_drop: MayDrop, *, bound: bool = True
    ) -> bool:
        """Write `data` if there is room for it in the cache and on the disk; whether it is kept.

        Without `bound` the disk alone decides; see `reserve`.
        """
        room = self.reserve(len(data), may_drop, bound=bound)
        if room is None:
            return False
        with room:
            try:
                kept = blob.write(start, data, room)
            except CacheFull:
                return False
            except OSError as error:
                if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                    raise
                return False
        return kept

    def evict(self, need: int, may_drop: MayDrop) -> int:
        """Free `need` bytes, or what can be; outdated blobs first, protected ones never."""
        self._saver.save_touches()
        return self._evictor.evict(need, may_drop)

    def drop(self, ino: Inode) -> None:
        """Remove the entry's blob; who has it open finds nothing in it any more."""
        self._evictor.drop(ino)

    # -- saving -----------------------------------------------------------------------------------

    def touch(self, ino: Inode) -> None:
        """Used just now; remembered in memory until the next flush."""
        self._saver.touch(ino)

    def flush(self) -> None:
        """Make durable what was written, then say so in the rows; touches, too.

        At most every second or 64 MiB: what wasn't flushed is fetched again after a crash.
        """
        self._saver.flush()

    def sync_all(self, blobs: Sequence[Blob]) -> None:
        """Make the bytes and names of these blobs durable; many at the price of a few."""
        self._saver.sync_all(blobs)

    def mark_verified(self, txn: Txn, blob: Blob) -> bool:
        """All of the blob was compared with its hash: say so in its row, bytes first.

        False, and nothing said, if it was evicted meanwhile.
        """
        return self._saver.mark_verified(txn, blob)

    # -- keeping ------------------------------------------------------------------------------------

    def protect(self, txn: Txn, ino: Inode, protected: bool) -> None:
        """Kept blobs are never evicted; without a blob this does nothing."""
        row = self._rows.of(txn, ino)
        if row is not None and row.protected != protected:
            self._rows.put(txn, replace(row, protected=protected))

    # -- after a crash ------------------------------------------------------------------------------

    def recover(self) -> int:
        """Finish or undo what a crash interrupted; how many blobs that were.

        The arena's tmp/ must have been emptied before: a file being realized that has two
        names then has the second one in the root.
        """
        with self._env.write() as txn:
            unfinished = self._rows.unfinished(txn)
            for blob_id, step in unfinished:
                recover_blob(txn, self._rows, self._files, blob_id, step)
            self._space.settle(0, self._rows.used(txn) - self._space.used)
        return len(unfinished)
