"""Sets of byte ranges: which parts of a blob are here.

Immutable; sorted, disjoint, non-adjacent half-open pairs. A blob is filled mostly in block
order, so the number of pairs stays small; operations are linear in it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain


@dataclass(frozen=True, slots=True)
class Ranges:
    """Half-open byte ranges `(start, end)`, 0 <= start < end, sorted and never touching."""

    pairs: tuple[tuple[int, int], ...] = ()

    @staticmethod
    def of(start: int, end: int) -> "Ranges":
        """One range; none if it is empty."""
        return Ranges(((start, end),)) if start < end else Ranges()

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return iter(self.pairs)

    def __bool__(self) -> bool:
        return bool(self.pairs)

    def total(self) -> int:
        """Bytes covered."""
        return sum(end - start for start, end in self.pairs)

    def union(self, other: "Ranges") -> "Ranges":
        """Bytes in either."""
        return Ranges(_merged(sorted(chain(self.pairs, other.pairs))))

    def add(self, start: int, end: int) -> "Ranges":
        """This and one more range."""
        return self.union(Ranges.of(start, end))

    def missing(self, start: int, end: int) -> "Ranges":
        """The parts of [start, end) not covered."""
        gaps = []
        position = start
        for low, high in self.pairs:
            if high <= position:
                continue
            if low >= end:
                break
            if low > position:
                gaps.append((position, low))
            position = high
        if position < end:
            gaps.append((position, end))
        return Ranges(tuple(gaps))

    def covers(self, start: int, end: int) -> bool:
        """Whether all of [start, end) is here; an empty range always is."""
        return start >= end or any(low <= start and end <= high for low, high in self.pairs)

    def overlaps(self, start: int, end: int) -> bool:
        """Whether any byte of [start, end) is here."""
        return any(low < end and start < high for low, high in self.pairs)

    def without(self, start: int, end: int) -> "Ranges":
        """This, less [start, end)."""
        kept = []
        for low, high in self.pairs:
            kept += [(low, min(high, start)), (max(low, end), high)]
        return Ranges(tuple((low, high) for low, high in kept if low < high))

    def less(self, others: "Ranges") -> "Ranges":
        """This, less all of `others`."""
        left = self
        for start, end in others:
            left = left.without(start, end)
        return left


NO_RANGES = Ranges()


def _merged(pairs: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    merged: list[tuple[int, int]] = []
    for start, end in pairs:
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return tuple(merged)
