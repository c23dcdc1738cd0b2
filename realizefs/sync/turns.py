"""One at a time for each inode: what programs ask for and what the engine does take turns.

What was just made real for a program isn't given up again before the program has come to write:
it would find it gone, make it real again, and so on.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import trio

from realizefs.model.ids import Inode
from realizefs.model.ports import Clock

GRACE_SECONDS = 10.0
"""How long what was made real for a program stays so at least: a write follows within moments."""


@dataclass(slots=True, eq=False)
class _Turn:
    lock: trio.Lock = field(default_factory=trio.Lock)
    users: int = 0


class Turns:
    """The turns of one arena. Trio thread. Bounded by calls under way, and by what is made real in
    GRACE_SECONDS."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._turns: dict[Inode, _Turn] = {}
        self._wanted: dict[Inode, float] = {}

    @asynccontextmanager
    async def of(self, ino: Inode) -> AsyncIterator[None]:
        """Wait until nobody else works on this inode, and then work on it."""
        turn = self._turns.setdefault(ino, _Turn())
        turn.users += 1
        try:
            async with turn.lock:
                yield
        finally:
            turn.users -= 1
            if not turn.users:
                del self._turns[ino]

    def want(self, ino: Inode) -> None:
        """A program is about to write to it."""
        now = self._clock.now()
        for other, until in list(self._wanted.items()):  # in the order of time
            if until > now:
                break
            del self._wanted[other]
        self._wanted.pop(ino, None)
        self._wanted[ino] = now + GRACE_SECONDS

    def is_wanted(self, ino: Inode) -> bool:
        """Whether a program was about to write to it a moment ago."""
        return self._wanted.get(ino, 0.0) > self._clock.now()
