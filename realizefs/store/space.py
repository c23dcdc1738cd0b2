"""The cache's bound, held at every moment: bytes used, and bytes promised to writers.

Who wants to write reserves first. What is reserved counts as used until it was written or given
back, so however many write at once, used + reserved never exceeds what is allowed (R6). How much
that is depends on what other programs leave free of the disk, so each reservation looks anew.
What was written of a promise and isn't settled yet counts twice for that moment, on the safe side.
"""

from collections.abc import Callable
from threading import Lock
from types import TracebackType
from typing import Self

from realizefs.model.cache_limits import CacheLimits, Disk


class Space:
    """Accounts of one blob directory, bytes. Thread-safe; never waits."""

    def __init__(self, limits: CacheLimits, disk: Callable[[], Disk], used: int = 0) -> None:
        self.limits = limits
        self._disk = disk
        self._used = used
        self._reserved = 0
        self._lock = Lock()

    @property
    def used(self) -> int:
        """Allocated bytes of all blobs."""
        return self._used

    @property
    def reserved(self) -> int:
        """Bytes promised and not yet written."""
        return self._reserved

    @property
    def allowed(self) -> int:
        """What the limits allow at this moment."""
        return self.limits.allowed(self._disk(), self._used)

    @property
    def allowed_kept(self) -> int:
        """The same if all of it were kept: what is to be left free is, whatever `max` says."""
        return self.limits.allowed_kept(self._disk(), self._used)

    @property
    def left_free(self) -> int:
        """What is to be left free of the disk."""
        leave = self.limits.leave
        return leave.of(self._disk().total if leave.percent else 0)

    @property
    def limits_max(self) -> int:
        """What `max` alone allows."""
        most = self.limits.max
        return most.of(self._disk().total if most.percent else 0)

    @property
    def over(self) -> int:
        """By how much they are exceeded; 0 or less if they aren't."""
        with self._lock:
            return self._used + self._reserved - self.allowed

    def reserve(self, need: int, *, bound: bool = True) -> int:
        """Promise `need` bytes and return 0, or promise nothing and return how many are lacking.

        Without `bound`, `max` doesn't matter: content that the user asked to keep.
        """
        with self._lock:
            allowed = self.limits.allowed if bound else self.limits.allowed_kept
            lacking = self._used + self._reserved + need - allowed(self._disk(), self._used)
            if lacking > 0:
                return lacking
            self._reserved += need
            return 0

    def settle(self, reserved: int, change: int) -> None:
        """`reserved` bytes of promises ended; usage changed by `change`."""
        with self._lock:
            self._reserved -= reserved
            self._used += change


class Reservation:
    """Bytes promised to one writer; a context manager that gives back what is left.

    Several threads may write on the same one.
    """

    def __init__(self, space: Space, left: int) -> None:
        self._space = space
        self._left = left
        self._lock = Lock()

    @property
    def left(self) -> int:
        """Bytes still promised."""
        return self._left

    def take(self, wanted: int) -> int:
        """Move up to `wanted` bytes of the promise to a write; returns how many."""
        with self._lock:
            taken = min(wanted, self._left)
            self._left -= taken
            return taken

    def give_back(self, amount: int) -> None:
        """A write needed less than it took."""
        with self._lock:
            self._left += amount

    def release(self) -> None:
        """End the promise; again is harmless."""
        self._space.settle(self.take(self._left), 0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()
