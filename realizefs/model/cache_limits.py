"""How large a cache may grow: an upper bound, and what it leaves free of its disk."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Amount:
    """Bytes, or with `percent` so many hundredths of a disk."""

    value: float
    percent: bool = False

    def of(self, disk_bytes: int) -> int:
        """Bytes on a disk of that size."""
        return int(disk_bytes * self.value / 100) if self.percent else int(self.value)


@dataclass(frozen=True, slots=True)
class CacheLimits:
    """`max`: what the cache takes at most. `leave`: what it leaves free for everybody else.

    `leave` binds what is marked `keep`, too; `max` doesn't.
    """

    max: Amount
    leave: Amount = Amount(0)

    def allowed(self, disk: "Disk", used: int) -> int:
        """Bytes that a cache of `used` bytes may take at this moment."""
        return max(0, min(self.max.of(disk.total), self.allowed_kept(disk, used)))

    def allowed_kept(self, disk: "Disk", used: int) -> int:
        """The same if all of it is kept: what is left free is, what `max` says doesn't matter."""
        return max(0, used + disk.free - self.leave.of(disk.total))


@dataclass(frozen=True, slots=True)
class Disk:
    """Bytes of a disk, and those of them that its user may still fill, at some moment."""

    total: int
    free: int
