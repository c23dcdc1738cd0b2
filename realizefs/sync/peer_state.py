"""A peer as commands show it."""

from dataclasses import dataclass, field

from realizefs.model.entries import PeerCard
from realizefs.model.ids import PeerId
from realizefs.sync.acquaintances import Acquaintance
from realizefs.sync.link import Link


@dataclass(frozen=True, slots=True)
class PeerState:
    """`ahead_ns`: how far its clock is ahead of ours, nanoseconds; None where that isn't known.
    `met`: since when, and what went to and fro. `links`: the names of the other peers that it says it
    is connected to; None where it doesn't say."""

    peer: PeerId
    name: str
    connected: bool
    addresses: tuple[str, ...]
    ahead_ns: int | None = None
    met: Acquaintance = field(default_factory=Acquaintance)
    links: tuple[str, ...] | None = None


def peer_state(
    card: PeerCard, link: Link | None, met: Acquaintance, links: tuple[str, ...] | None
) -> PeerState:
    """By its card, and its link if it is connected."""
    ahead_ns = None if link is None else link.ahead_ns
    return PeerState(card.peer, card.name, link is not None, card.addresses, ahead_ns, met, links)
