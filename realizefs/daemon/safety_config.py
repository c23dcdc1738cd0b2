"""What the configuration says against losses: how long what peers delete is kept, how much of it
waits for somebody, and how many others must own what this machine gives up."""

import re
from dataclasses import dataclass

from realizefs.model.limits import (
    GUARD_PERCENT_DEFAULT,
    MIN_COPIES_DEFAULT,
    MIN_COPIES_MAX,
    TRASH_SECONDS_DEFAULT,
)

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400, "y": 365 * 86400}
_DURATION = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([smhdwy]?)\s*")
_PERCENT = re.compile(r"\s*(\d+(?:\.\d+)?)\s*%\s*")
_YEARS_MAX = 1000


@dataclass(frozen=True, slots=True)
class SafetyConfig:
    """`trash` seconds, `guard` percent and `min_copies` of an arena; None: the default."""

    trash: float | None = None
    guard: float | None = None
    min_copies: int | None = None

    @property
    def trash_seconds(self) -> float:
        """How long the trash keeps what peers delete."""
        return TRASH_SECONDS_DEFAULT if self.trash is None else self.trash

    @property
    def guard_percent(self) -> float:
        """Part of the real files that peers may delete without somebody being asked."""
        return GUARD_PERCENT_DEFAULT if self.guard is None else self.guard

    @property
    def copies_elsewhere(self) -> int:
        """Other peers that must own a file before this one gives it up (R1)."""
        return MIN_COPIES_DEFAULT if self.min_copies is None else self.min_copies


def parse_duration(text: str) -> float:
    """Seconds of 30d, 12h, 2w; a plain 0 needs no unit. Raises ValueError."""
    match = _DURATION.fullmatch(text)
    if match is None or (not match[2] and float(match[1])):
        raise ValueError(f'"{text[:40]}" is no length of time; write 30d, 12h or 2w')
    seconds = float(match[1]) * _UNITS.get(match[2], 1)
    if seconds > _YEARS_MAX * _UNITS["y"]:
        raise ValueError(f'"{text[:40]}" is longer than {_YEARS_MAX} years')
    return seconds


def show_duration(seconds: float) -> str:
    """In the largest unit that is exact.

    >>> show_duration(30 * 86400), show_duration(0), show_duration(5400)
    ('30d', '0', '90m')
    """
    if not seconds:
        return "0"
    units = sorted(_UNITS.items(), key=lambda unit: -unit[1])
    exact = (
        f"{seconds / size:.0f}{unit}"
        for unit, size in units
        if unit not in "wy" and seconds % size == 0
    )
    return next(exact, f"{seconds:.10g}s")


def parse_guard(text: str) -> float:
    """Percent, 0% to 100%. Raises ValueError."""
    match = _PERCENT.fullmatch(text)
    if match is None or float(match[1]) > 100:
        raise ValueError(f'"{text[:40]}" is no part of the files; write 0% to 100%')
    return float(match[1])


def show_guard(percent: float) -> str:
    """As `parse_guard` reads it."""
    return f"{percent:.10g}%"


def parse_copies(text: str) -> int:
    """A number of other owners. Raises ValueError."""
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text[:9]) <= MIN_COPIES_MAX:
        raise ValueError(f'"{text[:40]}" is no number of copies; write 1 to {MIN_COPIES_MAX}')
    return int(text)
