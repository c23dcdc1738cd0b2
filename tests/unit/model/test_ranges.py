"""Ranges against a set of the bytes in them."""

from hypothesis import given
from hypothesis import strategies as st

from realizefs.model.ranges import Ranges

END = 40

piece = st.tuples(st.integers(0, END), st.integers(0, END))
pieces = st.lists(piece, max_size=12)


def made(found: list[tuple[int, int]]) -> tuple[Ranges, set[int]]:
    """Both ways, one piece after the other."""
    ranges, bytes_there = Ranges(), set[int]()
    for start, end in found:
        ranges = ranges.add(start, end)
        bytes_there |= set(range(start, end))
    return ranges, bytes_there


def bytes_of(ranges: Ranges) -> set[int]:
    return {byte for start, end in ranges for byte in range(start, end)}


@given(pieces)
def test_what_was_added_is_there_sorted_and_never_touching(found: list[tuple[int, int]]) -> None:
    ranges, there = made(found)
    assert bytes_of(ranges) == there
    assert ranges.total() == len(there)
    ends = [end for _, end in ranges]
    assert all(end < start for end, (start, _) in zip(ends, ranges.pairs[1:], strict=False))
    assert all(start < end for start, end in ranges)


@given(pieces, piece)
def test_what_is_asked_of_a_piece(found: list[tuple[int, int]], asked: tuple[int, int]) -> None:
    ranges, there = made(found)
    start, end = asked
    wanted = set(range(start, end))
    assert ranges.covers(start, end) == (wanted <= there)
    assert bytes_of(ranges.missing(start, end)) == wanted - there
    assert bytes_of(ranges.without(start, max(start, end))) == there - wanted
    if start < end:
        assert ranges.overlaps(start, end) == bool(wanted & there)


@given(pieces, pieces)
def test_two_together(one: list[tuple[int, int]], other: list[tuple[int, int]]) -> None:
    (a, in_a), (b, in_b) = made(one), made(other)
    assert a.union(b) == b.union(a)
    assert bytes_of(a.union(b)) == in_a | in_b
    assert bytes_of(a.less(b)) == in_a - in_b
