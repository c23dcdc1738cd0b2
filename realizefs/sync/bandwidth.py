"""The rates that the links are held to: all together, and each peer's own.

A link counts in two buckets each way. They stay when limits change, so what is set holds for bytes
that are on their way, too.
"""

from dataclasses import dataclass, field

from realizefs.core.throttle import Bucket
from realizefs.model.rates import UNLIMITED, RateLimit, RateLimits
from realizefs.net.channel import Channel
from realizefs.net.throttle import Throttle


@dataclass(frozen=True, slots=True)
class _Buckets:
    down: Bucket = field(default_factory=Bucket)
    up: Bucket = field(default_factory=Bucket)

    def set(self, limit: RateLimit) -> None:
        self.down.rate, self.up.rate = limit.down, limit.up


class Bandwidth:
    """The limits of one machine. Bounded by the names in the roster and the configuration."""

    def __init__(self) -> None:
        self._total = _Buckets()
        self._peers: dict[str, _Buckets] = {}

    def set(self, limits: RateLimits) -> None:
        """From now on these hold."""
        self._total.set(limits.total)
        for name in {*self._peers, *limits.peers}:
            self._of(name).set(limits.peers.get(name, UNLIMITED))

    def hold(self, channel: Channel, name: str) -> None:
        """Hold a connection with the peer of that name to them."""
        peer = self._of(name)
        channel.throttle(
            down=Throttle((self._total.down, peer.down)), up=Throttle((self._total.up, peer.up))
        )

    def _of(self, name: str) -> _Buckets:
        return self._peers.setdefault(name, _Buckets())
