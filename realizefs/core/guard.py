"""How much peers may delete here before somebody is asked (R8).

Deletions come one by one, so what is compared with the limit is a wave of them: those that wait to
be carried out and those that were, within GUARD_WAVE_SECONDS of each other. What is carried out
lies in the trash, and may be taken back with the rest.

Folders alone are never too much: one is removed only when nothing is in it, and of what is renamed all
folders wait for a moment to be removed under their old names.
"""

from dataclasses import dataclass, replace
from enum import IntEnum

from realizefs.model.limits import GUARD_FEW, GUARD_WAVE_SECONDS

EARLIER_NS = 10 * 10**9
"""Nanoseconds that a removal may take from leaving the root until it is counted."""

WAVE_NS = int(GUARD_WAVE_SECONDS * 1e9)


class Guarding(IntEnum):
    """What is done with deletions at this moment; the numbers are those on disk."""

    OPEN = 0
    """they are carried out"""
    HELD = 1
    """they wait until somebody has approved or rejected them"""
    REJECTED = 2
    """those that waited are being taken back"""


@dataclass(frozen=True, slots=True)
class Wave:
    """`removed` real files left the root because of peers, none before `since_ns` and the
    last at `last_ns` (wall clock)."""

    removed: int = 0
    since_ns: int = 0
    last_ns: int = 0

    def after(self, now_ns: int) -> "Wave":
        """One more was removed."""
        if self.is_over(now_ns):
            return Wave(1, now_ns - EARLIER_NS, now_ns)
        return replace(self, removed=self.removed + 1, last_ns=now_ns)

    def is_over(self, now_ns: int) -> bool:
        """Whether what is removed now has nothing to do with it; after a leap of the clock, too."""
        return not self.removed or abs(now_ns - self.last_ns) > WAVE_NS


def is_many(pending: int, removed: int) -> bool:
    """Whether so many files that it is worth waiting a moment for how many more there are."""
    return pending + removed > GUARD_FEW


def is_too_much(pending: int, folders: int, removed: int, left: int, percent: float) -> bool:
    """Whether somebody must be asked. `folders` of those `pending` are no files; `left` is all that is
    real, those `pending` included."""
    if percent >= 100 or not is_many(pending - folders, removed):
        return False
    return (pending + removed) * 100 > percent * (left + removed)
