"""The peers of this machine: who is connected, and which arena each of them hears of.

One link to a peer at a time. Both sides may dial each other at once; then the link that was
dialled by the peer with the smaller id stays, on both sides. A second link dialled by the same
side replaces the first, which is dead or the dialler wouldn't have tried again.
"""

import logging
from dataclasses import dataclass, field

import trio

from realizefs.core.calls import Request
from realizefs.core.session import PROTOCOL
from realizefs.model.errors import ConnectionLost, RealizeError, RequestFailed
from realizefs.model.grants import Access
from realizefs.model.ids import ArenaId, PeerId
from realizefs.model.messages import FEATURES, Ack, Hello, Rows, Subscribe
from realizefs.model.messages import Roster as RosterMessage
from realizefs.model.ports import Clock
from realizefs.net.channel import Channel, WireCounters
from realizefs.net.identity import Identity, peer_id
from realizefs.net.listen import listen
from realizefs.sync.acquaintances import Acquaintances
from realizefs.sync.arena import Arena
from realizefs.sync.bandwidth import Bandwidth
from realizefs.sync.dialling import Connected, Dialler
from realizefs.sync.expected import Expected
from realizefs.sync.gossip import Gossip
from realizefs.sync.introducing import Introducing
from realizefs.sync.joining import Doorman
from realizefs.sync.link import Link, run_link
from realizefs.sync.patience import guarded
from realizefs.sync.peer_state import PeerState, peer_state
from realizefs.sync.roster import Roster

log = logging.getLogger(__name__)


Offer = dict[ArenaId, Access]
"""The arenas that exist for a peer, and what it may do there: what a link was made for."""


@dataclass(slots=True, eq=False)
class _Connection:
    link: Link
    dialled: bool
    scope: trio.CancelScope
    nursery: trio.Nursery
    offered: Offer
    gossips: dict[ArenaId, Gossip] = field(default_factory=dict)


