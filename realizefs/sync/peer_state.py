"""A peer as commands show it."""

from dataclasses import dataclass

from realizefs.model.entries import PeerCard
from realizefs.model.ids import PeerId
from realizefs.sync.link import Link


@dataclass(frozen=True, slots=True)
class PeerState:
    """`ahead_ns`: how far its clock is ahead of ours, nanoseconds; None where that isn't known."""

    peer: PeerId
    name: str
    connected: bool
    addresses: tuple[str, ...]
    ahead_ns: int | None = None


def peer_state(card: PeerCard, link: Link | None) -> PeerState:
    """By its card, and its link if it is connected."""
    ahead_ns = None if link is None else link.ahead_ns
    return PeerState(card.peer, card.name, link is not None, card.addresses, ahead_ns)
