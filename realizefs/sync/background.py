"""What nobody waits for is fetched when it may be: pauses, hours, and networks that cost money.

Jobs ask before they fetch; what a person reads, or asks for with a command, goes on. Trio thread.
"""

import time
from collections.abc import Callable

import trio

from realizefs.core.background import pauses, waits
from realizefs.model.background import BackgroundRules, Moment, Wait
from realizefs.model.ids import ArenaId
from realizefs.model.ports import Clock
from realizefs.sync.bell import Bell

LOOK_SECONDS = 30.0
"""Seconds between looks at the clock while something waits: it may be set, and the machine may sleep."""

WallClock = Callable[[int], tuple[int, int]]
"""The day of the week, 0 Monday, and the minute of the day of a time in nanoseconds since 1970."""


def wall_clock(now_ns: int) -> tuple[int, int]:
    """Of where this machine is."""
    local = time.localtime(now_ns // 10**9)
    return local.tm_wday, local.tm_hour * 60 + local.tm_min


def said(wait: Wait) -> str:
    """As the end of a sentence, with the time by this machine's clock."""
    if wait.until_ns is None:
        return wait.why
    until = time.strftime("%Y-%m-%d %H:%M", time.localtime(wait.until_ns / 1e9))
    return f"{wait.why}, until {until}"


class Background:
    """Of one machine; `changed` rings when the answer may be another one."""

    def __init__(self, clock: Clock, wall: WallClock = wall_clock) -> None:
        self.changed = Bell()
        self._clock = clock
        self._wall = wall
        self._rules = BackgroundRules()
        self._is_metered = False

    @property
    def rules(self) -> BackgroundRules:
        """What holds now."""
        return self._rules

    @property
    def is_metered(self) -> bool:
        """Whether the network is one that costs money by the byte."""
        return self._is_metered

    def set(self, rules: BackgroundRules) -> None:
        """These hold from now on."""
        self._rules = rules
        self.changed.ring()

    def be_metered(self, is_metered: bool) -> None:
        """The network is another one."""
        if is_metered != self._is_metered:
            self._is_metered = is_metered
            self.changed.ring()

    def wait(self, arena: ArenaId) -> Wait | None:
        """Why an arena's jobs don't fetch now; None if they may."""
        return waits(self._rules, arena, self._moment(), is_metered=self._is_metered)

    def is_paused(self, arena: ArenaId) -> bool:
        """Whether somebody has paused it, whatever it waits for besides."""
        return bool(pauses(self._rules, arena, self._moment()))

    def _moment(self) -> Moment:
        now = self._clock.wall_ns()
        return Moment(now, *self._wall(now))

    async def until_it_may(self, arena: ArenaId) -> None:
        """Wait while it waits."""
        while True:
            seen = self.changed.count
            wait = self.wait(arena)
            if wait is None:
                return
            left = LOOK_SECONDS
            if wait.until_ns is not None:
                left = min(left, max((wait.until_ns - self._clock.wall_ns()) / 1e9, 0.0))
            with trio.move_on_after(left):
                await self.changed.after(seen)
