"""Whether a machine may fetch what nobody waits for, at a moment."""

from collections.abc import Sequence

from realizefs.model.background import DAY_MINUTES, BackgroundRules, Hours, Moment, Pause, Wait
from realizefs.model.ids import ArenaId

MINUTE_NS = 60 * 10**9


def waits(rules: BackgroundRules, arena: ArenaId, at: Moment, *, is_metered: bool) -> Wait | None:
    """Why it waits; None if it may. Where there are several reasons, the one that lasts longest."""
    found = pauses(rules, arena, at)
    if rules.hours and not any(_is_in(hours, at) for hours in rules.hours):
        begins = min(_minutes_until(hours, at) for hours in rules.hours)
        found.append(Wait("these are not the hours that are set for it", _later(at, begins)))
    if is_metered and rules.waits_if_metered:
        found.append(Wait("the network is metered"))
    return max(found, key=_length) if found else None


def pauses(rules: BackgroundRules, arena: ArenaId, at: Moment) -> list[Wait]:
    """Those of the reasons that `resume` ends."""
    return [
        *_paused(rules.pause, at, "somebody has paused it"),
        *_paused(rules.arenas.get(arena), at, "somebody has paused this arena"),
    ]


def _paused(pause: Pause | None, at: Moment, why: str) -> Sequence[Wait]:
    if pause is None or (pause.until_ns is not None and pause.until_ns <= at.now_ns):
        return ()
    return (Wait(why, pause.until_ns),)


def _length(wait: Wait) -> tuple[bool, int]:
    return wait.until_ns is None, wait.until_ns or 0


def _is_in(hours: Hours, at: Moment) -> bool:
    if hours.begin < hours.end:
        return at.day in hours.days and hours.begin <= at.minute < hours.end
    return (at.day in hours.days and at.minute >= hours.begin) or (
        (at.day - 1) % 7 in hours.days and at.minute < hours.end
    )


def _minutes_until(hours: Hours, at: Moment) -> int:
    """Until they begin next; a week where they begin just now."""
    return min(
        ((day - at.day) % 7 * DAY_MINUTES + hours.begin - at.minute - 1) % (7 * DAY_MINUTES) + 1
        for day in hours.days
    )


def _later(at: Moment, minutes: int) -> int:
    """The beginning of a minute some minutes later."""
    return at.now_ns // MINUTE_NS * MINUTE_NS + minutes * MINUTE_NS
