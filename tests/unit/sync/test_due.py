"""What waits to be indexed: when it is taken, and when a storm is over."""

from realizefs.sync.due import CALM_SECONDS, STORM_SECONDS, TICK_SECONDS, TOGETHER_MAX, Due

DELAY = 0.02
LATER = DELAY + TICK_SECONDS + CALM_SECONDS


class HandClock:
    """Goes on when told to."""

    def __init__(self) -> None:
        self.at = 1000.0

    def now(self) -> float:
        return self.at

    def wall_ns(self) -> int:
        return int(self.at * 1e9)


def nothing(path: bytes) -> bool:
    return False


def after_a_batch(clock: HandClock) -> Due:
    """One batch has just been indexed."""
    due = Due(clock)
    due.add(b"first", DELAY)
    clock.at += LATER
    assert due.take(nothing)[0] == [b"first"]
    due.take(nothing)
    return due


def test_after_a_rest_what_is_quiet_is_taken_at_once() -> None:
    clock = HandClock()
    due = Due(clock)
    due.add(b"b", DELAY)
    due.add(b"a", DELAY)
    ready, wait = due.take(nothing)
    assert ready == []
    assert 0 < wait <= DELAY + TICK_SECONDS
    clock.at += DELAY + TICK_SECONDS
    assert due.take(nothing)[0] == [b"a", b"b"]
    assert len(due) == 0


def test_both_names_of_a_rename_are_taken_together_though_the_second_is_touched_later() -> None:
    clock = HandClock()
    due = Due(clock)
    clock.at += 0.95 * TICK_SECONDS
    due.add(b"old", DELAY)
    clock.at += 0.1 * TICK_SECONDS
    due.add(b"new", DELAY)
    clock.at += DELAY
    assert due.take(nothing)[0] == [b"new", b"old"]


def test_what_is_held_stays() -> None:
    clock = HandClock()
    due = Due(clock)
    due.add(b"open", DELAY)
    clock.at += LATER
    assert due.take(lambda path: path == b"open")[0] == []
    assert b"open" in due
    assert due.take(nothing)[0] == [b"open"]


def test_soon_after_a_batch_the_next_begins_when_nothing_is_touched() -> None:
    clock = HandClock()
    due = after_a_batch(clock)
    due.add(b"next", 0.0)
    clock.at += CALM_SECONDS / 2
    assert due.take(nothing)[0] == []
    clock.at += CALM_SECONDS
    assert due.take(nothing)[0] == [b"next"]


def test_a_storm_is_indexed_in_batches_some_time_apart() -> None:
    clock = HandClock()
    due = after_a_batch(clock)
    began, touched = clock.at, 0
    while not (ready := due.take(nothing)[0]):
        due.add(b"%d" % touched, 0.0)
        touched += 1
        clock.at += CALM_SECONDS / 10
    assert STORM_SECONDS <= clock.at - began <= STORM_SECONDS + CALM_SECONDS
    assert len(ready) >= touched - 3


def test_a_batch_is_bounded() -> None:
    clock = HandClock()
    due = Due(clock)
    for number in range(TOGETHER_MAX + 1):
        due.add(b"%d" % number, DELAY)
    clock.at += LATER
    assert len(due.take(nothing)[0]) == TOGETHER_MAX
    assert len(due) == 1


def test_what_a_reader_waits_for_ends_the_storm_with_all_that_is_due() -> None:
    """The other name of a rename is among that."""
    clock = HandClock()
    due = after_a_batch(clock)
    due.add(b"new name", DELAY)
    due.add(b"still written", 1.0)
    due.hurry(b"old name", DELAY)
    ready, wait = due.take(nothing)
    assert ready == []
    assert 0 < wait <= DELAY + TICK_SECONDS
    clock.at += DELAY + TICK_SECONDS
    assert due.take(nothing)[0] == [b"new name", b"old name"]
    assert b"still written" in due


def test_asking_again_puts_nothing_off() -> None:
    clock = HandClock()
    due = after_a_batch(clock)
    due.hurry(b"f", DELAY)
    clock.at += DELAY + TICK_SECONDS
    due.hurry(b"f", DELAY)
    assert due.take(nothing)[0] == [b"f"]


def test_what_is_written_is_not_hurried() -> None:
    clock = HandClock()
    due = after_a_batch(clock)
    due.add(b"f", 1.0)
    due.hurry(b"f", DELAY)
    clock.at += DELAY + TICK_SECONDS
    ready, wait = due.take(nothing)
    assert ready == []
    assert wait > 0
