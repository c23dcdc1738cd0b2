"""When it may be fetched, as the configuration has it: hours such as "22:00-06:00", "Sat 00:00-24:00" or
"Mon-Fri 20:00-07:00", and pauses."""

import re
from datetime import datetime

from realizefs.model.background import ALL_DAYS, DAY_MINUTES, Hours, Pause

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

_HOURS = re.compile(
    r"\s*(?:([A-Za-z]{3})(?:\s*-\s*([A-Za-z]{3}))?\s+)?(\d\d?):(\d\d)\s*-\s*(\d\d?):(\d\d)\s*"
)


def parse_hours(text: str) -> Hours:
    """Raises ValueError."""
    match = _HOURS.fullmatch(text)
    if match is None:
        raise ValueError(
            f'"{text[:40]}" are no hours; write 22:00-06:00, Sat 00:00-24:00 or Mon-Fri 20:00-07:00'
        )
    first, last, *numbers = match.groups()
    begin, end = _minute(numbers[0], numbers[1], text), _minute(numbers[2], numbers[3], text)
    if begin in (end, DAY_MINUTES):
        raise ValueError(f'"{text[:40]}" are no hours: they end when they begin')
    return Hours(begin, end, _days(first, last, text))


def parse_all_hours(value: object) -> tuple[Hours, ...]:
    """One text, or a list of them. Raises ValueError."""
    match value:
        case str():
            return (parse_hours(value),)
        case list() if all(isinstance(each, str) for each in value):
            return tuple(parse_hours(each) for each in value)
    raise ValueError('it must be such as "22:00-06:00", or a list of such')


def parse_metered(value: object) -> bool:
    """Whether it waits where the network is metered. Raises ValueError."""
    if value not in ("wait", "ignore"):
        raise ValueError('it must be "wait" or "ignore"')
    return value == "wait"


def parse_pause(value: object) -> Pause | None:
    """true, false, or a date and time until which it lasts. Raises ValueError."""
    match value:
        case bool():
            return Pause() if value else None
        case datetime():
            return Pause(int(value.timestamp()) * 10**9)
    raise ValueError("it must be true, false, or a date and time")


def show_hours(hours: Hours) -> str:
    """As `parse_hours` reads it.

    >>> show_hours(parse_hours("Fri-Mon 22:00-6:00"))
    'Fri-Mon 22:00-06:00'
    """
    begin, end = (f"{minute // 60:02}:{minute % 60:02}" for minute in (hours.begin, hours.end))
    days = _span(hours.days)
    return f"{days} {begin}-{end}" if days else f"{begin}-{end}"


def _minute(hour: str, minute: str, text: str) -> int:
    total = int(hour) * 60 + int(minute)
    if int(minute) > 59 or total > DAY_MINUTES:
        raise ValueError(f'"{hour}:{minute}" in "{text[:40]}" is no time of a day')
    return total


def _days(first: str | None, last: str | None, text: str) -> frozenset[int]:
    if first is None:
        return ALL_DAYS
    known = {name.lower(): number for number, name in enumerate(DAYS)}
    try:
        begin, end = known[first.lower()], known[(last or first).lower()]
    except KeyError as error:
        raise ValueError(f'"{text[:40]}" names no day; days are {", ".join(DAYS)}') from error
    return frozenset((begin + step) % 7 for step in range((end - begin) % 7 + 1))


def _span(days: frozenset[int]) -> str:
    if days == ALL_DAYS:
        return ""
    begin = next(day for day in days if (day - 1) % 7 not in days)
    end = (begin + len(days) - 1) % 7
    return DAYS[begin] if begin == end else f"{DAYS[begin]}-{DAYS[end]}"
