"""When a machine fetches what nobody waits for."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from realizefs.model.ids import ArenaId

DAY_MINUTES = 24 * 60
ALL_DAYS = frozenset(range(7))


@dataclass(frozen=True, slots=True)
class Hours:
    """From the minute `begin` of a day until before the minute `end`, on the next day where that isn't
    later; on the `days` on which it begins, 0 Monday."""

    begin: int
    end: int
    days: frozenset[int] = ALL_DAYS


@dataclass(frozen=True, slots=True)
class Pause:
    """Until a time, nanoseconds since 1970; None: until somebody says otherwise."""

    until_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Moment:
    """A time: nanoseconds since 1970, and the day of the week and the minute of the day that clocks
    on the wall show."""

    now_ns: int
    day: int
    minute: int


@dataclass(frozen=True, slots=True)
class BackgroundRules:
    """What the configuration says: `hours` in which it may, none: always; whether it waits where the
    network is `metered`; and who has `paused` it, for all arenas or for one."""

    hours: tuple[Hours, ...] = ()
    waits_if_metered: bool = True
    pause: Pause | None = None
    arenas: Mapping[ArenaId, Pause] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Wait:
    """Why it waits, a sentence's end ("somebody has paused it"), and until when; None where that isn't known."""

    why: str
    until_ns: int | None = None
