"""Memory for bulk bytes, that is used again.

Fresh memory costs more than much of what is done with it: the system clears each page, maps it at its
first touch, and takes it back afterwards; where a hypervisor is below, it does so, too. So what
payloads arrive in, and what is read for a peer, goes back here when nobody refers to it any more. It
begins at a page, so that it can be written to the disk as it is (`store.direct`).
"""

import ctypes
import mmap
import weakref
from collections import deque
from contextlib import suppress
from threading import Lock

from realizefs.model.limits import KIB, MIB

KEPT_BYTES_MAX = 32 * MIB
"""Bytes that are kept for later: as many as may be on their way at once."""

HEAP_BYTES = 16 * MIB
"""Bytes at the end of the heap that are kept, and of what isn't taken from it: more than a payload."""

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
"""As in malloc.h."""

LARGE_BYTES_MIN = 256 * KIB
"""Bytes from which on a buffer is kept: what is smaller, the heap has."""


class Buffers:
    """Buffers of powers of two. Thread-safe: what comes back may do so in the midst of anything, in
    the midst of `take` too, so then nothing waits for the lock; who has it takes care of it."""

    def __init__(self, kept_max: int = KEPT_BYTES_MAX) -> None:
        self._kept_max = kept_max
        self._was_used = False  # since the last `release_idle`
        self._lock = Lock()
        self._returned: deque[mmap.mmap] = deque()
        self._free: list[mmap.mmap] = []  # the last one was used last: the cache may still have it
        self._lent: dict[int, weakref.ref[ctypes.Array[ctypes.c_ubyte]]] = {}

    @property
    def kept(self) -> int:
        """Bytes that nobody uses."""
        return sum(map(len, self._free))

    def take(self, length: int) -> memoryview:
        """Writable memory of `length` bytes, with whatever is in it. It comes back by itself, when
        nothing refers to it or to a part of it."""
        if length < LARGE_BYTES_MIN:
            return memoryview(bytearray(length))
        memory = self._taken(1 << (length - 1).bit_length())
        lent = (ctypes.c_ubyte * len(memory)).from_buffer(memory)

        def back(_: object) -> None:
            del self._lent[id(memory)]
            self._returned.append(memory)
            self._take_back()

        self._lent[id(memory)] = weakref.ref(lent, back)
        return memoryview(lent).cast("B")[:length]

    def release_idle(self) -> None:
        """Give back to the system what is free, if none was taken since the last call."""
        self._take_back()
        with self._lock:
            if not self._was_used:
                self._free.clear()
            self._was_used = False

    def _taken(self, size: int) -> mmap.mmap:
        self._take_back()
        with self._lock:
            self._was_used = True
            # Nothing much larger: who asks for little, as a connection does, may keep it for long.
            fit = [at for at, memory in enumerate(self._free) if size <= len(memory) <= 2 * size]
            if fit:
                return self._free.pop(min(fit, key=lambda at: (len(self._free[at]), -at)))
        return mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)

    def _take_back(self) -> None:
        while self._returned and self._lock.acquire(blocking=False):
            try:
                self._free += [self._returned.popleft() for _ in range(len(self._returned))]
                while self.kept > self._kept_max:
                    del self._free[0]
            finally:
                self._lock.release()


BUFFERS = Buffers()
"""Those of this process."""


def keep_heap() -> None:
    """Let the C library use again what is freed, as glibc does by itself once something large was
    freed. Until then it gives the end of its heap back to the system as soon as 128 KiB are free, so
    that each TLS record may take and give back pages, and maps what is larger anew each time."""
    with suppress(AttributeError):  # another C library
        set_option = ctypes.CDLL(None).mallopt
        set_option(_M_TRIM_THRESHOLD, HEAP_BYTES)
        set_option(_M_MMAP_THRESHOLD, HEAP_BYTES)
