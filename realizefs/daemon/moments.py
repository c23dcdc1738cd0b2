"""Points in time as people write them: how long ago, or when by the clock on their wall."""

import re
from datetime import date, datetime, time, timedelta

from realizefs.daemon.safety_config import parse_duration

_DAYS = {"today": timedelta(), "yesterday": timedelta(days=1)}
_DATE = r"\d{4}-\d{2}-\d{2}"
_TIME = r"\d{2}:\d{2}(:\d{2})?"
_ZONE = r"(Z|[+-]\d{2}:\d{2})?"


def parse_moment(text: str, now: datetime, *, end: bool = False) -> float:
    """Seconds since 1970 of the moment that is meant: `2d` is so long before `now`, a local time;
    `14:00` is the last one, today's or yesterday's; `yesterday` and `2026-11-20` are days, `2026-11-20
    14:00` is a time of one. A day begins at midnight of this machine's time zone; with `end` its end is
    meant, so that `until` a day has all of it. Raises ValueError."""
    try:
        two_digits = re.sub(r"(^|[ T])(\d:)", r"\g<1>0\2", text)
        return _moment(two_digits, now, end=end)
    except (ValueError, OverflowError):
        raise ValueError(
            f'"{text[:40]}" is no time; write 2d (so long ago), 14:00, yesterday, 2026-11-20, or'
            ' "2026-11-20 14:00"'
        ) from None


def _moment(text: str, now: datetime, *, end: bool) -> float:
    if text in _DAYS or re.fullmatch(_DATE, text):
        day = date.fromisoformat(text) if text not in _DAYS else now.date() - _DAYS[text]
        return datetime.combine(day + timedelta(days=end), time()).timestamp()
    if re.fullmatch(_TIME, text):
        clock = time.fromisoformat(text)
        day = now.date() if clock <= now.time() else now.date() - _DAYS["yesterday"]
        return datetime.combine(day, clock).timestamp()
    if re.fullmatch(f"{_DATE}[ T]{_TIME}{_ZONE}", text):
        return datetime.fromisoformat(text).timestamp()
    return now.timestamp() - parse_duration(text)
