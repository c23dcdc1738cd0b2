"""The policy of the cache by itself: queues in memory, no store."""

from hypothesis import given
from hypothesis import strategies as st

from realizefs.core.evict import (
    BIG_PART,
    Admit,
    Candidate,
    Evict,
    Pool,
    Renew,
    starts_in_window,
)
from realizefs.core.parts import CONTENTS_MAX, PART_BYTES, PARTS_MAX, Parts
from realizefs.core.share import SAMPLE_USES, SHARE_FIRST, SHARE_MAX, SHARE_MIN, Share
from realizefs.core.sketch import AGE_USES_MIN, COUNT_MAX, Sketch
from realizefs.model.ranges import NO_RANGES, Ranges

LIMIT = 1000

Queue = list[Candidate[str]]


def pool(window: Queue, main: Queue, window_max: int = 100) -> Pool[str]:
    return Pool(
        LIMIT,
        window=window,
        window_bytes=sum(one.bytes for one in window),
        window_max=window_max,
        main=main,
        main_bytes=sum(one.bytes for one in main),
    )


def test_while_main_is_too_large_its_oldest_go() -> None:
    main = [Candidate(name, 9, 100) for name in "abcdefghijk"]
    moves = list(pool([Candidate("new", 1, 10)], main).make_room(150))
    assert moves == [Evict("a", 100), Evict("b", 100)]


def test_what_is_used_once_leaves_before_what_is_used_often() -> None:
    window = [Candidate("x", 1, 100), Candidate("y", 1, 100)]
    main = [Candidate(name, 5, 100) for name in "abcdefgh"]
    moves = list(pool(window, main).make_room(150))
    assert moves == [Evict("x", 100), Renew("a"), Evict("y", 100), Renew("b")]


def test_what_is_used_more_gets_in() -> None:
    window = [Candidate("x", 3, 100), Candidate("y", 1, 100)]
    main = [Candidate(name, 2, 100) for name in "abcdefgh"]
    moves = list(pool(window, main).make_room(50))
    assert moves == [Admit("x"), Evict("y", 100), Renew("a")]


def test_something_large_must_be_worth_all_that_leaves_for_it() -> None:
    main = [Candidate(name, 4, 25) for name in "abcdefgh"]
    assert next(pool([Candidate("x", 5, 100)], main, 50).make_room(10)) == Evict("x", 100)
    assert next(pool([Candidate("x", 9, 100)], main, 50).make_room(10)) == Admit("x")


def test_what_is_big_and_what_is_being_filled_leave_by_parts() -> None:
    big = LIMIT // BIG_PART + 1
    assert list(pool([Candidate("x", 1, big)], []).make_room(10)) == [Evict("x", 10)]
    small = Candidate("x", 1, 50, filling=True)
    assert list(pool([small], []).make_room(10)) == [Evict("x", 10)]


candidates = st.builds(
    Candidate,
    what=st.uuids().map(str),
    used=st.integers(0, COUNT_MAX),
    bytes=st.integers(1, 300),
    filling=st.booleans(),
)


@given(
    window=st.lists(candidates, max_size=20),
    main=st.lists(candidates, max_size=20),
    window_max=st.integers(0, LIMIT),
    need=st.integers(1, 5000),
)
def test_room_is_made_or_everything_has_gone(
    window: Queue, main: Queue, window_max: int, need: int
) -> None:
    """No candidate goes twice, none goes that isn't one, and it ends. What moved to the front of
    main is left for the next time."""
    left = {one.what: one.bytes for one in window + main}
    moved = set()
    for move in pool(window, main, window_max).make_room(need):
        assert move.what in left
        if isinstance(move, Evict):
            assert 0 < move.bytes <= left.pop(move.what)
            need -= move.bytes
        else:
            moved.add(move.what)
    assert need <= 0 or set(left) == moved


def test_while_there_is_room_nothing_has_to_prove_itself() -> None:
    assert not starts_in_window(1000, 100, used=800, size=100)
    assert starts_in_window(1000, 100, used=800, size=101)


def test_uses_are_never_counted_too_low() -> None:
    sketch = Sketch()
    for key in range(3000):
        for _ in range(key % 4):
            sketch.add(key, 3000)
    counts = [sketch.count(key) - key % 4 for key in range(3000)]
    assert min(counts) == 0
    assert sum(counts) < 30
    for _ in range(100):
        sketch.add(1, 3000)
    assert sketch.count(1) == COUNT_MAX


def test_counts_age_and_survive_a_restart() -> None:
    sketch = Sketch()
    for _ in range(10):
        sketch.add(1, 0)
    sketch = Sketch.from_bytes(sketch.to_bytes())
    assert sketch.count(1) == 10
    for key in range(2, AGE_USES_MIN):
        sketch.add(key, 0)
    assert sketch.count(1) == 5
    assert Sketch.from_bytes(b"of another size").count(1) == 0


def test_the_window_grows_where_that_helps_and_shrinks_where_it_does_not() -> None:
    for better in (1, -1):
        share = Share()
        start = share.value
        for _ in range(60):
            hits = SAMPLE_USES // 2 + int(better * (share.value - start) * SAMPLE_USES / 2)
            for use in range(SAMPLE_USES):
                share.used(hit=use < hits)
            assert SHARE_MIN <= share.value <= SHARE_MAX
        assert (share.value - SHARE_FIRST) * better > 0


def test_parts_leave_in_the_order_of_use() -> None:
    parts, held = Parts(), Ranges.of(0, 6 * PART_BYTES)
    parts.used(1, 0, PART_BYTES)
    parts.used(1, 3 * PART_BYTES, 5 * PART_BYTES)
    assert parts.oldest(1, held, 1) == Ranges.of(PART_BYTES, 2 * PART_BYTES)
    assert parts.oldest(1, held, 3 * PART_BYTES).pairs == (
        (PART_BYTES, 3 * PART_BYTES),
        (5 * PART_BYTES, 6 * PART_BYTES),
    )
    parts.used(1, 3 * PART_BYTES + 5, 3 * PART_BYTES + 6)
    assert parts.oldest(1, held, 5 * PART_BYTES).less(held) == NO_RANGES
    assert parts.oldest(1, held, 5 * PART_BYTES).missing(0, 6 * PART_BYTES) == Ranges.of(
        3 * PART_BYTES, 4 * PART_BYTES
    )
    assert parts.oldest(2, Ranges.of(10, 20), 1) == Ranges.of(0, PART_BYTES)
    assert parts.oldest(2, NO_RANGES, 1) == NO_RANGES


def test_memory_of_parts_is_bounded() -> None:
    parts = Parts()
    for key in range(CONTENTS_MAX + 1):
        parts.used(key, 0, PARTS_MAX * PART_BYTES)
    for part in range(PARTS_MAX, 2 * PARTS_MAX):
        parts.used(CONTENTS_MAX, part * PART_BYTES, part * PART_BYTES + 1)
    assert len(parts._of) == CONTENTS_MAX
    assert {len(each) for each in parts._of.values()} == {PARTS_MAX}
