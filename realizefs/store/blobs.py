"""The blobstore of one arena: the bytes held of unreal files, within a limit (DESIGN 7.1).

Order of steps: create = row, then file; write = bytes, then range (see `blob`); delete = file,
then row (see `eviction`). Whatever is between two steps is noted in `blob.busy`, so that
`recover` looks at those few and not at all files.

Here it is put together. How blobs are found and made is in `opener`, how room is made for them in
`room` and `eviction`, how what is in them becomes durable in `saver`, how a blob becomes a real file,
and the other way round, in `moves`.
"""

import errno
import time
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from threading import Lock

from realizefs.model.blobs import BlobRow
from realizefs.model.cache_limits import CacheLimits
from realizefs.model.errors import CacheFull
from realizefs.model.ids import BlobId, Digest, Inode
from realizefs.model.versions import Version
from realizefs.store.blob import Blob
from realizefs.store.blobdir import BlobDirectory
from realizefs.store.copying import Copied, pwrite_all
from realizefs.store.direct import DirectWriter
from realizefs.store.env import Environment
from realizefs.store.eviction import Evictor, MayDrop
from realizefs.store.moves import Moves
from realizefs.store.openblobs import OpenBlobs
from realizefs.store.opener import Opener
from realizefs.store.queues import BlobRows
from realizefs.store.recovery import recover_blob
from realizefs.store.room import Room
from realizefs.store.saver import Saver
from realizefs.store.space import Reservation, Space
from realizefs.store.txn import Txn
from realizefs.store.uses import Uses

IDLE_MAX = 128
"""Blobs that nobody uses any more and whose ranges aren't saved: each holds a descriptor."""


