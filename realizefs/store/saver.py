"""Making blobs durable: bytes first, then the rows that say so, and the uses that order the queues.

A row never promises bytes that a power failure could take back: what is put in it is a snapshot of
what had been synced, and only if no eviction began since (`Blob.is_current`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from threading import Lock

from realizefs.model.ids import Inode
from realizefs.store.allocation import sync_filesystem
from realizefs.store.blob import Blob, Snapshot
from realizefs.store.blobdir import BlobDirectory
from realizefs.store.env import Environment, Txn
from realizefs.store.openblobs import OpenBlobs
from realizefs.store.queues import BlobRows, Step

TOUCHES_MAX = 4096
"""Uses remembered between two flushes; the oldest are forgotten first."""

SYNC_TOGETHER_MIN = 8
"""Blobs from which on one sync of the filesystem is cheaper than one of each file."""


class Saver:
    """The saving half of one store's `Blobs`. Thread-safe; may block."""

    def __init__(
        self, env: Environment, rows: BlobRows, files: BlobDirectory, opened: OpenBlobs
    ) -> None:
        self._env = env
        self._rows = rows
        self._files = files
        self._opened = opened
        self._touched: dict[Inode, None] = {}
        self._touching = Lock()

    def touch(self, ino: Inode) -> None:
        """Used just now; remembered in memory until the next flush."""
        with self._touching:
            self._touched.pop(ino, None)
            self._touched[ino] = None
            if len(self._touched) > TOUCHES_MAX:
                del self._touched[next(iter(self._touched))]

    def save_touches(self) -> None:
        """Order the queues by the uses since the last flush."""
        with self._touching:
            touched, self._touched = self._touched, {}
        if touched:
            with self._env.write() as txn:
                self._touch_rows(txn, touched)

    def flush(self) -> None:
        """Make durable what was written, then say so in the rows; touches, too.

        At most every second or 64 MiB: what wasn't flushed is fetched again after a crash.
        """
        blobs = self._opened.hold_unsaved()
        try:
            saved = [(blob, blob.sync()) for blob in blobs]
            self._sync_names(blobs)
            with self._touching:
                touched, self._touched = self._touched, {}
            if saved or touched:
                with self._env.write() as txn:
                    for blob, snapshot in saved:
                        self._save(txn, blob, snapshot)
                    self._touch_rows(txn, touched)
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
        for blob in blobs:
            blob.sync(durably=lambda fd: None)  # noted as synced first: what is written later isn't
        try:
            sync_filesystem(self._files.fd)
        except OSError:
            for blob in blobs:
                blob.forget()
            raise
        for blob in blobs:
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
        blob.saved = (ranges, verified)
        idle = self._rows.step(txn, blob.id) in (Step.WRITING, None)
        if idle and self._opened.settle_down(blob):
            self._rows.set_step(txn, blob.id, None)

    def _touch_rows(self, txn: Txn, touched: dict[Inode, None]) -> None:
        for ino in touched:
            row = self._rows.of(txn, ino)
            if row is not None:
                self._rows.to_front(txn, row)
