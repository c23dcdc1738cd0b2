"""Writing around the page cache: big files, that are on their way.

They have to be on the disk in the end anyway. By way of the page cache each byte is copied into
memory first, which pushes out what people do read, and the last sync waits for what is left of
them; on the reference machine that was 40 % of the processor time of a download. So rsync and scp
leave gigabytes in memory that `fetch` doesn't. Who reads meanwhile has it from elsewhere
(`sync.recent`).
"""

import errno
import mmap
import os
from threading import Lock

from realizefs.model.limits import MIB
from realizefs.store.copying import pwrite_all

FILE_BYTES_MIN = 64 * MIB
"""Bytes of a file that is written so: what is smaller may well be opened as soon as it is here."""

PIECE_BYTES_MIN = 1 * MIB
"""Bytes written at once: each write waits for the disk."""

_BUFFER_BYTES = 4 * MIB

_ALIGNMENT = 4096
"""What offset, length and memory are multiples of; most disks would do with 512."""

_UNABLE = {errno.EINVAL, errno.EOPNOTSUPP, errno.ENOENT, errno.EACCES}
"""A filesystem that can't, one with larger blocks, or no /proc."""


def pays(file_bytes: int, piece_bytes: int) -> bool:
    """Whether so much of such a file should be written so."""
    return file_bytes >= FILE_BYTES_MIN and piece_bytes >= PIECE_BYTES_MIN


class DirectWriter:
    """Writes with O_DIRECT, out of the bytes themselves where their place in memory allows that, and
    else out of one buffer. Thread-safe."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._buffer: mmap.mmap | None = None

    def pwrite_all(self, fd: int, data: bytes | memoryview, start: int) -> None:
        """Write all of it, directly as far as that goes; OSErrors pass through. Blocks."""
        view = memoryview(data)
        done = 0
        if len(view) >= PIECE_BYTES_MIN and not start % _ALIGNMENT:
            with self._lock:
                done = self._directly(fd, view, start)
        pwrite_all(fd, view[done:], start + done)

    def _directly(self, fd: int, view: memoryview, start: int) -> int:
        """How many bytes were written."""
        try:
            # Another description of the file: readers of `fd` go on using the page cache.
            direct = os.open(f"/proc/self/fd/{fd}", os.O_WRONLY | os.O_DIRECT | os.O_CLOEXEC)
        except OSError as error:
            if error.errno not in _UNABLE:
                raise
            return 0
        try:
            return self._written(direct, view, start)
        finally:
            os.close(direct)

    def _written(self, direct: int, view: memoryview, start: int) -> int:
        end = len(view) - len(view) % _ALIGNMENT
        try:
            done = os.pwrite(direct, view[:end], start)
        except OSError as error:
            if error.errno not in _UNABLE:
                raise
            done = 0  # it isn't aligned: what comes over the wire is (`codec.buffers`)
        done -= done % _ALIGNMENT
        return done + self._by_buffer(direct, view[done:end], start + done)

    def _by_buffer(self, direct: int, view: memoryview, start: int) -> int:
        if self._buffer is None:
            self._buffer = mmap.mmap(-1, _BUFFER_BYTES)
        done = 0
        while done < len(view):
            length = min(len(view) - done, _BUFFER_BYTES)
            self._buffer[:length] = view[done : done + length]
            try:
                with memoryview(self._buffer) as buffer, buffer[:length] as part:
                    count = os.pwrite(direct, part, start + done)
            except OSError as error:
                if error.errno not in _UNABLE:
                    raise
                return done
            done += count - count % _ALIGNMENT
            if count < length:
                break  # why, the ordinary way finds out
        return done
