"""Planning reads: which blocks to fetch for a read, and how far ahead.

A reader that goes on where it stopped gets double the read-ahead each time, up to a bound; one
that jumps gets none (as the kernel's own read-ahead does for disks).
"""

from collections import OrderedDict
from collections.abc import Hashable, Iterator
from dataclasses import dataclass

from realizefs.model.limits import READ_AHEAD_BYTES_MAX
from realizefs.model.ranges import Ranges

PATTERNS_MAX = 256
"""Contents of which it is remembered how they are read."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """Where the next sequential read would start, and the window in bytes."""

    next_offset: int = 0
    window: int = 0


def follow(pattern: Pattern, start: int, length: int, unit: int) -> Pattern:
    """The pattern after a read of [start, start+length); `unit` bytes is the first window."""
    end = start + length
    near = abs(start - pattern.next_offset) <= unit  # the kernel reorders neighbours
    if start == 0 or not near:
        return Pattern(end, 0)
    return Pattern(end, min(max(pattern.window * 2, unit), READ_AHEAD_BYTES_MAX))


def ahead(pattern: Pattern, unit: int) -> int:
    """Up to where to fetch: half the window at least, and on by half a window at a time, so that what
    is asked for next is large however little each read asks for. `unit` is the first window."""
    stride = max(pattern.window // 2, unit)
    return (pattern.next_offset + pattern.window) // stride * stride


class Patterns:
    """How the contents that were read last are read. Bounded."""

    def __init__(self) -> None:
        self._by_content: OrderedDict[Hashable, Pattern] = OrderedDict()

    def read(self, content: Hashable, start: int, end: int, unit: int, size: int) -> int:
        """[start, end) of a content of `size` bytes is read now: up to where to fetch."""
        pattern = follow(self._by_content.pop(content, Pattern()), start, end - start, unit)
        self._by_content[content] = pattern
        if len(self._by_content) > PATTERNS_MAX:
            self._by_content.popitem(last=False)
        return max(end, min(ahead(pattern, unit), size))


def align(start: int, end: int, block: int, size: int) -> tuple[int, int]:
    """[start, end) widened to whole blocks of a file of `size` bytes."""
    return start - start % block, min(-(-end // block) * block, size)


def pieces(missing: Ranges, block: int, size: int, most: int) -> Iterator[tuple[int, int]]:
    """Block-aligned pieces (start, end) of at most `most` bytes that cover `missing`. They end at
    multiples of that: else what a reader meets first, and is ahead of the rest, would cut all others."""
    step = max(most - most % block, block)
    position = 0
    for low, high in missing:
        start, end = align(max(low, position), high, block, size)
        while start < end:
            until = min(start - start % step + step, end)
            yield start, until
            start = until
        position = end
