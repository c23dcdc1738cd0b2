"""Realize and unrealize, the cache's half: a blob's file becomes a real one, or comes from one.

Realize, each step safe to stop after:
    take (in a transaction) · Temporary.link(directory, file_name) · Temporary.stamp ·
    Root.publish · discard · taken (in the transaction that indexes the real file)
The content has two names until it is in the root, so no crash leaves it nowhere. What start-up
finds noted as TAKING was published if it still has a second name (tmp/ being empty by then).

Unrealize:
    Blobs.reserve · adopt (in a transaction) · Root.adopt(path, expected, *receive()) ·
    adopted (in the transaction that drops the real file from the index) · release the room
What start-up finds noted as ADOPTING is a blob if the file is there.

Methods with a `txn` may be run again in another transaction if the first was abandoned.
"""

from collections.abc import Callable, Iterator, Sized
from contextlib import contextmanager
from dataclasses import dataclass, replace

from realizefs.model.blobs import BlobRow
from realizefs.model.errors import Busy
from realizefs.model.ids import BlobId, Inode
from realizefs.model.ranges import Ranges
from realizefs.model.versions import Version
from realizefs.store.blobdir import BlobDirectory
from realizefs.store.openblobs import OpenBlobs
from realizefs.store.queues import BlobRows, Step
from realizefs.store.space import Space
from realizefs.store.txn import Txn


@dataclass(frozen=True, slots=True)
class Moves:
    """The steps, in the order of use; worker threads."""

    rows: BlobRows
    files: BlobDirectory
    opened: OpenBlobs
    space: Space

    @property
    def directory(self) -> int:
        """The fd that `file_name` is relative to."""
        return self.files.fd

    def file_name(self, blob: BlobId) -> bytes:
        """Where the file of a blob is, relative to `directory`."""
        return self.files.name(blob)

    def take(self, txn: Txn, ino: Inode) -> BlobRow:
        """Realize, first step: this verified blob is about to become a real file.

        Busy if it isn't complete and verified.
        """
        row = self.rows.of(txn, ino)
        if row is None or not row.verified or not row.complete:
            raise Busy("The cached content is not complete.")
        self.rows.set_step(txn, row.id, Step.TAKING)
        return row

    def discard(self, row: BlobRow) -> None:
        """Realize, after publish: the content has its place in the root and leaves this one."""
        if self.files.stat(row.id) is None:
            return
        self.files.remove(row.id)
        if self.opened.get(row.id) is None:
            self.space.settle(0, -row.usage)
        else:
            self.opened.forget(row.id)

    def taken(self, txn: Txn, row: BlobRow) -> None:
        """Realize, last step."""
        self.rows.delete(txn, row)

    def not_taken(self, txn: Txn, row: BlobRow, temp_names: Callable[[int], Sized]) -> None:
        """Realize failed, its temp link is removed: a blob as any other.

        If it failed after the file got into the root, it is real all the same and leaves here:
        who edits it there must not edit a blob. `temp_names` tells the names that an inode has
        in tmp/, where one may have stayed: those are not in the root.
        """
        stat = self.files.stat(row.id)
        if stat is None or stat.st_nlink > 1 + len(temp_names(stat.st_ino)):
            self.discard(row)
            self.taken(txn, row)
        else:
            self.rows.set_step(txn, row.id, Step.WRITING)

    def adopt(self, txn: Txn, ino: Inode, version: Version) -> BlobRow:
        """Unrealize, first step: a complete blob whose file is about to come.

        Busy if there is one of that content already: it must not be pushed out for a promise.
        """
        known = self.rows.of(txn, ino)
        if known is not None and known.hash == version.hash and known.verified:
            raise Busy("The cache has this content already.")
        row = BlobRow(
            BlobId(0), ino, version.hash, version.size, Ranges.of(0, version.size), verified=True
        )
        row = self.rows.create(txn, row)
        self.rows.set_step(txn, row.id, Step.ADOPTING)
        return row

    @contextmanager
    def receive(self, row: BlobRow) -> Iterator[tuple[int, bytes]]:
        """Unrealize: (directory fd, name) to move the real file to; then it counts as used."""
        try:
            with self.files.place(row.id) as place:
                yield place
        finally:
            self.space.settle(0, self.files.usage(row.id))

    def adopted(self, txn: Txn, row: BlobRow) -> None:
        """Unrealize, last step."""
        self.rows.put(txn, replace(row, usage=self.files.usage(row.id)))
        self.rows.set_step(txn, row.id, None)

    def not_adopted(self, txn: Txn, row: BlobRow) -> None:
        """Unrealize failed: the file is still in the root.

        If it failed after the file had come here, it is a blob all the same.
        """
        if self.files.stat(row.id) is None:
            self.rows.delete(txn, row)
        else:
            self.adopted(txn, row)
