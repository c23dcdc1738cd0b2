"""Which blocks a read fetches, and how far ahead."""

from hypothesis import given
from hypothesis import strategies as st

from realizefs.core.plan import PATTERNS_MAX, Pattern, Patterns, ahead, follow, pieces
from realizefs.model.limits import KIB, MIB, READ_AHEAD_BYTES_MAX
from realizefs.model.ranges import Ranges

BLOCK = 128 * KIB


def test_sequential_reads_double_the_window_up_to_its_bound() -> None:
    pattern = Pattern()
    windows = []
    for number in range(10):
        pattern = follow(pattern, number * BLOCK, BLOCK, BLOCK)
        windows.append(pattern.window)
    assert windows[:4] == [0, BLOCK, 2 * BLOCK, 4 * BLOCK]
    assert windows[-1] == READ_AHEAD_BYTES_MAX


def test_random_reads_get_no_window() -> None:
    pattern = follow(Pattern(), 40 * MIB, 4 * KIB, BLOCK)
    assert follow(pattern, 7 * MIB, 4 * KIB, BLOCK).window == 0


def test_each_content_has_a_pattern_of_its_own_and_few_are_remembered() -> None:
    patterns = Patterns()
    for number in range(4):
        for content in "ab":
            until = patterns.read(content, number * BLOCK, (number + 1) * BLOCK, BLOCK, 100 * MIB)
    assert until > 4 * BLOCK
    for other in range(PATTERNS_MAX):
        assert patterns.read(other, 0, BLOCK, BLOCK, 100 * MIB) == BLOCK
    assert patterns.read("a", 4 * BLOCK, 5 * BLOCK, BLOCK, 100 * MIB) == 5 * BLOCK


def test_what_is_ahead_is_asked_for_by_half_windows() -> None:
    pattern, fetched, asked = Pattern(), 0, []
    for number in range(1024):
        pattern = follow(pattern, number * BLOCK, BLOCK, BLOCK)
        end = (number + 1) * BLOCK
        until = max(end, ahead(pattern, BLOCK))
        if until > fetched:
            asked.append(until - fetched)
            fetched = until
        assert fetched - end >= pattern.window // 2 - BLOCK
        assert fetched - end <= READ_AHEAD_BYTES_MAX
    assert set(asked[10:]) == {READ_AHEAD_BYTES_MAX // 2}


def test_nothing_is_ahead_of_a_random_read() -> None:
    assert ahead(follow(Pattern(), 40 * MIB, 4 * KIB, BLOCK), BLOCK) <= 40 * MIB + 4 * KIB


@given(
    st.lists(st.tuples(st.integers(0, 5000), st.integers(1, 500)), max_size=5),
    st.integers(1, 6000),
    st.integers(1, 700),
)
def test_pieces_cover_what_is_missing_without_overlap(
    spans: list[tuple[int, int]], size: int, most: int
) -> None:
    missing = Ranges()
    for start, length in spans:
        missing = missing.add(min(start, size), min(start + length, size))
    found = list(pieces(missing, 64, size, most))
    covered = Ranges()
    for start, end in found:
        assert start % 64 == 0
        assert end % 64 == 0 or end == size
        assert not covered or start >= covered.pairs[-1][1]
        covered = covered.add(start, end)
    assert all(covered.covers(start, end) for start, end in missing)


def test_pieces_end_at_multiples_of_what_is_asked_for_at_most() -> None:
    missing = Ranges.of(192, 1000)
    assert list(pieces(missing, 64, 1000, 300)) == [
        (192, 256), (256, 512), (512, 768), (768, 1000)
    ]  # fmt: skip
