"""Which peers may be connected in a moment, so that a reader waits for them a little.

A peer is expected from the start, and again when a connection with it has ended, until dialling it
has failed: then it is out of reach, and readers hear so at once, until it is connected again. One
that has come as far as its Hello is expected whatever came before.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from realizefs.model.ids import PeerId


class Expected:
    """What is known of the peers that aren't connected."""

    def __init__(self) -> None:
        self._out_of_reach: set[PeerId] = set()
        self._meeting: set[tuple[PeerId, object]] = set()

    def __contains__(self, peer: PeerId) -> bool:
        return peer not in self._out_of_reach or any(peer == one for one, _ in self._meeting)

    @contextmanager
    def meeting(self, peer: PeerId, connection: object) -> Iterator[None]:
        """While a connection runs: until it has `met`, it is yet to be said who they are and what
        they share. One that ends before that was of no use."""
        one = (peer, connection)
        self._meeting.add(one)
        try:
            yield
        finally:
            if one in self._meeting:
                self._meeting.discard(one)
                self._out_of_reach.add(peer)

    def met(self, peer: PeerId, connection: object) -> None:
        """Both sides have said so."""
        self._meeting.discard((peer, connection))

    def ended(self, peer: PeerId) -> None:
        """A connection that was in use ended."""
        self._out_of_reach.discard(peer)

    def failed(self, peer: PeerId) -> None:
        """Dialling it has failed."""
        self._out_of_reach.add(peer)
