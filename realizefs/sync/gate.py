"""A gate for work measured in bytes: small ones share it, a big one goes alone."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio


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
