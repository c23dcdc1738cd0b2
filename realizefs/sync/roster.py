"""Who belongs to the household, kept in the global database and told to everybody (DESIGN 5.3).

A card says who a peer is (its certificate), where it is reached, and what it may do in which arenas.
Cards come from invitations made here, or from a peer that tells what it knows; `core.membership` says
what of that is believed. R7: the number of cards and addresses is bounded.

Each change is committed before it counts: after a crash a peer that was refused is refused.
"""

import logging
from collections.abc import Callable, Iterable
from dataclasses import replace

import trio

from realizefs.core import membership
from realizefs.model import limits
from realizefs.model.entries import PeerCard, Removal
from realizefs.model.errors import Misuse
from realizefs.model.grants import Access, full, merge_grants, next_edition
from realizefs.model.ids import ArenaId, PeerId
from realizefs.model.ports import Clock
from realizefs.net.identity import Identity, peer_id
from realizefs.store.env import Environment
from realizefs.store.peers import Roster as StoredRoster
from realizefs.sync.bell import Bell

log = logging.getLogger(__name__)


class Roster:
    """The cards of all other peers, and our own."""

    def __init__(
        self,
        env: Environment,
        stored: StoredRoster,
        identity: Identity,
        name: str,
        clock: Clock,
    ) -> None:
        self._env = env
        self._stored = stored
        self._identity = identity
        self._clock = clock
        self.arenas: tuple[ArenaId, ...] = ()
        self.name = name
        self.changed = Bell()
        self._changing = trio.Lock()
        with env.read() as txn:
            self._cards = {card.peer: card for card in stored.all(txn)}
        self.addresses = self._itself().addresses  # until it is known that we are elsewhere now

    def own(self) -> PeerCard:
        """Our card: where nobody has said less, we may do everything in our arenas."""
        grants = {grant.arena: grant for grant in full(self.arenas)}
        for grant in self._itself().grants:
            if grant.access is not Access.NONE or grant.arena not in grants:
                grants[grant.arena] = grant
        return PeerCard(
            self._identity.peer,
            self.name,
            self._identity.certificate,
            self.addresses[: limits.ADDRESSES_MAX],
            merge_grants(grants.values(), ()),
            addressed=self._itself().addressed,
        )

    def _itself(self) -> PeerCard:
        peer = self._identity.peer
        return self._cards.get(peer) or PeerCard(peer, "", b"")

    def told_to(self, arenas: Iterable[ArenaId]) -> tuple[PeerCard, ...]:
        """Our card first, then all others in any of `arenas`; other arenas aren't mentioned."""
        visible = frozenset(arenas)
        own, *others = (membership.visible(card, visible) for card in (self.own(), *self.all()))
        return (own, *(card for card in others if card.grants))

    def removals(self) -> tuple[Removal, ...]:
        """Who was removed from the household, as everybody may hear: an id says nothing to those
        who don't know its owner."""
        return tuple(
            Removal(card.peer, card.removed) for card in self._cards.values() if card.removed
        )[: limits.REMOVED_MAX]

    def all(self) -> list[PeerCard]:
        """All other peers, by name."""
        others = (card for card in self._cards.values() if card.peer != self._identity.peer)
        return sorted((card for card in others if card.is_member), key=lambda card: card.name)

    def get(self, peer: PeerId) -> PeerCard | None:
        """The card of another peer that belongs to the household."""
        card = self._cards.get(peer)
        return card if card is not None and card.is_member else None

    def name_of(self, peer: PeerId) -> str:
        """What a peer calls itself; nothing if it isn't known."""
        card = self._cards.get(peer)
        return card.name if card is not None else ""

    def certificates(self) -> list[bytes]:
        """The certificates that may connect."""
        return [card.certificate for card in self.all()]

    def access(self, peer: PeerId, arena: ArenaId) -> Access:
        """What another peer may do in an arena; NONE: for it the arena doesn't exist."""
        card = self.get(peer)
        return Access.NONE if card is None else card.access(arena)

    def own_access(self, arena: ArenaId) -> Access:
        """What the others believe of what we do in an arena, as far as we know."""
        granted = (grant.access for grant in self.own().grants if grant.arena == arena)
        return next(granted, Access.NONE)

    def members(self, arena: ArenaId) -> frozenset[PeerId]:
        """The other peers that are in an arena, asleep or not. A tombstone is forgotten once all of
        these have acknowledged it; one that was removed isn't waited for."""
        return frozenset(card.peer for card in self.all() if card.access(arena) is not Access.NONE)

    # -- decisions made here -------------------------------------------------------------------

    async def add(self, card: PeerCard) -> None:
        """A peer that is known by an invitation which was used here; adds to what is known of it."""
        if card.peer == self._identity.peer or peer_id(card.certificate) != card.peer:
            return

        def add(known: PeerCard | None) -> PeerCard:
            if known is None:
                return card
            admitted = max(card.admitted, known.admitted)
            if known.removed >= max(admitted, 1):
                admitted = self._edition(known)
            grants = merge_grants(card.grants, known.grants)
            return replace(card, grants=grants, admitted=admitted, removed=known.removed)

        await self._change(card.peer, add)

    async def admit(self, card: PeerCard, arenas: Iterable[ArenaId]) -> None:
        """Somebody has used an invitation of ours: it may do everything in those arenas, whatever
        was decided before."""

        def admit(known: PeerCard | None) -> PeerCard:
            if known is None and self._is_full():
                raise Misuse(f"A household has {limits.PEERS_MAX} peers at most.")
            edition = self._edition(known, card)
            grants = merge_grants(known.grants if known else (), full(arenas, edition))
            removed = known.removed if known else 0
            return replace(card, grants=grants, admitted=edition, removed=removed)

        await self._change(card.peer, admit)

    async def grant(self, peer: PeerId, arenas: Iterable[ArenaId], access: Access) -> None:
        """What a peer may do in some arenas from now on."""
        await self._change(
            peer,
            lambda card: card and membership.regranted(card, arenas, access, self._edition(card)),
        )

    async def remove(self, peer: PeerId) -> None:
        """A peer belongs to the household no more; only a new invitation brings it back."""
        await self._change(
            peer, lambda card: membership.removed(card, Removal(peer, self._edition(card)))
        )

    async def reached(self, addresses: Iterable[str]) -> None:
        """We are reached there from now on: where that is news, everybody hears of it."""
        self.addresses = tuple(addresses)[: limits.ADDRESSES_MAX]

        def moved(_known: PeerCard | None) -> PeerCard:
            card = self._itself()
            if card.addresses == self.addresses:
                return card
            return replace(card, addresses=self.addresses, addressed=self._edition(card))

        await self._change(self._identity.peer, moved)

    async def leave(self, arena: ArenaId) -> None:
        """We aren't in an arena any more, and nobody needs to wait for us."""
        self.arenas = tuple(one for one in self.arenas if one != arena)

        def leave(_known: PeerCard | None) -> PeerCard:
            card = self._itself()
            return membership.regranted(card, [arena], Access.NONE, self._edition(card))

        await self._change(self._identity.peer, leave)

    def _edition(self, *cards: PeerCard | None) -> int:
        known = [0]
        for card in cards:
            if card is not None:
                known += [card.admitted, card.removed, card.addressed]
                known += [one.edition for one in card.grants]
        return next_edition(self._clock.wall_ns(), *known)

    # -- what peers say ------------------------------------------------------------------------

    async def learn(
        self, teller: PeerId, cards: Iterable[PeerCard], removals: Iterable[Removal] = ()
    ) -> None:
        """What a connected peer says of the household."""
        trusted = self.get(teller)
        if trusted is None:
            return
        for card in cards:
            if peer_id(card.certificate) == card.peer:
                await self._learn_one(trusted, card)
        if membership.may_remove(trusted):
            for removal in removals:
                await self._learn_removal(trusted, removal)

    async def _learn_one(self, teller: PeerCard, card: PeerCard) -> None:
        def learn(known: PeerCard | None) -> PeerCard | None:
            if card.peer == self._identity.peer:
                return membership.own_grants(self._itself(), card, teller)
            learnt = membership.learnt(known, card, teller)
            if learnt is not None and (known is None or not known.certificate):
                if self._is_full():
                    return known
                log.info("%s introduced %s.", teller.name, card.name)
            return learnt

        await self._change(card.peer, learn)

    async def _learn_removal(self, teller: PeerCard, removal: Removal) -> None:
        if removal.peer in (self._identity.peer, teller.peer):
            return  # of ourselves we hear by being refused

        def learn(known: PeerCard | None) -> PeerCard:
            after = membership.removed(known, removal)
            if known is not None and known.is_member and not after.is_member:
                log.info("%s says that %s was removed.", teller.name, known.name)
            return after

        await self._change(removal.peer, learn)

    def _is_full(self) -> bool:
        return len(self.all()) >= limits.PEERS_MAX - 1  # with ours, what one message may bring

    async def _change(
        self, peer: PeerId, change: Callable[[PeerCard | None], PeerCard | None]
    ) -> None:
        """Replace what is known of a peer; committed on return. One at a time, as each is made of
        what is known by then: what one peer says and what a person says come at once."""
        async with self._changing:
            known = self._cards.get(peer)
            card = change(known)
            if card is None or card == known:
                return
            others = [one for one in self._cards.values() if one.peer != peer]
            forgotten = membership.surplus([*others, card], limits.REMOVED_MAX)
            await trio.to_thread.run_sync(self._write, card, forgotten)
            self._cards[peer] = card
            for one in forgotten:
                self._cards.pop(one, None)
            self.changed.ring()

    def _write(self, card: PeerCard, forgotten: Iterable[PeerId]) -> None:
        with self._env.write() as txn:
            self._stored.put(txn, card)
            for peer in forgotten:
                self._stored.delete(txn, peer)
