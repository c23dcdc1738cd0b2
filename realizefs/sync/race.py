"""One piece, several holders: the first good answer wins.

The best holder is asked, the next one as soon as that fails, and beside it when it is late
(`core.striping`). So a holder that is slow, hangs or vanishes costs a fraction of a second; the
requests that weren't needed are cancelled, which frees the wire. Bounded by LINKS_MAX of each
holder, and by the deadline of every request.
"""

import logging
from collections.abc import Awaitable, Callable
from math import inf

import trio

from realizefs.core.striping import is_late
from realizefs.model.errors import ConnectionLost, PeerFault, RealizeError, Unreachable
from realizefs.model.limits import HEDGE_SECONDS
from realizefs.sync.bell import Bell
from realizefs.sync.candidates import Candidates
from realizefs.sync.link import Link

log = logging.getLogger(__name__)

Ask = Callable[[Link], Awaitable[bytes]]
"""Asks one holder; returns what is verified."""


class Race:
    """The attempts to get one piece of `size` bytes."""

    def __init__(self, candidates: Candidates, ask: Ask, size: int) -> None:
        self.errors: list[RealizeError] = []
        self._candidates = candidates
        self._ask = ask
        self._size = size
        self._running: dict[Link, float] = {}
        self._ended = Bell()
        self._won: bytes | None = None

    async def run(self) -> bytes | None:
        """The first good answer; None, and `errors`, where nobody gives one."""
        async with trio.open_nursery() as nursery:
            while self._won is None:
                seen = self._ended.count
                link = await self._next()
                if link is not None:
                    # Counted before it is asked: the next piece is chosen in the same moment.
                    link.busy += 1
                    self._running[link] = trio.current_time()
                    nursery.start_soon(self._attempt, link, nursery.cancel_scope)
                elif not self._running:
                    break
                await self._until_one_ends_or_is_late(seen)
        return self._won

    async def _next(self) -> Link | None:
        """The first is waited for, if it may come; those beside it aren't."""
        if self._running:
            return self._candidates.another({link.peer for link in self._running})
        return await self._candidates.next()

    async def _until_one_ends_or_is_late(self, seen: int) -> None:
        may_hedge = True
        while self._ended.count == seen and self._running:
            with trio.move_on_after(HEDGE_SECONDS / 2):
                await self._ended.after(seen)
                return
            late = all(self._is_late(link, since) for link, since in self._running.items())
            if late and may_hedge:
                if self._candidates.has_another({link.peer for link in self._running}):
                    return
                may_hedge = False  # the only one that there is: its own deadline ends it

    def _is_late(self, link: Link, since: float) -> bool:
        now = trio.current_time()
        waited, silent = now - since, now - max(since, link.payload_at)
        elsewhere = inf
        if waited >= HEDGE_SECONDS:
            elsewhere = self._candidates.soonest({one.peer for one in self._running}, self._size)
        return is_late(waited, silent, link.busy * self._size, link.rate, elsewhere)

    async def _attempt(self, link: Link, race: trio.CancelScope) -> None:
        try:
            self._won = await self._ask(link)
        except (PeerFault, Unreachable) as error:
            log.debug("%s", error)
            self.errors.append(error)
            if not isinstance(error, ConnectionLost):
                self._candidates.refused(link)
        finally:
            link.busy -= 1
            del self._running[link]
            self._ended.ring()
        if self._won is not None and self._running:
            race.cancel()
