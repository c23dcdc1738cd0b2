"""The files of blobs: `xx/<16 hex digits>`, sparse, under one directory fd.

256 directories by the last byte of the id, made when first used, so that none grows huge.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

from realizefs.model.cache_limits import Disk
from realizefs.model.ids import BlobId
from realizefs.store.allocation import STAT_BLOCK_BYTES

_OPEN = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW


class BlobDirectory:
    """Blob files by id; OSErrors pass through. Any thread."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.block = os.statvfs(fd).f_frsize
        """Bytes that the disk gives out at a time."""

    def disk(self) -> Disk:
        """How large and how full the disk is at this moment."""
        found = os.fstatvfs(self.fd)
        return Disk(found.f_blocks * found.f_frsize, found.f_bavail * found.f_frsize)

    def name(self, blob: BlobId) -> bytes:
        """Relative to `fd`; the directory exists once the file was made or received."""
        return b"%s/%016x" % (_shard(blob), blob)

    def open(self, blob: BlobId) -> int:
        """An fd for reading and writing."""
        return os.open(self.name(blob), _OPEN, dir_fd=self.fd)

    def make(self, blob: BlobId, size: int) -> None:
        """There is such a file afterwards, of `size` bytes; all of it a hole if it is new."""
        try:
            fd = self._create(blob)
        except FileNotFoundError:  # the first of its directory
            self._make_shard(blob)
            fd = self._create(blob)
        try:
            if os.fstat(fd).st_size != size:
                os.ftruncate(fd, size)
        except OSError:
            self.remove(blob)  # it would pass for one that has its size
            raise
        finally:
            os.close(fd)

    def _create(self, blob: BlobId) -> int:
        return os.open(self.name(blob), _OPEN | os.O_CREAT, 0o600, dir_fd=self.fd)

    def resize(self, blob: BlobId, size: int) -> None:
        """The file has `size` bytes afterwards, or what it had, if that fails."""
        fd = self.open(blob)
        try:
            os.ftruncate(fd, size)
        finally:
            os.close(fd)

    def stat(self, blob: BlobId) -> os.stat_result | None:
        """None where there is no such file."""
        try:
            return os.stat(self.name(blob), dir_fd=self.fd, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def usage(self, blob: BlobId) -> int:
        """Allocated bytes; 0 where there is no such file."""
        stat = self.stat(blob)
        return 0 if stat is None else stat.st_blocks * STAT_BLOCK_BYTES

    def remove(self, blob: BlobId) -> None:
        """There is no such file afterwards."""
        with suppress(FileNotFoundError):
            os.unlink(self.name(blob), dir_fd=self.fd)

    @contextmanager
    def place(self, blob: BlobId) -> Iterator[tuple[int, bytes]]:
        """(syncable fd of the directory, name in it) for a rename."""
        self._make_shard(blob)
        fd = os.open(_shard(blob), os.O_RDONLY | os.O_DIRECTORY, dir_fd=self.fd)
        try:
            yield fd, b"%016x" % blob
        finally:
            os.close(fd)

    def sync_names(self, blobs: Iterable[BlobId]) -> None:
        """Make it durable that these files exist."""
        for shard in {_shard(blob) for blob in blobs}:
            fd = os.open(shard, os.O_RDONLY | os.O_DIRECTORY, dir_fd=self.fd)
            try:
                os.fsync(fd)
            finally:
                os.close(fd)

    def _make_shard(self, blob: BlobId) -> None:
        try:
            os.mkdir(_shard(blob), 0o700, dir_fd=self.fd)
        except FileExistsError:
            return
        os.fsync(self.fd)


def _shard(blob: BlobId) -> bytes:
    return b"%02x" % (blob & 0xFF)