class Household:
    """Listens, dials, and carries arenas over links; made and run by the composition root."""

    def __init__(
        self,
        identity: Identity,
        roster: Roster,
        doorman: Doorman,
        counters: WireCounters,
        clock: Clock,
    ) -> None:
        self._identity = identity
        self.roster = roster
        self.doorman = doorman
        self.counters = counters
        self._clock = clock
        self.arenas: dict[ArenaId, Arena] = {}
        self._connections: dict[PeerId, _Connection] = {}
        self._expected = Expected()
        self.bandwidth = Bandwidth()
        self.acquaintances = Acquaintances(clock)
        self._connected = Connected()
        self.dialler = Dialler(
            identity, roster, counters, self._connected, self._outbound, self._out_of_reach
        )
        self.introducing = Introducing(roster)
        self._nursery: trio.Nursery | None = None

    def peers(self) -> list[PeerState]:
        """All peers of the roster, by name."""
        return [
            peer_state(
                card,
                each.link if each else None,
                self.acquaintances.of(card.peer),
                self.introducing.connections(card.peer),
            )
            for card in self.roster.all()
            for each in [self._connections.get(card.peer)]
        ]

    async def run(
        self,
        addresses: list[str],
        task_status: trio.TaskStatus[list[str]] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Until cancelled; started once listening, with the addresses that were bound."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            bound = await nursery.start(self.listen, addresses) if addresses else []
            nursery.start_soon(self.dialler.run)
            nursery.start_soon(self._follow_roster)
            nursery.start_soon(self.introducing.run)
            task_status.started(bound)
            await trio.sleep_forever()

    async def listen(
        self,
        addresses: list[str],
        task_status: trio.TaskStatus[list[str]] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Listen at these addresses, too, while it runs; see net.listen."""
        await listen(
            addresses,
            self._identity,
            self.roster.certificates,
            self._inbound,
            self.doorman.answer,
            self.counters,
            task_status,
        )

    async def add_arena(self, arena: Arena) -> None:
        """Carry an arena from now on; links that are up are made anew, since Hello lists arenas."""
        self.arenas[arena.id] = arena
        arena.context.links.expected = self._expects
        self.roster.arenas = tuple(sorted({*self.roster.arenas, arena.id}))
        self._tell_arena(arena)
        self._connect_anew()

    async def remove_arena(self, arena: Arena) -> None:
        """No longer carry an arena."""
        self.arenas.pop(arena.id, None)
        self._connect_anew()

    def resumed(self) -> None:
        """The machine slept or moved: what was connected is so no longer, or nobody can tell."""
        self._connect_anew()
        self.dialler.hurry()

    def _connect_anew(self) -> None:
        for connection in list(self._connections.values()):
            connection.scope.cancel()

    # -- connecting ---------------------------------------------------------------------------

    async def _outbound(self, channel: Channel) -> None:
        await self._carry(channel, dialled=True)

    def _out_of_reach(self, peer: PeerId) -> None:
        self._expected.failed(peer)
        self._tell_readers()

    async def _inbound(self, channel: Channel) -> None:
        await self._carry(channel, dialled=False)

    async def _carry(self, channel: Channel, *, dialled: bool) -> None:
        """One connection from its Hello to its end."""
        peer = peer_id(channel.certificate)
        offered = self._offered(peer)
        self.bandwidth.hold(channel, self.roster.name_of(peer))
        channel.count(self.acquaintances.of(peer).wire)
        me, now_ns = self._identity.peer, self._clock.wall_ns()
        hello = Hello(PROTOCOL, FEATURES, me, self.roster.name, tuple(offered), now_ns)
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:
                handler = _Handler(self, scope, nursery, offered, dialled=dialled)
                with self._expected.meeting(peer, scope):
                    await run_link(channel, hello, handler, self._clock)
                self._tell_readers()
                nursery.cancel_scope.cancel()

    def _expects(self, peer: PeerId) -> bool:
        """Whether a link to a peer is being made, or about to be made anew; see Expected."""
        connection = self._connections.get(peer)
        if connection is not None:
            return connection.link.closed or connection.offered != self._offered(peer)
        card = self.roster.get(peer)
        return self._nursery is not None and card is not None and peer in self._expected

    def _tell_readers(self) -> None:
        """Who waits for a peer may find that there is nothing to wait for."""
        for arena in self.arenas.values():
            arena.context.links.changed.ring()

    def _offered(self, peer: PeerId) -> Offer:
        access = {one: self.roster.access(peer, one) for one in self.arenas}
        return {arena: may for arena, may in access.items() if may is not Access.NONE}

    def admit(self, connection: _Connection) -> bool:
        """Take a link into use, unless a better one to the same peer is up."""
        peer = connection.link.peer
        self._expected.met(peer, connection.scope)
        if self.roster.get(peer) is None:
            return False  # it was removed while the link was being made
        if connection.offered != self._offered(peer):
            return False  # an arena came while the link was being made: its Hello is out of date
        old = self._connections.get(peer)
        if old is not None:
            ours_stays = self._identity.peer < peer
            if connection.dialled not in (old.dialled, ours_stays):
                return False
            old.scope.cancel()
            self._release(old)
        self._connections[peer] = connection
        self._connected.opened(peer)
        self.acquaintances.opened(peer)
        self.introducing.opened(connection.link)
        for arena_id in connection.link.hello.arenas:
            arena = self.arenas.get(arena_id)
            if arena is not None and arena_id in connection.offered:
                arena.context.links.add(connection.link)
        log.info("%s is connected.", connection.link.name)
        return True

    def release(self, connection: _Connection) -> None:
        """A link ended."""
        if self._release(connection):
            log.info("%s is no longer connected.", connection.link.name)

    def _release(self, connection: _Connection) -> bool:
        for arena in self.arenas.values():
            arena.context.links.remove(connection.link)
        if self._connections.get(connection.link.peer) is not connection:
            return False
        del self._connections[connection.link.peer]
        self._expected.ended(connection.link.peer)
        self._connected.closed(connection.link.peer)
        self.acquaintances.closed(connection.link.peer)
        self.introducing.closed(connection.link.peer)
        return True

    def _tell_arena(self, arena: Arena) -> None:
        """Who is in it, and what everybody is called."""
        for card in self.roster.all():
            arena.context.links.names[card.peer] = card.name
        arena.context.members = self.roster.members(arena.id)
        arena.context.read_only = self.roster.own_access(arena.id) is Access.READ
        arena.context.members_changed.ring()

    async def _follow_roster(self) -> None:
        while True:
            await self.roster.changed.after(self.roster.changed.count)
            for arena in self.arenas.values():
                self._tell_arena(arena)
            for peer, connection in list(self._connections.items()):
                self._tell_roster(peer, connection)

    def _tell_roster(self, peer: PeerId, connection: _Connection) -> None:
        if self.roster.get(peer) is None:
            log.info("%s was removed from the household.", connection.link.name)
            connection.scope.cancel()
        elif connection.offered != self._offered(peer):
            connection.scope.cancel()  # Hello says which arenas there are: say it anew
        else:
            connection.nursery.start_soon(guarded, self.introducing.introduce, connection.link)


class _Handler:
    """What happens on one link; see sync.handling.LinkHandler."""

    def __init__(
        self,
        household: Household,
        scope: trio.CancelScope,
        nursery: trio.Nursery,
        offered: Offer,
        *,
        dialled: bool,
    ) -> None:
        self._household = household
        self._scope = scope
        self._nursery = nursery
        self._offered = offered
        self._dialled = dialled
        self._connection: _Connection | None = None

    async def opened(self, link: Link) -> None:
        """Both Hellos are there."""
        household = self._household
        connection = _Connection(link, self._dialled, self._scope, self._nursery, self._offered)
        if not household.admit(connection):
            self._scope.cancel()
            return
        self._connection = connection
        self._nursery.start_soon(guarded, household.introducing.introduce, link)
        for arena_id in link.hello.arenas:
            arena = self._arena(arena_id)
            if arena is not None:
                read_only = self._offered[arena_id] is Access.READ
                gossip = Gossip(arena.context, link, read_only=read_only)
                connection.gossips[arena_id] = gossip
                self._nursery.start_soon(self._talk, gossip)

    async def _talk(self, gossip: Gossip) -> None:
        await guarded(gossip.run)
        self._scope.cancel()

    async def message(self, link: Link, message: RosterMessage | Subscribe | Rows | Ack) -> None:
        """In the order in which the peer sent them; the peer waits while we work."""
        try:
            await self._message(link, message)
        except ConnectionLost:
            self._scope.cancel()
        except (RealizeError, OSError) as error:
            # Our own disk or database: the peer's history is asked for again later.
            log.warning("What %s tells can't be stored: %s", link.name, error)
            self._scope.cancel()

    async def _message(self, link: Link, message: RosterMessage | Subscribe | Rows | Ack) -> None:
        connection = self._connection
        if connection is None:
            return
        if isinstance(message, RosterMessage):
            self._household.introducing.heard(link.peer, message.connected)
            await self._household.roster.learn(link.peer, message.peers, message.removed)
            return
        gossip = connection.gossips.get(message.arena)
        if gossip is None or self._arena(message.arena) is None:
            return  # an arena that doesn't exist for this peer
        if isinstance(message, Subscribe):
            gossip.subscribed(message)
        elif isinstance(message, Rows):
            await gossip.rows(message)
        else:
            gossip.ack(message)

    async def serve(self, link: Link, request: Request) -> bytes:
        """Bytes for the peer."""
        arena = self._arena(request.arena)
        if arena is None:
            raise RequestFailed("no-arena", "There is no such arena here.")
        return await arena.answer(link.peer, request)

    def closed(self, link: Link) -> None:
        """The link ended."""
        if self._connection is not None:
            self._household.release(self._connection)

    def _arena(self, arena_id: ArenaId) -> Arena | None:
        """The arena, if this link was made for it, and nobody has decided otherwise since."""
        connection, household = self._connection, self._household
        if connection is None or arena_id not in self._offered:
            return None
        if household.roster.access(connection.link.peer, arena_id) != self._offered[arena_id]:
            return None
        return household.arenas.get(arena_id)
