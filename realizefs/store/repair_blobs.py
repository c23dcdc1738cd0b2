"""Repairs of the cache. No file of a blob is deleted whose bytes might be the only ones.

A file that belongs to no blob is adopted where its content is that of an entry which lacks it
here; it is removed only where it is all holes, or the same content is here already; anything else goes
to lost+found, since nobody can say what it is (R1).
"""

import errno
import os
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial

from realizefs.model.blobs import BlobRow
from realizefs.model.errors import Busy, StoreFault
from realizefs.model.ids import BlobId, Digest, Inode
from realizefs.model.ranges import NO_RANGES, Ranges
from realizefs.model.versions import Kind
from realizefs.store import lostfound
from realizefs.store.allocation import allocated
from realizefs.store.arena import ArenaStore
from realizefs.store.blobdir import BlobDirectory
from realizefs.store.hashing import hash_fd
from realizefs.store.keys import name_of_place, pack_u64, unpack_u64
from realizefs.store.openat import RENAME_NOREPLACE, renameat2
from realizefs.store.queues import BlobRows, Step
from realizefs.store.schema import BLOB_BUSY, BLOB_META, BLOB_OF, BLOB_ROW, DIRENT, ENTRY
from realizefs.store.tree import read_dirent
from realizefs.store.txn import Txn

_FILE_NAME = re.compile(rb"([0-9a-f]{2})/([0-9a-f]{14}\1)")


