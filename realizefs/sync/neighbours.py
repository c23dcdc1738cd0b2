"""Who is on this network just now, as machines announce it (see core.neighbour).

Remembered are peers, and, apart from these, machines that are open for pairing: the latest NEIGHBOURS_MAX
of each. Where a neighbour says it is nobody need believe: who is dialled there and hasn't the peer's
key is told nothing.
"""

from collections.abc import Callable
from itertools import chain

from realizefs.core.neighbour import Neighbour
from realizefs.model.lan_limits import NEIGHBOUR_ADDRESSES_MAX, NEIGHBOURS_MAX
from realizefs.sync.bell import Bell


class Neighbours:
    """`own` is this machine's certificate; `found` is called when a peer is announced."""

    def __init__(self, own: bytes, found: Callable[[], None] = lambda: None) -> None:
        self._own = own
        self._found = found
        self._certificates: tuple[bytes, ...] = ()
        self._peers: dict[str, Neighbour] = {}
        self._strangers: dict[str, Neighbour] = {}
        self.changed = Bell()

    def know(self, certificates: tuple[bytes, ...]) -> None:
        """The peers from now on are those with these certificates."""
        self._certificates = certificates

    def wanted(self, neighbour: Neighbour) -> bool:
        """From any thread: the certificates are replaced, never changed."""
        return bool(neighbour.name) or self._is_peer(neighbour)

    def heard(self, name: str, neighbour: Neighbour | None) -> None:
        """What is announced under a name, or that nothing is any more."""
        self._peers.pop(name, None)
        self._strangers.pop(name, None)
        if neighbour is not None:
            is_peer = self._is_peer(neighbour)
            known = self._peers if is_peer else self._strangers
            known[name] = neighbour  # as the latest
            if len(known) > NEIGHBOURS_MAX:
                del known[next(iter(known))]
            if is_peer:
                self._found()
        self.changed.ring()

    def _is_peer(self, neighbour: Neighbour) -> bool:
        return any(map(neighbour.is_of, self._certificates))

    def forget(self) -> None:
        """This machine comes to another network."""
        self._peers.clear()
        self._strangers.clear()

    def addresses_of(self, certificate: bytes) -> list[str]:
        """Where the peer with this certificate is said to be, the latest word first."""
        latest_first = chain(reversed(self._peers.values()), reversed(self._strangers.values()))
        found = (
            address
            for neighbour in latest_first
            if neighbour.is_of(certificate)
            for address in neighbour.addresses
        )
        return list(dict.fromkeys(found))[:NEIGHBOUR_ADDRESSES_MAX]

    def open(self) -> list[Neighbour]:
        """Those that are open for pairing and aren't this machine, by name."""
        heard = chain(self._peers.values(), self._strangers.values())
        found = (one for one in heard if one.name and not one.is_of(self._own))
        return sorted(found, key=lambda one: (one.name, one.addresses))
