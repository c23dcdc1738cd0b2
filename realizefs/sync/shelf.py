"""Putting fetched bytes into the cache, many at a time.

What arrives while a batch is being stored is the next batch: rows in one transaction, bytes into
their files, one sync, and one transaction that says which blobs are complete. So a thousand small
files cost a few commits and not three each. Bounded by who waits: each caller of `put` holds its
bytes and waits.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import trio

from realizefs.model.errors import Busy
from realizefs.model.ids import Digest, Inode
from realizefs.model.limits import MIB
from realizefs.model.versions import Version
from realizefs.store.blob import Blob
from realizefs.store.copying import Copied
from realizefs.store.opener import close_all
from realizefs.store.txn import Txn
from realizefs.sync.batch import Batch
from realizefs.sync.context import Context
from realizefs.sync.safety import may_drop

BATCH_MAX = 256
"""Pieces stored together; each may hold a file descriptor meanwhile."""

GATHER_SECONDS = 0.01
"""What is little is waited for, so that more of it shares the commits."""

READ_GATHER_SECONDS = 0.1
"""So long where nobody waits until it is stored: readers have the bytes already."""

GATHER_BYTES = 1 * MIB
"""With so much to be stored nothing is waited for."""


@dataclass(slots=True, eq=False)
class _Item:
    ino: Inode
    version: Version
    start: int
    data: bytes
    bound: bool
    copied: tuple[Copied, ...] = ()
    direct: bool = False
    stored: trio.Event = field(default_factory=trio.Event)
    kept: bool = False
    error: Exception | None = None


class Shelf:
    """The one task that stores what one arena fetches."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._blobs = context.store.blobs
        self._queue: deque[_Item] = deque()
        self._wake = trio.Event()

    async def put(
        self,
        ino: Inode,
        version: Version,
        start: int,
        data: bytes,
        *,
        bound: bool,
        copied: tuple[Copied, ...] = (),
        direct: bool = False,
    ) -> bool:
        """Store verified bytes; whether they were kept (False: no room). Raises OSError; Busy if
        something else is the file's content by now.

        `copied`: which of them are in another file, that stays open meanwhile. Without `bound` the
        cache's limit doesn't matter, and `direct` goes around the page cache; see `Blobs.store`.
        """
        item = _Item(ino, version, start, data, bound, copied, direct)
        self._queue.append(item)
        self._wake.set()
        await item.stored.wait()
        if item.error is not None:
            raise item.error
        return item.kept

    async def put_all(
        self, contents: Sequence[tuple[Inode, Version, bytes]], *, bound: bool
    ) -> None:
        """Store whole contents, verified ones, as `put` does. What of them couldn't be stored isn't
        told: whoever wants it finds that it isn't here."""
        items = [_Item(ino, version, 0, data, bound) for ino, version, data in contents]
        self._queue.extend(items)
        self._wake.set()
        for item in items:
            await item.stored.wait()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._wake.wait()
            await self._gather()
            while self._queue:
                count = min(len(self._queue), BATCH_MAX)
                batch = [self._queue.popleft() for _ in range(count)]
                # Shielded: the bytes are here, and a thread can't be stopped anyway.
                with trio.CancelScope(shield=True):
                    await self._store_batch(batch)

    async def _gather(self) -> None:
        """Wait until that is worth a commit, or was long enough for those who wait."""
        began = trio.current_time()
        while sum(len(item.data) for item in self._queue) < GATHER_BYTES:
            is_waited_for = any(not item.bound for item in self._queue)
            seconds = GATHER_SECONDS if is_waited_for else READ_GATHER_SECONDS
            self._wake = trio.Event()
            with trio.move_on_at(began + seconds) as waiting:
                await self._wake.wait()
            if waiting.cancelled_caught:
                break
        self._wake = trio.Event()

    async def _store_batch(self, batch: list[_Item]) -> None:
        blobs: list[Blob | None] = []
        try:
            blobs = await trio.to_thread.run_sync(self._store, batch)
            complete = {
                blob.id: blob for blob in blobs if blob and blob.complete and not blob.verified
            }
            if complete:
                await self._announce(list(complete.values()))
        except Exception as error:  # noqa: BLE001 - handed to everybody who waits for the batch
            for item in batch:
                item.error = error
        finally:
            close_all(blobs)
            for item in batch:
                item.stored.set()

    def _store(self, batch: list[_Item]) -> list[Blob | None]:
        batch = self._of_now(batch)
        kept = {item.ino for item in batch if not item.bound}

        def made(txn: Txn, new: Iterable[Inode]) -> None:
            for ino in kept.intersection(new):
                self._context.store.dirty.mark(txn, ino)

        blobs = self._blobs.open_all([(item.ino, item.version) for item in batch], kept, made)
        try:
            self._protect_opened(kept)
            for item, blob in zip(batch, blobs, strict=True):
                if blob is None:
                    continue
                try:
                    item.kept = self._blobs.store(
                        blob,
                        item.start,
                        item.data,
                        self._may_drop,
                        bound=item.bound,
                        copied=item.copied,
                        direct=item.direct,
                    )
                except OSError as error:
                    item.error = error
            self._blobs.sync_all(
                [blob for blob in dict.fromkeys(blobs) if blob is not None and blob.complete]
            )
        except BaseException:
            close_all(blobs)
            raise
        return blobs

    def _of_now(self, batch: list[_Item]) -> list[_Item]:
        """Those of the present content: who reads an older one, which is still open, has the bytes,
        and the cache is for what everybody else reads."""
        store, wanted = self._context.store, []
        with store.env.read() as txn:
            for item in batch:
                entry = store.tree.entry(txn, item.ino)
                if entry is not None and entry.version.hash == item.version.hash:
                    wanted.append(item)
                elif not item.bound:
                    item.error = Busy("The file was changed meanwhile.")
        return wanted

    def _protect_opened(self, inodes: set[Inode]) -> None:
        """Those that were there before; mostly they are protected already."""
        store = self._context.store
        with store.env.read() as txn:
            rows = [store.blobs.find(txn, ino) for ino in inodes]
        if any(row is not None and not row.protected for row in rows):
            with store.env.write() as txn:
                self._protect(txn, inodes)

    def _protect(self, txn: Txn, inodes: set[Inode]) -> None:
        """What is fetched as a whole isn't evicted before it is complete; the engine, which looks
        at it afterwards, goes by the mark."""
        store = self._context.store
        rows = [store.blobs.find(txn, ino) for ino in inodes]
        for ino in (row.ino for row in rows if row is not None and not row.protected):
            store.blobs.protect(txn, ino, protected=True)
            store.dirty.mark(txn, ino)

    async def _announce(self, blobs: list[Blob]) -> None:
        """These are complete: remember it, and tell the peers."""
        store = self._context.store

        def note(batch: Batch) -> None:
            for blob in blobs:
                if not store.blobs.mark_verified(batch.txn, blob):
                    continue
                entry = store.tree.entry(batch.txn, blob.ino)
                if entry is not None and entry.version.hash == blob.hash:
                    batch.held_changed(blob.ino)

        await self._context.commit(note)

    def _may_drop(self, txn: Txn, ino: Inode, digest: Digest) -> bool:
        return may_drop(txn, self._context.store, ino, digest)