@dataclass(frozen=True, slots=True)
class BlobRepair:
    """Of one arena. `commit` writes as whoever else does; `checkpoint` may end the hashing."""

    store: ArenaStore
    commit: Callable[[Callable[[Txn], int]], int]
    checkpoint: Callable[[], None]
    rows: BlobRows
    files: BlobDirectory

    @property
    def lost_and_found(self) -> str:
        """Where files go that nobody knows, for sentences."""
        return os.fspath(self.store.root.state.path / lostfound.NAME)

    # -- rows, in the transaction given ----------------------------------------------------------

    def change(
        self,
        txn: Txn,
        blob: BlobId,
        *,
        protected: bool | None = None,
        outdated: bool | None = None,
        verified: bool | None = None,
    ) -> None:
        """Other flags."""
        row = self.rows.get(txn, blob)
        if row is None:
            return
        row = replace(
            row,
            protected=row.protected if protected is None else protected,
            outdated=row.outdated if outdated is None else outdated,
            verified=row.verified if verified is None else verified,
        )
        self.rows.put(txn, row)

    def requeue(self, txn: Txn, blob: BlobId) -> None:
        """At the front of its queue, with a use of its own."""
        row = self.rows.get(txn, blob)
        if row is not None:
            self.rows.to_front(txn, row)

    def set_of(self, txn: Txn, blob: BlobId) -> None:
        """It is the blob of its entry."""
        row = self.rows.get(txn, blob)
        if row is not None:
            txn.put(BLOB_OF, pack_u64(row.ino), pack_u64(blob))

    def clip(self, txn: Txn, blob: BlobId, size: int) -> None:
        """Only ranges below `size` count."""
        row = self.rows.get(txn, blob)
        if row is not None:
            pairs = [(start, min(end, size)) for start, end in row.ranges if start < size]
            clipped = Ranges(tuple((start, end) for start, end in pairs if start < end))
            row = replace(row, ranges=clipped)
            self.rows.put(txn, replace(row, verified=row.verified and row.complete))
            self._decide(txn, row.ino)

    def empty(self, txn: Txn, blob: BlobId) -> None:
        """A row whose file is gone has no bytes."""
        row = self.rows.get(txn, blob)
        if row is not None:
            self.store.blobs.corrected(txn, -row.usage)
            self.rows.put(txn, replace(row, ranges=NO_RANGES, verified=False, usage=0))
            self._held_changed(txn, row)

    def measure(self, txn: Txn, blob: BlobId) -> None:
        """What it takes is what the disk says."""
        row = self.rows.get(txn, blob)
        if row is not None:
            usage = self.files.usage(blob)
            self.store.blobs.corrected(txn, usage - row.usage)
            self.rows.put(txn, replace(row, usage=usage))

    def remove_damaged(self, txn: Txn, blob: BlobId) -> None:
        """The row can't be read; its file is an orphan from here on."""
        self.store.blobs.corrected(txn, -self.files.usage(blob))
        txn.delete(BLOB_ROW, pack_u64(blob))
        txn.delete(BLOB_BUSY, pack_u64(blob))

    def _held_changed(self, txn: Txn, row: BlobRow) -> None:
        """Peers were told perhaps that we have it complete."""
        if txn.get(ENTRY, pack_u64(row.ino)) is not None:
            self.store.tree.touch(txn, row.ino)
            self._decide(txn, row.ino)

    def _decide(self, txn: Txn, ino: Inode) -> None:
        if txn.get(ENTRY, pack_u64(ino)) is not None:
            self.store.dirty.mark(txn, ino)

    # -- a row and its file ----------------------------------------------------------------------

    def is_idle(self, txn: Txn, blob: BlobId) -> bool:
        """Whether nobody has it open or moves it, so that its row says what its file has."""
        under_way = txn.get(BLOB_BUSY, pack_u64(blob)) or bytes([Step.WRITING])
        return under_way == bytes([Step.WRITING]) and not self.store.blobs.is_open(blob)

    def resize(self, blob: BlobId) -> None:
        """The file gets the length of its content; what a shorter one lacked isn't here; Busy, OSError.

        The row forgets that in a transaction before. Else a crash, or a commit that failed, would
        leave a file whose length is right and a row that promises the zeros of its end.
        """
        self.commit(partial(self._forget_missing, blob=blob))
        self.commit(partial(self._fit, blob=blob))

    def _forget_missing(self, txn: Txn, blob: BlobId) -> int:
        row, has = self._with_file(txn, blob)
        if has < row.size:
            self.clip(txn, blob, has)
            self._held_changed(txn, row)
        return 1

    def _fit(self, txn: Txn, blob: BlobId) -> int:
        row, _ = self._with_file(txn, blob)
        self.files.resize(blob, row.size)
        self.measure(txn, blob)
        return 1

    def _with_file(self, txn: Txn, blob: BlobId) -> tuple[BlobRow, int]:
        """An idle row, and the length of its file."""
        row, stat = self.rows.get(txn, blob), self.files.stat(blob)
        if row is None or stat is None or not self.is_idle(txn, blob):
            raise Busy("Somebody uses its file.")
        return row, stat.st_size

    # -- files -----------------------------------------------------------------------------------

    def names(self) -> Iterator[bytes]:
        """All files below the blob directory, relative to it, in order."""
        for shard in sorted(os.fsencode(name) for name in os.listdir(self.files.fd)):
            for name in sorted(self._in(shard)):
                yield shard + b"/" + name if name else shard

    def _in(self, shard: bytes) -> list[bytes]:
        """The names in one directory; [b""] for what is no directory, but stands beside them."""
        try:
            fd = os.open(shard, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=self.files.fd)
        except NotADirectoryError:
            return [b""]
        try:
            return [os.fsencode(name) for name in os.listdir(fd)]
        finally:
            os.close(fd)

    def blob_of(self, name: bytes) -> BlobId | None:
        """The blob that a file is called after; None for what isn't called as we do."""
        match = _FILE_NAME.fullmatch(name)
        return BlobId(int(match[2], 16)) if match else None

    def is_there(self, name: bytes) -> bool:
        """Whether there still is such a file."""
        with suppress(FileNotFoundError, NotADirectoryError):
            os.stat(name, dir_fd=self.files.fd, follow_symlinks=False)
            return True
        return False

    def rescue(self, name: bytes) -> None:
        """Adopt, remove or put away a file that belongs to no blob; OSError, Busy."""
        blob = self.blob_of(name)
        try:
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            fd = os.open(name, flags, dir_fd=self.files.fd)
        except OSError as error:
            if error.errno != errno.ELOOP:  # a symlink holds nothing but its target
                raise
            self._put_away(name)
            return
        try:
            if allocated(fd) == 0:
                os.unlink(name, dir_fd=self.files.fd)
                return
            content = hash_fd(fd, self._cancelled)
        finally:
            os.close(fd)
        if blob is not None and self._adopt(blob, content.hash, content.size):
            return
        if self._is_here(content.hash, content.size):
            os.unlink(name, dir_fd=self.files.fd)
        else:
            self._put_away(name)

    def _is_here(self, digest: Digest, size: int) -> bool:
        """Whether a second copy has these very bytes: it is read, since what the index says of it
        doesn't help if a disk has changed them (R1)."""
        return any(
            self._bytes_are(fd, digest)
            for ino in self._entries_of(digest, size)
            for fd in self._copies(ino, digest)
        )

    def _copies(self, ino: Inode, digest: Digest) -> Iterator[int]:
        """What is said to have a content: fds, each to be closed by who takes it."""
        with self.store.env.read() as txn:
            real, row = self.store.real.get(txn, ino), self.rows.of(txn, ino)
            path = self.store.tree.path(txn, ino)
        with suppress(OSError):
            if real is not None and real.hash == digest and path:
                yield self.store.root.open(path, os.O_RDONLY | os.O_NONBLOCK)
        with suppress(OSError):
            if row is not None and row.verified and row.hash == digest:
                yield self.files.open(row.id)

    def _bytes_are(self, fd: int, digest: Digest) -> bool:
        try:
            return hash_fd(fd, self._cancelled).hash == digest
        finally:
            os.close(fd)

    def _cancelled(self) -> bool:
        self.checkpoint()
        return False

    def _put_away(self, name: bytes) -> None:
        with lostfound.new_place(self.store.root.state, name) as (directory, new):
            renameat2(self.files.fd, name, directory, new, RENAME_NOREPLACE)

    def _adopt(self, blob: BlobId, digest: Digest, size: int) -> bool:
        """Whether the file became the blob of an entry that lacks this content."""
        lacking = [ino for ino in self._entries_of(digest, size) if self._lacks(ino, digest)]
        if not lacking:
            return False
        adopted = self.commit(lambda txn: self._adopt_for(txn, blob, lacking[0], digest, size))
        if not adopted:
            raise Busy("Its file changed just now.")
        return True

    def _adopt_for(self, txn: Txn, blob: BlobId, ino: Inode, digest: Digest, size: int) -> int:
        entry = self.store.tree.entry(txn, ino)
        if entry is None or entry.version.hash != digest or self.rows.get(txn, blob) is not None:
            return 0
        older = self.rows.of(txn, ino)
        if older is not None:
            self.rows.put(txn, replace(older, outdated=True))
        if unpack_u64(txn.get(BLOB_META, b"next") or b"") < blob:
            txn.put(BLOB_META, b"next", pack_u64(blob))
        usage = self.files.usage(blob)
        row = BlobRow(blob, ino, digest, size, Ranges.of(0, size), verified=True, usage=usage)
        txn.put(BLOB_OF, pack_u64(ino), pack_u64(blob))
        self.rows.to_front(txn, row)
        self.store.blobs.corrected(txn, usage)
        self._held_changed(txn, row)
        return 1

    def _lacks(self, ino: Inode, digest: Digest) -> bool:
        with self.store.env.read() as txn:
            real, row = self.store.real.get(txn, ino), self.rows.of(txn, ino)
        is_real = real is not None and real.hash == digest
        return not is_real and not (row is not None and row.verified and row.hash == digest)

    def _entries_of(self, digest: Digest, size: int) -> list[Inode]:
        """Entries whose current content this is; goes over the listings, which say the size."""
        with self.store.env.read() as txn:
            return [ino for ino in self._of_size(txn, size) if self._is_of(txn, ino, digest)]

    def _of_size(self, txn: Txn, size: int) -> Iterator[Inode]:
        for key, value in txn.scan(DIRENT):
            with suppress(StoreFault):
                dirent = read_dirent(name_of_place(key), value)
                if (dirent.kind, dirent.deleted, dirent.size) == (Kind.FILE, False, size):
                    yield dirent.ino

    def _is_of(self, txn: Txn, ino: Inode, digest: Digest) -> bool:
        entry = self.store.tree.entry(txn, ino)
        return entry is not None and entry.version.hash == digest
