"""Which blobs are open, by whom many, and which are being removed.

An entry stays after its last user left until what it knows is saved, so `flush` finds it. A
blob that is condemned and has no users can't be opened: the row that says so is on its way.
"""

import os
from collections.abc import Callable, Iterable
from threading import Lock

from realizefs.model.ids import BlobId, Digest, Inode
from realizefs.store.blob import Blob, State


class OpenBlobs:
    """The open blobs of one store. Thread-safe; the lock is held for memory and one open(2)."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._open: dict[BlobId, Blob] = {}
        self._of: dict[tuple[Inode, Digest], Blob] = {}
        self._condemned: set[BlobId] = set()

    def __len__(self) -> int:
        return len(self._open)

    def idle(self) -> int:
        """How many have no users and wait for a flush."""
        with self._lock:
            return sum(blob.users == 0 for blob in self._open.values())

    def get(self, blob: BlobId) -> Blob | None:
        """The open blob, without becoming a user."""
        return self._open.get(blob)

    def join(self, ino: Inode, digest: Digest) -> Blob | None:
        """The open blob of that content with one more user."""
        with self._lock:
            blob = self._of.get((ino, digest))
            if blob is None:
                return None
            if blob.id in self._condemned and blob.users == 0:
                return None
            blob.users += 1
            return blob

    def attach(self, blob_id: BlobId, make: Callable[[], Blob | None]) -> Blob | None:
        """The open blob, or the one that `make` opens, with one more user.

        None while it is being removed, and where `make` gives None. `make` runs under the lock, so
        that an eviction sees either an open blob or none that is about to be opened.
        """
        with self._lock:
            blob = self._open.get(blob_id)
            if blob_id in self._condemned and (blob is None or blob.users == 0):
                return None
            if blob is None:
                blob = make()
                if blob is None:
                    return None
                self._open[blob_id] = blob
                self._of[blob.ino, blob.hash] = blob
            blob.users += 1
            return blob

    def growing(self) -> list[Blob]:
        """The open blobs; their rows may not say yet what they take."""
        with self._lock:
            return list(self._open.values())

    def hold(self, blob: Blob) -> None:
        """One more user of a blob that has some."""
        with self._lock:
            blob.users += 1

    def release(self, blob: Blob) -> None:
        """One user less; closed with the last one if nothing is left to save."""
        with self._lock:
            blob.users -= 1
            self._retire(blob)

    def condemn(self, blob_id: BlobId) -> None:
        """First step of a removal, inside the transaction that empties the row."""
        with self._lock:
            self._condemned.add(blob_id)
            blob = self._open.get(blob_id)
        if blob is not None:
            blob.condemn()  # may wait for a write to end, so not under the lock

    def doom(self, blob: Blob, *, keep: bool) -> bool:
        """Second step: whether an open blob goes for good; it can't be joined then.

        With `keep` only one without users does.
        """
        with self._lock:
            gone = not keep or blob.users == 0
            if gone:
                self._unlist(blob)
            return gone

    def finished(self, blob_ids: Iterable[BlobId]) -> None:
        """The removal is committed, or failed: then those that are still open store again."""
        with self._lock:
            for blob_id in blob_ids:
                self._condemned.discard(blob_id)
                blob = self._open.get(blob_id)
                if blob is not None:
                    blob.revive()
                    self._retire(blob)

    def forget(self, blob_id: BlobId) -> None:
        """The file became a real one; who has it open reads on."""
        with self._lock:
            blob = self._open.get(blob_id)
            if blob is not None:
                blob.detach()
                self._unlist(blob)
                self._retire(blob)

    def hold_unsaved(self) -> list[Blob]:
        """Those with something to save or to clean up, each with one more user."""
        with self._lock:
            found = [blob for blob in self._open.values() if blob.unsaved or blob.users == 0]
            for blob in found:
                blob.users += 1
            return found

    def settle_down(self, blob: Blob) -> bool:
        """Whether only its holder uses it: then it need no longer be noted as being written."""
        with self._lock:
            if blob.users == 1 and not blob.unsaved:
                blob.noted = False
            return not blob.noted

    def close_gone(self, blob: Blob) -> None:
        """After the removal: close it if nobody uses it."""
        with self._lock:
            self._retire(blob)

    def close(self) -> None:
        """Close all files, whoever uses them."""
        with self._lock:
            for blob in self._open.values():
                os.close(blob.fd)
                blob.fd = -1
            self._open.clear()
            self._of.clear()

    # Below, the lock is held.

    def _retire(self, blob: Blob) -> None:
        if blob.users > 0 or blob.fd < 0 or blob.state is State.EVICTING:
            return
        if blob.state is State.GONE or not (blob.unsaved or blob.noted):
            self._unlist(blob)
            os.close(blob.fd)
            blob.fd = -1

    def _unlist(self, blob: Blob) -> None:
        if self._open.get(blob.id) is blob:
            del self._open[blob.id]
        if self._of.get((blob.ino, blob.hash)) is blob:
            del self._of[blob.ino, blob.hash]
