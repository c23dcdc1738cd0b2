"""A few at once, and those first who are urgent.

One of the places is never taken by what isn't urgent: a disk that is slow, or a line that is full of
bulk, doesn't keep a person waiting. Whoever leaves hands the place on, so nobody is overtaken
between being woken and running.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio


class Lanes:
    """At most `limit` inside, at most one less that aren't urgent."""

    def __init__(self, limit: int) -> None:
        self._limit = {True: limit, False: limit - 1}
        self._inside = {True: 0, False: 0}
        self._waiting = {True: trio.lowlevel.ParkingLot(), False: trio.lowlevel.ParkingLot()}

    @asynccontextmanager
    async def turn(self, *, urgent: bool) -> AsyncIterator[None]:
        """Wait for a place and hold it."""
        if self._waiting[urgent] or not self._room(urgent=urgent):
            await self._waiting[urgent].park()  # who leaves counts us in
        else:
            self._inside[urgent] += 1
        try:
            yield
        finally:
            self._inside[urgent] -= 1
            self._hand_on()

    def _room(self, *, urgent: bool) -> bool:
        everybody = self._inside[True] + self._inside[False]
        return everybody < self._limit[True] and (
            urgent or self._inside[False] < self._limit[False]
        )

    def _hand_on(self) -> None:
        for urgent in (True, False):
            while self._waiting[urgent] and self._room(urgent=urgent):
                self._inside[urgent] += 1
                self._waiting[urgent].unpark()
