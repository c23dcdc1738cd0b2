"""What is counted while the program runs, for `top`, `metrics` and whoever else looks.

Nothing here reads a clock or waits: who counts says how much, or how long it took, by adding to an
attribute. Each counter has one thread, or one lock, that writes it; readers may see it a little old.
Counters begin at zero with the process and only grow.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

READERS_MAX = 64
"""Programs told apart by name: as many fit on three screens; others count as OTHERS."""

OTHERS = b"(others)"
"""What a program is called when there are too many to tell apart."""

UNKNOWN = b"(unknown)"
"""What a program is called that has ended, or isn't visible from here."""

_FIRST_MICROSECONDS = 4
"""log2 of the first bucket's bound, 16 us: a call that never leaves the process takes 60."""

BUCKETS = 22
"""Each twice as long as the one before, up to 34 s, and one for all beyond: no deadline is longer."""

BOUNDS_SECONDS = tuple(2 ** (_FIRST_MICROSECONDS + step) / 1e6 for step in range(BUCKETS - 1))
"""Upper bounds of all buckets but the last."""


class Latency:
    """How often something was done, how long that took, and how often in vain."""

    __slots__ = ("buckets", "failed", "seconds")

    def __init__(self) -> None:
        self.buckets = [0] * BUCKETS
        self.seconds = 0.0
        self.failed = 0

    @property
    def count(self) -> int:
        """How often."""
        return sum(self.buckets)

    def took(self, seconds: float) -> None:
        """Once more. Called for every request of the kernel: it costs a third of a microsecond."""
        step = (int(seconds * 1e6) >> _FIRST_MICROSECONDS).bit_length()
        self.buckets[step if step < BUCKETS else BUCKETS - 1] += 1
        self.seconds += seconds

    def cumulated(self) -> Iterator[tuple[float, int]]:
        """(seconds, how often it took no longer), infinity last."""
        total = 0
        for bound, count in zip((*BOUNDS_SECONDS, float("inf")), self.buckets, strict=True):
            total += count
            yield bound, total


@dataclass(slots=True, eq=False)
class Reader:
    """What one program, by its name, has read."""

    reads: int = 0
    bytes: int = 0


@dataclass(slots=True, eq=False)
class MountCounts:
    """What the kernel asked of this process's mounts. Trio thread."""

    operations: dict[str, Latency] = field(default_factory=dict)
    """by the name of the request"""
    readers: dict[bytes, Reader] = field(default_factory=dict)
    """by comm"""

    def operation(self, name: str) -> Latency:
        """The counter of a request."""
        known = self.operations.get(name)
        return known if known is not None else self.operations.setdefault(name, Latency())

    def reader(self, comm: bytes) -> Reader:
        """The counter of a program."""
        known = self.readers.get(comm)
        if known is not None:
            return known
        name = comm if len(self.readers) < READERS_MAX else OTHERS
        return self.readers.setdefault(name, Reader())


@dataclass(slots=True, eq=False)
class CacheCounts:
    """Of one arena's cache. `hit` and `miss` in bytes that programs read of unreal files, those that
    were here and those that had to come: written on the trio thread. What was evicted for room is
    written by who has the turn to evict."""

    hit: int = 0
    miss: int = 0
    evictions: int = 0
    evicted: int = 0
    """bytes"""
