"""Keeping a database from filling memory that is counted as the process's own.

Theory of operation. Each page of the map that is read counts as resident until the kernel wants
it back; after a million lookups that is the whole file. Nothing is lost by giving the pages back
ourselves (MADV_DONTNEED on a file's shared map): they stay in the page cache, and are mapped again
at the next touch without reading the disk. That touch is what it costs, 3 µs, and where lookups come
in no order that is as much as the rest of a lookup. So now and then we ask how much is mapped
(/proc/self/statm), and where it is too much give back a slice of our map after the other, going
round, until it isn't: all that may be kept always is.
"""

import ctypes
import mmap
import os
import threading
from collections.abc import Callable
from functools import cache
from pathlib import Path

from realizefs.model.limits import MIB

MAPPED_BYTES_MAX = 64 * MIB
"""Bytes of files that the process has mapped and touched, its libraries included: beside what Python
needs, and what one transaction adds, that stays below 150 MB."""

SLICE_BYTES = 16 * MIB
"""Bytes of the map that are given back at a time: of a million entries a fifteenth."""

LOOKS_BETWEEN = 256
"""Places read between two times that we ask: the kernel maps 64 KiB around each, so 16 MiB; asking
takes as long as two lookups."""

_MADV_DONTNEED = 4


class Residency:
    """Of the map of one database, `data`; any thread."""

    def __init__(self, data: Path) -> None:
        self._path = os.path.realpath(data)
        self._map: tuple[int, int] | None = None
        self._hand = 0
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

    def moved(self) -> None:
        """The map is another one; as in `note` it must be nobody's just now."""
        self._map = None

    def _give_back(self) -> None:
        if not self._lock.acquire(blocking=False):
            return  # somebody is at it
        try:
            if self._map is None:
                self._map = self._find_map()
            start, end = self._map
            slices = -(-min(os.stat(self._path).st_size, end - start) // SLICE_BYTES)
            for _ in range(slices):
                self._hand = (self._hand + 1) % slices
                at = start + self._hand * SLICE_BYTES
                # It is advice: where it is refused, memory is only counted differently.
                _madvise()(at, min(SLICE_BYTES, end - at), _MADV_DONTNEED)
                if mapped_bytes() <= MAPPED_BYTES_MAX:
                    return
        finally:
            self._lock.release()

    def _find_map(self) -> tuple[int, int]:
        """Where it begins and ends; (0, 0) where the kernel doesn't say."""
        with Path("/proc/self/maps").open("rb") as lines:
            for line in lines:
                if line.endswith(b" " + os.fsencode(self._path) + b"\n"):
                    start, _, end = line.partition(b" ")[0].partition(b"-")
                    return int(start, 16), int(end, 16)
        return 0, 0


def mapped_bytes() -> int:
    """Bytes of mapped files that are resident."""
    with Path("/proc/self/statm").open("rb") as file:
        return int(file.read().split()[2]) * mmap.PAGESIZE


@cache
def _madvise() -> Callable[[int, int, int], int]:
    function = ctypes.CDLL(None, use_errno=True).madvise
    function.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    return function
