"""The connected peers that share one arena, as its readers see them."""

from collections.abc import Callable

from realizefs.core.striping import rank
from realizefs.model.entries import Holder
from realizefs.model.errors import Unreachable
from realizefs.model.ids import Digest, Inode, PeerId, is_by
from realizefs.store.arena import ArenaStore
from realizefs.sync.bell import Bell
from realizefs.sync.distrust import Distrust
from realizefs.sync.link import Link


class Links:
    """Which peers can be asked now; `changed` rings when one comes or goes, or is given up,
    `arrived` when one comes. `expected` tells whether one may be connected in a moment."""

    def __init__(self) -> None:
        self._links: dict[PeerId, Link] = {}
        self.names: dict[PeerId, str] = {}
        self.distrust = Distrust()
        self.changed = Bell()
        self.arrived = Bell()
        self.expected: Callable[[PeerId], bool] = lambda peer: False

    def add(self, link: Link) -> None:
        """A peer that shares this arena is connected."""
        self._links[link.peer] = link
        self.names[link.peer] = link.name
        self.changed.ring()
        self.arrived.ring()

    def remove(self, link: Link) -> None:
        """That connection ended; a newer one of the same peer stays."""
        if self._links.get(link.peer) is link:
            del self._links[link.peer]
            self.changed.ring()

    def get(self, peer: PeerId) -> Link:
        """The link to a peer; raises Unreachable."""
        link = self._links.get(peer)
        if link is None:
            raise Unreachable(f"{self.name(peer)} is not connected.")
        return link

    def name(self, peer: PeerId) -> str:
        """A peer's name, by its id or as an author, or its number where no name is known."""
        known = (name for one, name in self.names.items() if is_by(peer, one))
        return self.names.get(peer) or next(known, f"peer {peer:016x}")

    @property
    def any_connected(self) -> bool:
        """Whether there is anybody to ask."""
        return bool(self._links)

    def all_connected(self) -> frozenset[PeerId]:
        """Those that can be asked now."""
        return frozenset(self._links)

    def connected(self, peer: PeerId) -> bool:
        """Whether a peer can be asked now."""
        return peer in self._links

    def holding(self, store: ArenaStore, ino: Inode, digest: Digest) -> list[Link]:
        """Connected holders of a content, the one first that is likely to answer first."""
        found = [
            self._links[holder.peer]
            for holder in holders_of(store, ino, digest)
            if holder.peer in self._links
        ]
        best = max((link.rate for link in found), default=0.0)
        return sorted(
            found,
            key=lambda link: rank(
                link.busy, link.rate, best, distrusted=link.peer in self.distrust
            ),
        )

    def holder_names(self, store: ArenaStore, ino: Inode, digest: Digest) -> list[str]:
        """Names of all known holders of a content, connected or not."""
        return [self.name(holder.peer) for holder in holders_of(store, ino, digest)]


def holders_of(store: ArenaStore, ino: Inode, digest: Digest) -> list[Holder]:
    """Who said that it holds this content at this path."""
    with store.env.read() as txn:
        return store.holders.having(txn, ino, digest)