class Blobs:
    """Blobs below the directory `directory_fd`, their rows in `env`, within `limits`.

    Thread-safe. Methods with a `txn` work in the caller's transaction; the others may write one
    of their own and block, unless they say otherwise. Call `recover` once before anything else.
    """

    def __init__(
        self,
        env: Environment,
        directory_fd: int,
        limits: CacheLimits,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        rows, opened = BlobRows(), OpenBlobs()
        self._env, self._rows, self._opened = env, rows, opened
        self._files = files = BlobDirectory(directory_fd)
        with env.read() as txn:
            self._space = space = Space(limits, files.disk, rows.used(txn))
            self._uses = uses = Uses(rows, rows.uses(txn), clock)
        self._pinned: dict[Inode, int] = {}
        self._pinning, self._turn = Lock(), Lock()
        self._opener = Opener(env, rows, files, opened, space, uses, self._turn)
        self._evictor = Evictor(
            env, rows, files, opened, space, uses, self._opener, self._pinned, self._turn
        )
        self.counts = self._evictor.counts
        self._room = Room(env, rows, space, self._evictor, files.block)
        self.moves = Moves(rows, files, opened, space)
        self._saver = Saver(env, rows, files, opened, uses)
        self._direct = DirectWriter()

    @property
    def limits(self) -> CacheLimits:
        """How much there may be. Lowering it evicts nothing by itself: `shrink` does."""
        return self._space.limits

    @limits.setter
    def limits(self, limits: CacheLimits) -> None:
        self._space.limits = limits

    @property
    def allowed(self) -> int:
        """Bytes that the limits allow at this moment; what other programs write changes it. A statfs,
        which waits for no local disk."""
        return self._space.allowed

    @property
    def left_free(self) -> int:
        """Bytes of the disk that aren't ours to fill."""
        return self._space.left_free

    def spare(self, txn: Txn) -> int:
        """Bytes that may come to the disk, as kept blobs or real files, once all else has gone."""
        return max(0, self._space.allowed_kept - self.kept(txn))

    def usage(self) -> int:
        """Allocated bytes of all blobs, at this moment."""
        return self._space.used

    def kept(self, txn: Txn) -> int:
        """Allocated bytes of protected blobs, as of the last flush."""
        return self._rows.kept(txn)

    def excess(self, txn: Txn) -> int:
        """Bytes by which protected blobs alone exceed the limits; they stay all the same."""
        return self._room.excess(txn)

    def all(self, txn: Txn) -> Iterator[BlobRow]:
        """Every blob; goes over the whole table."""
        return self._rows.all(txn)

    def is_open(self, blob: BlobId) -> bool:
        """Whether memory knows better than its row what is in a blob."""
        return self._opened.get(blob) is not None

    def corrected(self, txn: Txn, change: int) -> None:
        """A repair found that a blob nobody has open takes `change` bytes more than was counted, and
        its row says so from this commit on."""
        txn.if_abandoned(lambda: self._space.settle(0, -change))
        self._space.settle(0, change)

    def close(self) -> None:
        """Save and close everything; open Blobs are unusable afterwards."""
        self.flush(closing=True)
        self._opened.close()

    # -- finding and opening --------------------------------------------------------------------

    def find(self, txn: Txn, ino: Inode) -> BlobRow | None:
        """The row of the entry's blob, as of the last flush."""
        return self._rows.of(txn, ino)

    def opened(self, ino: Inode, digest: Digest) -> Blob | None:
        """The blob of that content if somebody has it open; never blocks."""
        return self._opener.opened(ino, digest)

    def open_existing(self, ino: Inode, digest: Digest) -> Blob | None:
        """The blob of that content, if there is one; reads only."""
        return self._opener.open_existing(ino, digest)

    def open(self, ino: Inode, version: Version) -> Blob:
        """The blob of that content, made if missing; an older one of the entry becomes outdated.

        The caller closes it. Busy while it is becoming a real file or was one just now.
        """
        self._flush_if_many_are_idle()
        return self._opener.open(ino, version)

    def open_all(
        self,
        contents: Sequence[tuple[Inode, Version]],
        protected: Container[Inode],
        made: Callable[[Txn, Iterable[Inode]], None],
    ) -> list[Blob | None]:
        """`open` for many with one commit, in which `made` is called with those that were missing,
        and of which those in `protected` are so from the beginning; None for those that are Busy."""
        self._flush_if_many_are_idle()
        return self._opener.open_all(contents, protected, made)

    def _flush_if_many_are_idle(self) -> None:
        if self._opened.idle() > IDLE_MAX:
            self.flush()

    # -- room -------------------------------------------------------------------------------------

    def reserve(
        self,
        need: int,
        may_drop: MayDrop,
        *,
        bound: bool = True,
        filling: BlobId | None = None,
    ) -> Reservation | None:
        """Room for `need` bytes of one write, evicting as needed; None if there is none.

        Without `bound` it is for what is kept or about to become a real file, as its mark asked
        for: it pushes out what can go, and else exceeds `max`, but not what is to be left free.
        `filling` is the blob that is written to, which has to compete for the room.

        Pass it to Blob.write and release it (it is a context manager).
        """
        return self._room.reserve(need, may_drop, bound=bound, filling=filling)

    def store(
        self,
        blob: Blob,
        start: int,
        data: bytes,
        may_drop: MayDrop,
        *,
        bound: bool = True,
        copied: Sequence[Copied] = (),
        direct: bool = False,
    ) -> bool:
        """Write `data` if there is room for it in the cache and on the disk; whether it is kept.

        Without `bound` the disk alone decides; see `reserve`. `direct`: around the page cache.
        """
        write = self._direct.pwrite_all if direct else pwrite_all
        room = self.reserve(len(data), may_drop, bound=bound, filling=blob.id)
        if room is None:
            return False
        with room:
            try:
                kept = blob.write(start, data, room, copied, write)
            except CacheFull:
                return False
            except OSError as error:
                if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                    raise
                return False
        return kept

    def evict(self, need: int, may_drop: MayDrop) -> int:
        """Free `need` bytes, or what can be; outdated blobs first, protected ones never."""
        return self._evictor.evict(need, may_drop)

    def shrink(self, may_drop: MayDrop) -> int:
        """To be called now and then: evict until the limits hold, which may have changed.

        Returns how many bytes are still too many: kept, or the last ones anywhere.
        """
        return self._room.shrink(may_drop)

    @contextmanager
    def pinned(self, ino: Inode) -> Iterator[None]:
        """Inside it nothing evicts the entry's blob, which is about to be needed as a whole."""
        with self._pinning:
            self._pinned[ino] = self._pinned.get(ino, 0) + 1
        try:
            yield
        finally:
            with self._pinning:
                self._pinned[ino] -= 1
                if not self._pinned[ino]:
                    del self._pinned[ino]

    def drop(self, ino: Inode) -> None:
        """Remove the entry's blob; who has it open finds nothing in it any more."""
        self._evictor.drop(ino)

    def free(self, inodes: Iterable[Inode], may_drop: MayDrop) -> tuple[int, set[Inode]]:
        """Remove the blobs of these, as `evict` does, whichever others there are; the bytes freed, and
        those that had to stay. Few at a time: other writers wait for them."""
        return self._evictor.free(inodes, may_drop)

    # -- saving -----------------------------------------------------------------------------------

    def touch(self, ino: Inode) -> None:
        """Used just now; remembered in memory until the next flush."""
        self._uses.touch(ino)

    def flush(self, *, closing: bool = False) -> None:
        """Make durable what was written, then say so in the rows; uses, too.

        At most every second or 64 MiB: what wasn't flushed is fetched again after a crash. With
        `closing` how often what is used is saved, too, which is else done now and then.
        """
        self._saver.flush(closing=closing)

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

    def follow(self, txn: Txn, ino: Inode, current: Digest | None) -> None:
        """The entry's content is `current` now (None: it is deleted): another is outdated."""
        row = self._rows.of(txn, ino)
        if row is not None and row.outdated is (row.hash == current):
            self._rows.put(txn, replace(row, outdated=row.hash != current))

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
