"""Who is on this network just now, as machines announce it (see core.neighbour).

Of all of them the latest NEIGHBOURS_MAX are remembered; which peers they are is computed when it is
asked, so one that joins later is known, too. Where a neighbour says it is nobody need believe: who is
dialled there and hasn't the peer's key is told nothing.
"""

from collections.abc import Callable

from realizefs.core.neighbour import Neighbour
from realizefs.model.lan_limits import NEIGHBOUR_ADDRESSES_MAX, NEIGHBOURS_MAX
from realizefs.sync.bell import Bell
from realizefs.sync.roster import Roster


class Neighbours:
    """`found` is called when a peer of the roster is announced."""

    def __init__(self, roster: Roster, found: Callable[[], None]) -> None:
        self._roster = roster
        self._found = found
        self._heard: dict[str, Neighbour] = {}
        self.changed = Bell()

    def heard(self, name: str, neighbour: Neighbour | None) -> None:
        """What is announced under a name, or that nothing is any more."""
        self._heard.pop(name, None)
        if neighbour is not None:
            self._heard[name] = neighbour  # as the latest
            while len(self._heard) > NEIGHBOURS_MAX:
                del self._heard[next(iter(self._heard))]
            if any(neighbour.is_of(card.certificate) for card in self._roster.all()):
                self._found()
        self.changed.ring()

    def forget(self) -> None:
        """This machine comes to another network."""
        self._heard.clear()

    def addresses_of(self, certificate: bytes) -> list[str]:
        """Where the peer with this certificate is said to be, the latest word first."""
        latest_first = reversed(self._heard.values())
        found = (
            address
            for neighbour in latest_first
            if neighbour.is_of(certificate)
            for address in neighbour.addresses
        )
        return list(dict.fromkeys(found))[:NEIGHBOUR_ADDRESSES_MAX]

    def open(self) -> list[Neighbour]:
        """Those that are open for pairing and aren't this machine, by name."""
        own = self._roster.own().certificate
        found = (one for one in self._heard.values() if one.name and not one.is_of(own))
        return sorted(found, key=lambda one: (one.name, one.addresses))
