"""When a machine may fetch what nobody waits for: a row each."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realizefs.core.background import pauses, waits
from realizefs.model.background import (
    ALL_DAYS,
    DAY_MINUTES,
    BackgroundRules,
    Hours,
    Moment,
    Pause,
    Wait,
)
from realizefs.model.ids import ArenaId

PHOTOS, TAXES = ArenaId(b"p" * 16), ArenaId(b"t" * 16)
MINUTE = 60 * 10**9
MONDAY_NOON = Moment(1_000_000 * MINUTE + 7, 0, 12 * 60)
NIGHT = Hours(22 * 60, 6 * 60)


def wait(
    rules: BackgroundRules, at: Moment = MONDAY_NOON, *, is_metered: bool = False
) -> Wait | None:
    return waits(rules, PHOTOS, at, is_metered=is_metered)


def test_without_rules_it_may() -> None:
    assert wait(BackgroundRules()) is None


def test_a_pause_ends_by_itself_or_by_somebody() -> None:
    until = MONDAY_NOON.now_ns + MINUTE
    found = wait(BackgroundRules(pause=Pause(until)))
    assert found is not None
    assert found.until_ns == until
    assert wait(BackgroundRules(pause=Pause(MONDAY_NOON.now_ns))) is None
    forever = wait(BackgroundRules(pause=Pause()))
    assert forever is not None
    assert forever.until_ns is None


def test_the_pause_of_one_arena_is_no_other_ones() -> None:
    assert wait(BackgroundRules(arenas={TAXES: Pause()})) is None
    assert wait(BackgroundRules(arenas={PHOTOS: Pause()})) == Wait("somebody has paused this arena")


@pytest.mark.parametrize(
    ("minute", "day", "hours", "until_minutes"),
    [
        (12 * 60, 0, NIGHT, 10 * 60),
        (22 * 60, 0, NIGHT, None),
        (5 * 60 + 59, 0, NIGHT, None),
        (6 * 60, 0, NIGHT, 16 * 60),
        (12 * 60, 0, Hours(10 * 60, 11 * 60), 22 * 60),
        (10 * 60 + 59, 3, Hours(10 * 60, 11 * 60), None),
        (12 * 60, 0, Hours(0, DAY_MINUTES, frozenset({5})), 5 * DAY_MINUTES - 12 * 60),
        (12 * 60, 5, Hours(0, DAY_MINUTES, frozenset({5})), None),
        (60, 6, Hours(22 * 60, 6 * 60, frozenset({5})), None),
        (60, 5, Hours(22 * 60, 6 * 60, frozenset({5})), 21 * 60),
    ],
)
def test_hours(minute: int, day: int, hours: Hours, until_minutes: int | None) -> None:
    at = Moment(MONDAY_NOON.now_ns, day, minute)
    found = wait(BackgroundRules(hours=(hours,)), at)
    if until_minutes is None:
        assert found is None
    else:
        assert found is not None
        assert found.until_ns == at.now_ns - 7 + until_minutes * MINUTE


hours = st.builds(
    Hours,
    st.integers(0, DAY_MINUTES - 1),
    st.integers(0, DAY_MINUTES),
    st.frozensets(st.integers(0, 6), min_size=1).map(frozenset),
).filter(lambda one: one.begin != one.end)


@given(st.lists(hours, min_size=1, max_size=3), st.integers(0, 6), st.integers(0, DAY_MINUTES - 1))
def test_when_it_is_said_to_end_it_ends_and_not_before(
    several: list[Hours], day: int, minute: int
) -> None:
    rules = BackgroundRules(hours=tuple(several))
    found = wait(rules, Moment(0, day, minute))
    if found is None:
        return
    assert found.until_ns is not None
    later = found.until_ns // MINUTE

    def after(minutes: int) -> Moment:
        total = day * DAY_MINUTES + minute + minutes
        return Moment(minutes * MINUTE, total // DAY_MINUTES % 7, total % DAY_MINUTES)

    assert wait(rules, after(later)) is None
    assert wait(rules, after(later - 1)) is not None


def test_a_metered_network_is_waited_for_unless_it_is_to_be_ignored() -> None:
    assert wait(BackgroundRules(), is_metered=True) == Wait("the network is metered")
    assert wait(BackgroundRules(waits_if_metered=False), is_metered=True) is None


def test_of_several_reasons_the_one_that_lasts_is_told() -> None:
    rules = BackgroundRules(hours=(NIGHT,), pause=Pause())
    assert wait(rules) == Wait("somebody has paused it")
    assert rules.hours[0].days == ALL_DAYS


def test_each_reason_says_who_does_what() -> None:
    """It comes after "since", "because" and a colon: "waits, since of the hours" was no sentence."""
    by_hours = wait(BackgroundRules(hours=(NIGHT,)))
    assert not pauses(BackgroundRules(hours=(NIGHT,)), PHOTOS, MONDAY_NOON), (
        "nobody can resume that"
    )
    both = BackgroundRules(hours=(NIGHT,), pause=Pause(MONDAY_NOON.now_ns + MINUTE))
    assert pauses(both, PHOTOS, MONDAY_NOON)
    by_network = wait(BackgroundRules(), is_metered=True)
    assert by_hours is not None
    assert by_hours.why == "these are not the hours that are set for it"
    assert by_network == Wait("the network is metered")
