"""Keeping a database from filling memory that is counted as the process's own.

Theory of operation. Each page of the map that is read counts as resident until the kernel wants
it back; after a million lookups that is the whole file. Nothing is lost by giving the pages back
ourselves (MADV_DONTNEED on a file's shared map): they stay in the page cache, and are mapped again
at the next touch without reading the disk. What it costs is that touch, and the call. So now and
then we ask how much is mapped (/proc/self/statm), and where it is too much give all of our map back.

What it costs is lost in the noise at a million entries: the pages that are dropped are few each
time, and the kernel maps sixteen at a touch.
"""

import ctypes
import mmap
import os
import threading
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

from realizefs.model.limits import MIB

MAPPED_BYTES_MAX = 64 * MIB
"""Bytes of files that the process has mapped and touched, its libraries included: beside what Python
needs, and what one transaction adds, that stays below 150 MB."""

LOOKS_BETWEEN = 256
"""Places read between two times that we ask: the kernel maps 64 KiB around each, so 16 MiB; asking
takes as long as two lookups."""

_MADV_DONTNEED = 4


class Residency:
    """Of the map of one database, `data`; any thread."""

    def __init__(self, data: Path) -> None:
        self._file = b" " + os.fsencode(os.path.realpath(data)) + b"\n"
        self._left = LOOKS_BETWEEN
        self._lock = threading.Lock()

    def note(self, looks: int) -> None:
        """A transaction that read so many places ends. The map must not move meanwhile (see
        `mapsize.Gate`)."""
        self._left -= looks  # a count lost between two threads is no harm
        if self._left <= 0:
            self._left = LOOKS_BETWEEN
            if mapped_bytes() > MAPPED_BYTES_MAX:
                self._give_back()

    def _give_back(self) -> None:
        if not self._lock.acquire(blocking=False):
            return  # somebody is at it
        try:
            for start, end in self._maps():
                # It is advice: where it is refused, memory is only counted differently.
                _madvise()(start, end - start, _MADV_DONTNEED)
        finally:
            self._lock.release()

    def _maps(self) -> Iterator[tuple[int, int]]:
        with Path("/proc/self/maps").open("rb") as lines:
            for line in lines:
                if line.endswith(self._file):
                    start, _, end = line.partition(b" ")[0].partition(b"-")
                    yield int(start, 16), int(end, 16)


def mapped_bytes() -> int:
    """Bytes of mapped files that are resident."""
    with Path("/proc/self/statm").open("rb") as file:
        return int(file.read().split()[2]) * mmap.PAGESIZE


@cache
def _madvise() -> Callable[[int, int, int], int]:
    function = ctypes.CDLL(None, use_errno=True).madvise
    function.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    return function
