"""Who belongs to the household, kept in the global database and told to everybody (DESIGN 5.3).

A card says who a peer is (its certificate), where it is reached, and which arenas it is in. Cards
come from invitations made here, or from a peer that tells what it knows. R7: a peer can introduce
others only to arenas that it is itself in, can't change anybody's certificate, and the number of
cards and addresses is bounded.
"""

import logging
from collections.abc import Iterable
from dataclasses import replace

import trio

from realizefs.model import limits
from realizefs.model.entries import PeerCard
from realizefs.model.ids import ArenaId, PeerId
from realizefs.net.identity import Identity, peer_id
from realizefs.store.env import Environment
from realizefs.store.peers import Roster as StoredRoster
from realizefs.sync.bell import Bell

log = logging.getLogger(__name__)


class Roster:
    """The cards of all other peers, and our own."""

    def __init__(
        self, env: Environment, stored: StoredRoster, identity: Identity, name: str
    ) -> None:
        self._env = env
        self._stored = stored
        self._identity = identity
        self.addresses: tuple[str, ...] = ()
        self.arenas: tuple[ArenaId, ...] = ()
        self.name = name
        self.changed = Bell()
        with env.read() as txn:
            self._cards = {card.peer: card for card in stored.all(txn)}

    def own(self) -> PeerCard:
        """Our card."""
        return PeerCard(
            self._identity.peer,
            self.name,
            self._identity.certificate,
            self.addresses[: limits.ADDRESSES_MAX],
            self.arenas,
        )

    def told_to(self, arenas: Iterable[ArenaId]) -> tuple[PeerCard, ...]:
        """Our card first, then all others in any of `arenas`; other arenas aren't mentioned."""
        visible = set(arenas)
        cards = [self.own(), *self.all()]
        return tuple(
            replace(card, arenas=tuple(sorted(visible & set(card.arenas))))
            for card in cards
            if card is cards[0] or visible & set(card.arenas)
        )

    def all(self) -> list[PeerCard]:
        """All other peers, by name."""
        return sorted(self._cards.values(), key=lambda card: card.name)

    def get(self, peer: PeerId) -> PeerCard | None:
        """The card of a peer."""
        return self._cards.get(peer)

    def certificates(self) -> list[bytes]:
        """The certificates that may connect."""
        return [card.certificate for card in self._cards.values()]

    def may_see(self, peer: PeerId, arena: ArenaId) -> bool:
        """Whether a peer is in an arena; for one that it isn't in, the arena doesn't exist."""
        card = self._cards.get(peer)
        return card is not None and arena in card.arenas

    async def add(self, card: PeerCard) -> None:
        """A peer that we were introduced to by an invitation; adds to what is known of it."""
        if card.peer == self._identity.peer or peer_id(card.certificate) != card.peer:
            return
        known = self._cards.get(card.peer)
        arenas = tuple(sorted({*card.arenas, *(known.arenas if known else ())}))
        await self._save(replace(card, arenas=arenas))

    async def learn(self, teller: PeerId, cards: tuple[PeerCard, ...]) -> None:
        """What a connected peer says of the household."""
        trusted = self._cards.get(teller)
        if trusted is None:
            return
        for card in cards[: limits.PEERS_MAX]:
            if card.peer == self._identity.peer or peer_id(card.certificate) != card.peer:
                continue
            await self._learn_one(trusted, card)

    async def _learn_one(self, teller: PeerCard, card: PeerCard) -> None:
        shared = set(card.arenas) & set(teller.arenas)
        known = self._cards.get(card.peer)
        if known is None and (not shared or len(self._cards) >= limits.PEERS_MAX):
            return
        arenas = tuple(sorted(shared | set(known.arenas if known else ())))
        addresses = card.addresses[: limits.ADDRESSES_MAX]
        if known is None:
            log.info("%s introduced %s.", teller.name, card.name)
            await self._save(replace(card, arenas=arenas, addresses=addresses))
        elif teller.peer == card.peer:  # of itself a peer knows best, but for what it may see
            await self._save(replace(known, name=card.name, addresses=addresses))
        elif arenas != known.arenas:
            await self._save(replace(known, arenas=arenas))

    async def _save(self, card: PeerCard) -> None:
        if self._cards.get(card.peer) == card:
            return

        def write() -> None:
            with self._env.write() as txn:
                self._stored.put(txn, card)

        await trio.to_thread.run_sync(write)
        self._cards[card.peer] = card
        self.changed.ring()
