"""When a peer is told what has been seen here (see `core.causal`)."""

from math import inf

from realizefs.model.versions import Vector

SEEN_SECONDS = 10.0
"""Seconds between what is said of it: while somebody changes something, all members have seen more all
the time, and nobody waits to hear it."""


class ToldSeen:
    """Of one link: what was told last when all else was told, too; the other side counts on that."""

    def __init__(self) -> None:
        self._told: tuple[Vector, bool] | None = None
        self._forgotten = -1
        self._at = -inf
        self._is_due = True
        self._is_settled = False

    def is_to_tell(
        self, seen: Vector, now: float, *, forgotten: int, is_all: bool, is_settled: bool
    ) -> bool:
        """Whether to tell it now, which counts as told then. At once where it is the first that is told
        since something was `forgotten`, so that nothing after it is misunderstood; else where it
        `is_all` that there is to tell, now and then."""
        self._is_due, self._is_settled = (seen, is_settled) != self._told, is_settled
        is_time = is_all and self._is_due and now >= self._at + SEEN_SECONDS
        if forgotten == self._forgotten and not is_time:
            return False
        self._forgotten = forgotten
        if is_all:
            self._told, self._at, self._is_due = (seen, is_settled), now, False
        return True

    def due(self, now: float) -> float:
        """Seconds until it is worth asking again: where not all is decided yet nobody rings once it is."""
        if self._is_due:
            return max(self._at + SEEN_SECONDS - now, 0.0)
        return inf if self._is_settled else SEEN_SECONDS
