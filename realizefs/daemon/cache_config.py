"""What the configuration says about a cache, and what holds where it says nothing."""

from dataclasses import dataclass

from realizefs.model.cache_limits import Amount, CacheLimits
from realizefs.model.limits import (
    CACHE_BYTES_DEFAULT,
    CACHE_LEAVE_BYTES_DEFAULT,
    CACHE_LEAVE_PERCENT_DEFAULT,
    CACHE_PERCENT_DEFAULT,
)


@dataclass(frozen=True, slots=True)
class CacheConfig:
    """`cache = { max, leave }` of an arena; None: the default for its disk."""

    max: Amount | None = None
    leave: Amount | None = None

    def limits(self, disk_bytes: int) -> CacheLimits:
        """What holds on a disk of that size."""
        return CacheLimits(
            self.max or _smaller(disk_bytes, CACHE_BYTES_DEFAULT, CACHE_PERCENT_DEFAULT),
            self.leave
            or _smaller(disk_bytes, CACHE_LEAVE_BYTES_DEFAULT, CACHE_LEAVE_PERCENT_DEFAULT),
        )


def _smaller(disk_bytes: int, size: int, percent: int) -> Amount:
    return Amount(min(size, disk_bytes * percent // 100))
