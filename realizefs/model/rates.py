"""How many bytes a second may go each way: for all peers together, and for single ones."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class RateLimit:
    """Bytes per second from others (`down`) and to others (`up`); None: as fast as it goes."""

    down: int | None = None
    up: int | None = None


UNLIMITED = RateLimit()


@dataclass(frozen=True, slots=True)
class RateLimits:
    """`total` for all peers together, `peers` by their names; both hold."""

    total: RateLimit = UNLIMITED
    peers: Mapping[str, RateLimit] = field(default_factory=lambda: MappingProxyType({}))
