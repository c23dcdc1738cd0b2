"""Which parts of a large content were read last, so that the others leave first.

Remembered for some contents, and of each for some of its parts, both in the order of use. What isn't
remembered was read before what is, in the order of the file: that is how large files are read.
"""

from collections.abc import Iterator

from realizefs.model.limits import KIB
from realizefs.model.ranges import NO_RANGES, Ranges

PART_BYTES = 128 * KIB
"""The smallest piece that is fetched; parts begin at multiples of it."""

PARTS_MAX = 2048
"""Parts remembered of one content: the last 256 MiB that were read of it."""

CONTENTS_MAX = 32
"""Contents of which parts are remembered: with all their parts some megabytes of memory."""


class Parts:
    """Uses of parts, by the key of a content. Not thread-safe."""

    def __init__(self) -> None:
        self._of: dict[int, dict[int, None]] = {}

    def used(self, key: int, start: int, end: int) -> None:
        """Bytes [start, end) were read or written just now."""
        parts = self._of.pop(key, {})
        self._of[key] = parts
        for part in range(start // PART_BYTES, -(-end // PART_BYTES)):
            parts.pop(part, None)
            parts[part] = None
        while len(parts) > PARTS_MAX:
            del parts[next(iter(parts))]
        if len(self._of) > CONTENTS_MAX:
            del self._of[next(iter(self._of))]

    def forget(self, key: int) -> None:
        """The content is gone."""
        self._of.pop(key, None)

    def oldest(self, key: int, held: Ranges, need: int) -> Ranges:
        """Parts that hold about `need` bytes of `held`: those not used for the longest time."""
        leaving, found = [], 0
        for part in self._in_order(key, held):
            if found >= need:
                break
            start, end = _bytes(part)
            found += PART_BYTES - held.missing(start, end).total()
            leaving.append((start, end))
        return NO_RANGES.union(Ranges(tuple(leaving)))

    def _in_order(self, key: int, held: Ranges) -> Iterator[int]:
        recent = self._of.get(key, {})
        yield from (part for part in _parts(held) if part not in recent)
        yield from (part for part in recent if held.overlaps(*_bytes(part)))


def _parts(held: Ranges) -> Iterator[int]:
    """Every part of which something is held, once, ascending."""
    after = 0
    for start, end in held:
        until = -(-end // PART_BYTES)
        yield from range(max(after, start // PART_BYTES), until)
        after = until


def _bytes(part: int) -> tuple[int, int]:
    return part * PART_BYTES, (part + 1) * PART_BYTES
