"""Since when peers are connected, when they last were, and what went to and fro: since the start."""

from dataclasses import dataclass, field

from realizefs.model.ids import PeerId
from realizefs.model.ports import Clock
from realizefs.net.channel import WireCounters


@dataclass(slots=True)
class Acquaintance:
    """Of one peer; times in wall-clock nanoseconds. `since_ns` None: it isn't connected; `seen_ns` None:
    it wasn't since the daemon started."""

    wire: WireCounters = field(default_factory=WireCounters)
    since_ns: int | None = None
    seen_ns: int | None = None


class Acquaintances:
    """By peer: who got through was of the roster, so there are no more than it ever had. Trio thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: dict[PeerId, Acquaintance] = {}

    def of(self, peer: PeerId) -> Acquaintance:
        """What is known of a peer."""
        return self._known.setdefault(peer, Acquaintance())

    def opened(self, peer: PeerId) -> None:
        """It is connected, perhaps by another link than a moment ago."""
        one = self.of(peer)
        one.since_ns = one.since_ns or self._clock.wall_ns()

    def closed(self, peer: PeerId) -> None:
        """It is no longer connected."""
        one = self.of(peer)
        one.since_ns, one.seen_ns = None, self._clock.wall_ns()
