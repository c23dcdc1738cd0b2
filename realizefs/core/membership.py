"""Who belongs to the household, and what to believe of what peers say about that (DESIGN 5.3, R7).

A peer is believed about others in the arenas in which it may change things, and nowhere else: who
only reads can't introduce, promote or remove anybody. Of itself a peer knows best what it is called
and where it is reached, and it may leave an arena; what it may do is for others to say. Where it is
reached others pass on with the edition that it gave that, and the latest counts: whoever is dialled
there in vain is another one, and is told nothing. All this is
a join of the latest decisions (`model.grants`), so the order and repetition of news don't matter,
and an old word doesn't bring back who was removed.
"""

from collections.abc import Iterable
from dataclasses import replace

from realizefs.model.entries import PeerCard, Removal
from realizefs.model.grants import Access, Grant, merge_grants, next_edition
from realizefs.model.ids import ArenaId, PeerId
from realizefs.model.limits import ADDRESSES_MAX


def learnt(known: PeerCard | None, said: PeerCard, teller: PeerCard) -> PeerCard | None:
    """What is known of a peer once `teller`, a member, has said `said` of it; None: nothing."""
    if said.peer == teller.peer:
        return None if known is None else _of_itself(known, said)
    heard = tuple(grant for grant in said.grants if _writes(teller, grant.arena))
    if not heard:
        return known
    if known is None or not known.certificate:
        before = known or PeerCard(said.peer, "", b"")
        known = replace(said, grants=(), admitted=0, removed=before.removed)
    is_later = said.addressed > known.addressed or not known.addresses
    where = said if said.addresses and is_later else known
    return replace(
        known,
        addresses=where.addresses[:ADDRESSES_MAX],
        addressed=where.addressed,
        grants=merge_grants(known.grants, heard),
        admitted=max(known.admitted, said.admitted),
    )


def _of_itself(known: PeerCard, said: PeerCard) -> PeerCard:
    left = (grant for grant in said.grants if grant.access is Access.NONE)
    return replace(
        known,
        name=said.name,
        addresses=said.addresses[:ADDRESSES_MAX],
        addressed=said.addressed,
        grants=merge_grants(known.grants, left),
    )


def own_grants(known: PeerCard, said: PeerCard, teller: PeerCard) -> PeerCard:
    """What this machine itself may do, once `teller` has said so. Where others have later word of
    where it is than it ever gave, from before a backup was restored, its own becomes the latest."""
    heard = (grant for grant in said.grants if _writes(teller, grant.arena))
    addressed = known.addressed
    if said.addressed > addressed:
        addressed = next_edition(0, said.addressed)
    return replace(known, grants=merge_grants(known.grants, heard), addressed=addressed)


def may_remove(teller: PeerCard) -> bool:
    """Whether a member is believed when it says that others were removed."""
    return teller.is_member and any(_writes(teller, arena) for arena in teller.arenas)


def removed(known: PeerCard | None, removal: Removal) -> PeerCard:
    """A peer after a removal, of whatever time, is heard of."""
    before = known or PeerCard(removal.peer, "", b"")
    return replace(before, removed=max(before.removed, removal.edition))


def surplus(cards: Iterable[PeerCard], most: int) -> list[PeerId]:
    """Whose removal is forgotten where more than `most` are remembered: first of those that never
    were known here, then the oldest."""
    gone = sorted(
        (card for card in cards if not card.is_member and card.removed),
        key=lambda card: (bool(card.certificate), card.removed),
    )
    return [card.peer for card in gone[: max(len(gone) - most, 0)]]


def visible(card: PeerCard, arenas: frozenset[ArenaId]) -> PeerCard:
    """A card as somebody hears it who is in `arenas`: of other arenas not even that they exist."""
    return replace(card, grants=tuple(grant for grant in card.grants if grant.arena in arenas))


def regranted(card: PeerCard, arenas: Iterable[ArenaId], access: Access, edition: int) -> PeerCard:
    """A card after it was decided what it may do in some arenas."""
    return replace(
        card,
        grants=merge_grants(card.grants, (Grant(arena, access, edition) for arena in arenas)),
    )


def _writes(teller: PeerCard, arena: ArenaId) -> bool:
    return teller.access(arena) is Access.WRITE
