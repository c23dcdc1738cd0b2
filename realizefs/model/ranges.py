"""Sets of byte ranges: which parts of a blob are here.

Immutable; sorted, disjoint, non-adjacent half-open pairs. What a reader asks of a blob that is read at
random, and has thousands of them, goes by bisection; what changes them copies them.
"""

from bisect import bisect_right
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
        if start >= end:
            return self
        pairs = self.pairs
        first = last = self._from(start)
        if first and pairs[first - 1][1] == start:  # it touches the one before
            first -= 1
        while last < len(pairs) and pairs[last][0] <= end:
            last += 1
        if first < last:
            start, end = min(start, pairs[first][0]), max(end, pairs[last - 1][1])
        return Ranges((*pairs[:first], (start, end), *pairs[last:]))

    def missing(self, start: int, end: int) -> "Ranges":
        """The parts of [start, end) not covered."""
        gaps = []
        position = start
        for at in range(self._from(start), len(self.pairs)):
            low, high = self.pairs[at]
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
        if start >= end:
            return True
        at = self._from(start)
        return at < len(self.pairs) and self.pairs[at][0] <= start and end <= self.pairs[at][1]

    def overlaps(self, start: int, end: int) -> bool:
        """Whether any byte of [start, end) is here."""
        at = self._from(start)
        return at < len(self.pairs) and self.pairs[at][0] < end

    def _from(self, at: int) -> int:
        """The index of the first pair that ends behind `at`."""
        return bisect_right(self.pairs, at, key=_end)

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


def _end(pair: tuple[int, int]) -> int:
    return pair[1]


def _merged(pairs: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    merged: list[tuple[int, int]] = []
    for start, end in pairs:
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return tuple(merged)
