"""What connected peers tell each other of the household: who is in it, and whom each is connected to.

The second is for people to look at, and nothing is done by it: it is kept for as long as the peer is
connected, it may be wrong, and what isn't in our own roster is left out. It is told of those alone whom the other
knows anyway, in a Roster without cards, and not more often than every TOLD_SECONDS.
"""

from collections.abc import Iterable

import trio

from realizefs.model.ids import PeerId
from realizefs.model.limits import PEERS_MAX
from realizefs.model.messages import Roster as RosterMessage
from realizefs.sync.bell import Bell
from realizefs.sync.link import Link
from realizefs.sync.patience import guarded
from realizefs.sync.roster import Roster

TOLD_SECONDS = 2.0
"""Between two rounds: a peer whose connection comes and goes doesn't keep all others busy."""


class Introducing:
    """Of the links that are up. Trio thread."""

    def __init__(self, roster: Roster) -> None:
        self._roster = roster
        self._links: dict[PeerId, Link] = {}
        self._told: dict[PeerId, frozenset[PeerId]] = {}
        self._changed = Bell()

    def opened(self, link: Link) -> None:
        """A peer is connected, by this link now."""
        self._links[link.peer] = link
        self._changed.ring()

    def closed(self, peer: PeerId) -> None:
        """It is no longer connected."""
        self._links.pop(peer, None)
        self._told.pop(peer, None)
        self._changed.ring()

    def heard(self, peer: PeerId, connected: Iterable[PeerId]) -> None:
        """Whom a connected peer says it is connected to: us, if nobody else. Older programs say nothing."""
        told = frozenset(connected)
        if told and peer in self._links:
            self._told[peer] = told

    def connections(self, peer: PeerId) -> tuple[str, ...] | None:
        """The names of the others that a peer says it is connected to; None where it doesn't say."""
        told = self._told.get(peer)
        if told is None:
            return None
        others = (card for card in self._roster.all() if card.peer != peer)
        return tuple(card.name for card in others if card.peer in told)

    async def introduce(self, link: Link) -> None:
        """Tell a peer who else is in the arenas that it is in."""
        card = self._roster.get(link.peer)
        if card is not None:
            cards = self._roster.told_to(card.arenas)
            await link.send(
                RosterMessage(cards, self._roster.removals(), self._connected(link.peer))
            )

    async def run(self) -> None:
        """Tell all who are connected whenever somebody comes or goes."""
        while True:
            seen = self._changed.count
            for link in list(self._links.values()):
                await guarded(self._tell, link)
            await trio.sleep(TOLD_SECONDS)
            await self._changed.after(seen)

    async def _tell(self, link: Link) -> None:
        connected = self._connected(link.peer)
        if connected and not link.closed:
            await link.send(RosterMessage((), (), connected))

    def _connected(self, peer: PeerId) -> tuple[PeerId, ...]:
        """To whom we are, as far as a peer may know of them; itself included."""
        card = self._roster.get(peer)
        if card is None:
            return ()
        visible = {peer, *(one.peer for one in self._roster.told_to(card.arenas))}
        return tuple(sorted(visible & self._links.keys()))[:PEERS_MAX]
