"""Making blobs durable: bytes first, then the rows that say so, and their uses.

A row never promises bytes that a power failure could take back: what is put in it is a snapshot of
what had been synced, and only if no eviction began since, nor a later one is there: a flush takes its
snapshots before it has the right to write (`Blob.is_current`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from realizefs.store.allocation import sync_filesystem
from realizefs.store.blob import Blob, Snapshot
from realizefs.store.blobdir import BlobDirectory
from realizefs.store.env import Environment
from realizefs.store.openblobs import OpenBlobs
from realizefs.store.queues import BlobRows, Step
from realizefs.store.txn import Txn
from realizefs.store.uses import Uses

SYNC_TOGETHER_MIN = 8
"""Blobs from which on one sync of the filesystem is cheaper than one of each file."""


class Saver:
    """The saving half of one store's `Blobs`. Thread-safe; may block."""

    def __init__(
        self,
        env: Environment,
        rows: BlobRows,
        files: BlobDirectory,
        opened: OpenBlobs,
        uses: Uses,
    ) -> None:
        self._env = env
        self._rows = rows
        self._files = files
        self._opened = opened
        self._uses = uses

    def flush(self, *, closing: bool = False) -> None:
        """Make durable what was written, then say so in the rows; uses, too.

        At most every second or 64 MiB: what wasn't flushed is fetched again after a crash.
        """
        blobs = self._opened.hold_unsaved()
        try:
            if sum(blob.unsynced for blob in blobs) >= SYNC_TOGETHER_MIN:
                self.sync_all(blobs)
            saved = [(blob, blob.sync()) for blob in blobs]
            self._sync_names(blobs)
            if saved or closing or self._uses.unsaved:
                with self._env.write() as txn:
                    for blob, snapshot in saved:
                        self._save(txn, blob, snapshot)
                    self._uses.save(txn, counts=closing)
        finally:
            for blob in blobs:
                self._opened.release(blob)

    def mark_verified(self, txn: Txn, blob: Blob) -> bool:
        """All of the blob was compared with its hash: say so in its row, bytes first.

        False, and nothing said, if it was evicted meanwhile.
        """
        blob.mark_verified()
        snapshot = blob.sync()
        if not snapshot.verified:
            return False
        self._sync_names([blob])
        self._save(txn, blob, snapshot)
        return True

    def sync_all(self, blobs: Sequence[Blob]) -> None:
        """Make the bytes and names of these blobs durable; many at the price of a few."""
        if len(blobs) < SYNC_TOGETHER_MIN:
            for blob in blobs:
                blob.sync()
            self._sync_names(blobs)
            return
        written = [(blob, blob.written()) for blob in blobs]
        try:
            sync_filesystem(self._files.fd)
        except OSError:
            for blob in blobs:
                blob.forget()
            raise
        for blob, so_far in written:
            blob.synced(so_far)
            blob.named = True

    def _sync_names(self, blobs: Iterable[Blob]) -> None:
        """Make it durable that the files exist; it mostly is already."""
        new = [blob for blob in blobs if not blob.named]
        self._files.sync_names(blob.id for blob in new)
        for blob in new:
            blob.named = True

    def _save(self, txn: Txn, blob: Blob, snapshot: Snapshot) -> None:
        """Only what is still so: an eviction that began since has emptied the row already."""
        row = self._rows.get(txn, blob.id)
        if row is None or not blob.is_current(snapshot):
            return
        ranges, verified = snapshot.ranges, snapshot.verified
        self._rows.put(txn, replace(row, ranges=ranges, verified=verified, usage=snapshot.usage))
        self._note_saved(txn, blob, snapshot)
        # GOING, though nothing is being evicted, is left of a removal that failed.
        idle = self._rows.step(txn, blob.id) in (Step.WRITING, Step.GOING, None)
        if idle and self._opened.settle_down(blob):
            self._rows.set_step(txn, blob.id, None)

    def _note_saved(self, txn: Txn, blob: Blob, now: Snapshot) -> None:
        """What the row says, and again what it said if this isn't committed."""
        before, number, noted = blob.saved, blob.saved_number, blob.noted

        def undo() -> None:
            blob.saved, blob.saved_number, blob.noted = before, number, noted

        txn.if_abandoned(undo)
        blob.saved, blob.saved_number = (now.ranges, now.verified), now.number
