"""Gates for work measured in bytes: small ones share them, a big one goes alone."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

from realizefs.sync.urgency import Urgency


class SizeGate:
    """At most `limit` bytes inside at once; what is larger goes when nothing else is inside."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._inside = 0
        self._waiting = trio.lowlevel.ParkingLot()

    @asynccontextmanager
    async def holding(self, size: int) -> AsyncIterator[None]:
        """Wait for room for `size` bytes and hold it."""
        size = min(size, self._limit)
        while self._inside and self._inside + size > self._limit:
            await self._waiting.park()
        self._inside += size
        try:
            yield
        finally:
            self._inside -= size
            self._waiting.unpark_all()


class UrgentGate:
    """The same, for those that somebody waits for apart from the others: so one that becomes urgent
    while it waits behind the others waits no longer. Of the others those go first that are needed
    sooner."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._inside = {True: 0, False: 0}
        self._waiting: list[Urgency] = []

    @asynccontextmanager
    async def holding(self, size: int, urgency: Urgency) -> AsyncIterator[None]:
        """Wait for room for `size` bytes and hold it."""
        size = min(size, self._limit)
        self._waiting.append(urgency)
        try:
            while not self._may_enter(size, urgency):
                await urgency.bell.after(urgency.bell.count)
        except BaseException:
            self._waiting.remove(urgency)
            self._ring()  # whoever is first now was not rung for
            raise
        self._waiting.remove(urgency)
        urgent = urgency.urgent
        self._inside[urgent] += size
        self._ring()
        try:
            yield
        finally:
            self._inside[urgent] -= size
            self._ring()

    def _may_enter(self, size: int, urgency: Urgency) -> bool:
        inside = self._inside[urgency.urgent]
        room = not inside or inside + size <= self._limit
        return room and self._first(urgent=urgency.urgent) is urgency

    def _first(self, *, urgent: bool) -> Urgency | None:
        line = (one for one in self._waiting if one.urgent == urgent)
        return min(line, key=lambda one: one.need, default=None)

    def _ring(self) -> None:
        """For the first of both: whoever became urgent was the first of the others until then."""
        for urgent in (True, False):
            first = self._first(urgent=urgent)
            if first is not None:
                first.bell.ring()
