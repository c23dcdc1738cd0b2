"""How much address space a database is given, and more of it while others use the database.

Theory of operation. LMDB maps its file with a fixed size, which is the most that it can hold: a
write beyond it fails. Address space costs nothing, so a map begins far larger than any household
needs. Where that can't be had (RLIMIT_AS, containers), it begins small, since the rest of the
process has to live, too, and doubles when it fills.

A map that grows is another map, so no transaction of this process may be open at that moment
(mdb_env_set_mapsize). `Gate` counts those who are in one. Room is made before a write begins: past
half of the map if nobody happens to be in, past three quarters by letting nobody in until those
who are have left. A single transaction may still need more than is left: it is abandoned (MapFull),
the map doubles and `Environment.do` runs it again.

Nobody waits for himself: a thread that is in may go in again while others wait, who makes room
holds nothing that those inside might want, and waits GROW_SECONDS at most.
"""

import mmap
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from realizefs.model.limits import MIB

MAP_BYTES = 1 << 38
"""Bytes: 600 million entries. 256 arenas take half of the address space of a process."""

MAP_BYTES_LIMITED = 64 * MIB
"""Bytes of a new database where address space is short: 150,000 entries."""

MAP_BYTES_MIN = 1 * MIB
"""Bytes; with less there is no use in trying."""

GROW_SECONDS = 2.0
"""Seconds to wait for open transactions, and so what others may wait for that: the longest read
takes less than one."""

_GRANULE = 1 << 16
"""Bytes: the largest page that a machine has, so a multiple of any."""

_SLACK_BYTES = 8 * MIB
"""Bytes left free beside a grown map, for a thread that needs some at that very moment."""


def first_sizes(data: Path, wanted: int) -> Iterator[int]:
    """Sizes in bytes to try when opening: `wanted`, then what a limited process can have."""
    yield wanted
    size = max(MAP_BYTES_LIMITED, 2 * _file_bytes(data))
    while MAP_BYTES_MIN <= size < wanted:
        yield size
        size = size // 2 // _GRANULE * _GRANULE


def next_size(size: int) -> int | None:
    """The size after `size`: twice as much, or as much more as can be had; None for nothing."""
    step = size
    while step >= _GRANULE:
        if _can_map(step + _SLACK_BYTES):
            return size + step
        step = step // 2 // _GRANULE * _GRANULE
    return None


def _file_bytes(data: Path) -> int:
    try:
        return data.stat().st_size
    except FileNotFoundError:
        return 0


def _can_map(size: int) -> bool:
    try:
        mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ).close()
    except OSError:
        return False
    return True


class Gate:
    """Counts the transactions that are open, by thread; any thread.

    Every lookup goes through it, so there is no lock on the way while nobody wants to be alone.
    Each thread changes its own count only; then it looks whether the gate is closed. Who closes it
    does that first and looks at the counts then: one of the two sees the other.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition(threading.Lock())
        self._inside: dict[int, int] = {}
        self._closed = 0

    def enter(self) -> None:
        """Before a transaction. Blocks while somebody is, or waits to be, alone, but not if this
        thread is in one already."""
        me, inside = threading.get_ident(), self._inside
        if me in inside:
            inside[me] += 1
            return
        inside[me] = 1
        while self._closed:
            self._stand_back(me)
            inside[me] = 1

    def leave(self) -> None:
        """After it, in the same thread."""
        me, inside = threading.get_ident(), self._inside
        if inside[me] > 1:
            inside[me] -= 1
            return
        del inside[me]
        if self._closed:
            with self._changed:
                self._changed.notify_all()

    def _stand_back(self, me: int) -> None:
        """Until the gate is open."""
        with self._changed:
            del self._inside[me]
            self._changed.notify_all()
            while self._closed:
                self._changed.wait()

    def alone(self, work: Callable[[], None], wait_seconds: float) -> bool:
        """Run `work` while no transaction is open; False if there was no such moment.

        With `wait_seconds` nobody new is let in meanwhile. A thread that is in itself has none.
        """
        if threading.get_ident() in self._inside:
            return False
        with self._changed:
            self._closed += 1
            try:
                if wait_seconds:
                    self._changed.wait_for(lambda: not self._inside, wait_seconds)
                if self._inside:
                    return False
                work()
                return True
            finally:
                self._closed -= 1
                self._changed.notify_all()
