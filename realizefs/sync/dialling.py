"""Dialling the peers of the roster, each again and again while it is not connected.

A peer without addresses, or behind something that lets nobody in, can't be dialled; it is enough
that it dials somebody. What is tried in vain is tried less and less often (`core.backoff`), until
there is a reason to hurry.
"""

import logging
import random
from collections.abc import Awaitable, Callable
from math import inf

import trio

from realizefs.core.backoff import delay
from realizefs.model.entries import PeerCard
from realizefs.model.errors import RealizeError
from realizefs.model.ids import PeerId
from realizefs.model.lan_limits import FOUND_SECONDS
from realizefs.model.limits import HANDSHAKE_SECONDS
from realizefs.net.channel import Channel, WireCounters
from realizefs.net.dial import dial
from realizefs.net.identity import Identity
from realizefs.sync.bell import Bell
from realizefs.sync.neighbours import Neighbours
from realizefs.sync.roster import Roster

log = logging.getLogger(__name__)


class Connected:
    """Who is connected: looked at by those who dial, kept by the household."""

    def __init__(self) -> None:
        self._open: dict[PeerId, trio.Event] = {}

    def __contains__(self, peer: PeerId) -> bool:
        return peer in self._open

    def opened(self, peer: PeerId) -> None:
        """A link to it is in use."""
        self._open.setdefault(peer, trio.Event())

    def closed(self, peer: PeerId) -> None:
        """No link to it is in use any more."""
        event = self._open.pop(peer, None)
        if event is not None:
            event.set()

    async def until_closed(self, peer: PeerId) -> None:
        """Return once it isn't connected."""
        while peer in self._open:
            await self._open[peer].wait()


class Dialler:
    """Dials; `carry` takes a channel and returns at its end, `failed` hears who can't be reached."""

    def __init__(
        self,
        identity: Identity,
        roster: Roster,
        counters: WireCounters,
        connected: Connected,
        carry: Callable[[Channel], Awaitable[None]],
        failed: Callable[[PeerId], None],
    ) -> None:
        self._identity = identity
        self._roster = roster
        self._counters = counters
        self._connected = connected
        self._carry = carry
        self._failed = failed
        self._dialling: set[PeerId] = set()
        self._hurried = Bell()
        self.neighbours = Neighbours(identity.certificate, self._found)
        self._found_at = -inf
        self._broken_off: dict[PeerId, float] = {}

    def hurry(self) -> None:
        """Dial everybody now: what was out of reach may not be any more."""
        self._hurried.ring()

    def _found(self) -> None:
        """A peer is on this network."""
        now = trio.current_time()
        if now - self._found_at >= FOUND_SECONDS:
            self._found_at = now
            self.hurry()

    async def run(self) -> None:
        """Until cancelled."""
        async with trio.open_nursery() as nursery:
            while True:
                seen = self._roster.changed.count
                self.neighbours.know(tuple(self._roster.certificates()))
                for card in self._roster.all():
                    if card.peer not in self._dialling:
                        self._dialling.add(card.peer)
                        nursery.start_soon(self._dial_while_known, card.peer)
                await self._roster.changed.after(seen)

    async def _dial_while_known(self, peer: PeerId) -> None:
        attempt = 0
        while True:
            hurried = self._hurried.count
            if peer in self._connected:
                attempt = 0
                await self._connected.until_closed(peer)
            card = self._roster.get(peer)
            if card is None:  # no await from here on: whoever admits it anew dials it anew
                self._dialling.discard(peer)
                self._broken_off.pop(peer, None)
                return
            addresses = self._places(card)
            if addresses and peer not in self._connected:
                await self._dial_once(card, addresses, attempt)
            attempt += 1
            with trio.move_on_after(delay(attempt, random.random())):
                await self._hurried.after(hurried)
                attempt = 0

    def _places(self, card: PeerCard) -> list[str]:
        """Where a peer may be, on this network first; not where we are ourselves: every machine is
        at its localhost."""
        places = (*self.neighbours.addresses_of(card.certificate), *card.addresses)
        return [address for address in places if address not in self._roster.addresses]

    async def _dial_once(self, card: PeerCard, addresses: list[str], attempt: int) -> None:
        try:
            channel = await self._reached(card, addresses)
        except RealizeError as error:
            log.log(logging.WARNING if attempt == 1 else logging.DEBUG, "%s", error)
            self._failed(card.peer)
            return
        if channel is not None:
            await self._carry(channel)

    async def _reached(self, card: PeerCard, addresses: list[str]) -> Channel | None:
        """A channel; None if meanwhile the peer was found elsewhere, and is to be dialled there."""
        channel: Channel | None = None
        failure: RealizeError | None = None
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._until_elsewhere, card, addresses, nursery.cancel_scope)
                try:
                    channel = await dial(
                        addresses,
                        self._identity,
                        counters=self._counters,
                        certificate=card.certificate,
                        name=card.name,
                    )
                except RealizeError as error:  # not from within the nursery, which would wrap it
                    failure = error
                nursery.cancel_scope.cancel()
        except BaseException:  # cancelled just as it was reached
            if channel is not None:
                await channel.aclose()
            raise
        if failure is not None:
            raise failure
        return channel

    async def _until_elsewhere(
        self, card: PeerCard, addresses: list[str], scope: trio.CancelScope
    ) -> None:
        """End a dial when the peer is announced where it isn't being dialled: addresses that it has
        left are silent for HANDSHAKE_SECONDS. Once in so long, whatever is announced."""
        while True:
            await self.neighbours.changed.after(self.neighbours.changed.count)
            now, last = trio.current_time(), self._broken_off.get(card.peer, -inf)
            found = self.neighbours.addresses_of(card.certificate)
            if not set(found) <= set(addresses) and now - last >= HANDSHAKE_SECONDS:
                self._broken_off[card.peer] = now
                scope.cancel()
