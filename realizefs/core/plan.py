"""Planning reads: which blocks to fetch for a read, and how far ahead.

A reader that goes on where it stopped gets double the read-ahead each time, up to a bound; one
that jumps gets none (as the kernel's own read-ahead does for disks).
"""

from collections.abc import Iterator
from dataclasses import dataclass

from realizefs.model.limits import READ_AHEAD_BYTES_MAX
from realizefs.model.ranges import Ranges


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


def align(start: int, end: int, block: int, size: int) -> tuple[int, int]:
    """[start, end) widened to whole blocks of a file of `size` bytes."""
    return start - start % block, min(-(-end // block) * block, size)


def pieces(missing: Ranges, block: int, size: int, most: int) -> Iterator[tuple[int, int]]:
    """Block-aligned pieces (start, end) of at most `most` bytes that cover `missing`."""
    step = max(most - most % block, block)
    position = 0
    for low, high in missing:
        start, end = align(max(low, position), high, block, size)
        for piece in range(start, end, step):
            yield piece, min(piece + step, end)
        position = end
