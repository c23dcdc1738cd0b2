"""Making room in the cache: before each write, and in the background where the bound has moved.

The bound moves when the limits change, and when other programs fill the disk (`leave`).
"""

from realizefs.model.ids import BlobId
from realizefs.store.blob import GROWTH_SLACK_BLOCKS
from realizefs.store.env import Environment
from realizefs.store.eviction import Evictor, MayDrop
from realizefs.store.queues import BlobRows
from realizefs.store.space import Reservation, Space
from realizefs.store.txn import Txn

RESERVE_TRIES_MAX = 8
"""Evictions for one reservation, while others take what it frees; then it goes without."""

_EVICT_AHEAD = 64
"""An eviction frees a 64th of what is allowed more than asked, so that not every write evicts."""


class Room:
    """The room of one store's `Blobs`. Thread-safe; may block."""

    def __init__(
        self, env: Environment, rows: BlobRows, space: Space, evictor: Evictor, block: int
    ) -> None:
        self._env = env
        self._rows = rows
        self._space = space
        self._evictor = evictor
        self._block = block
        self._in_vain: tuple[int, int] | None = None

    def reserve(
        self, need: int, may_drop: MayDrop, *, bound: bool, filling: BlobId | None
    ) -> Reservation | None:
        """Room for one write of `need` bytes; see `Blobs.reserve`."""
        block = self._block
        amount = (-(-need // block) + 1 + GROWTH_SLACK_BLOCKS) * block
        for _ in range(RESERVE_TRIES_MAX):
            allowed = self._space.allowed
            if amount > allowed:
                break  # evicting everything would not do
            lacking = self._space.reserve(amount)
            if lacking == 0:
                return Reservation(self._space, amount)
            ahead = allowed // _EVICT_AHEAD
            if self._evictor.evict(lacking + ahead, may_drop, filling) == 0:
                break
        if bound:
            return None
        return self._reserve_kept(amount, may_drop)

    def _reserve_kept(self, amount: int, may_drop: MayDrop) -> Reservation | None:
        """What is kept pushes out all else that may go, and then exceeds `max`, but not `leave`."""
        over = self._space.over + amount
        if over > 0:
            self._evictor.evict(over, may_drop)
        if self._space.reserve(amount, bound=False):
            return None
        return Reservation(self._space, amount)

    def shrink(self, may_drop: MayDrop) -> int:
        """Evict until the bound holds, or nothing more can go; bytes that are still too many."""
        over = self._space.over
        state = (self._space.used, self._space.allowed)
        if over > 0 and state != self._in_vain:
            self._evictor.evict(over, may_drop)
            over = self._space.over
            self._in_vain = (self._space.used, self._space.allowed) if over > 0 else None
        return max(over, 0)

    def excess(self, txn: Txn) -> int:
        """Bytes by which kept blobs alone exceed what is allowed."""
        return max(0, self._rows.kept(txn) - self._space.allowed)
