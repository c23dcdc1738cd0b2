"""Positions in the history of an arena: each change has the next one.

A database that came back from a backup gives positions anew which peers have heard of before the
loss, and what they name then is another change. So every process that changes anything leaves a gap
of a random width before its first one. Whoever says to have heard up to a place in a gap has heard
of changes that aren't in this database. What was lost had a gap of its own, of another width, so that
position may also be one that was given out since: if so few as a thousand were, by a chance of
one in 8,000 for each process.
"""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from struct import Struct

from realizefs.model.ids import Seq
from realizefs.store.schema import META
from realizefs.store.txn import Txn

GAP_MIN = 1 << 24
"""Positions that a gap leaves out at least, and half of those at most: there are 2**64."""

GAPS_MAX = 256
"""Gaps that are remembered: the latest ones. A backup from before so many starts isn't noticed by
its positions."""

STARTS_LOST_MAX = 64
"""Processes that changed something between the backup and the loss: those of a month or two."""

_SEQ, _GAPS = b"seq", b"gaps"
_GAP = Struct(">QQ")
"""The last position before it, the first one behind it, which no change has."""


@dataclass(frozen=True, slots=True)
class Gaps:
    """Where no change is: between the pairs, and behind the last one."""

    last: Seq
    between: tuple[tuple[int, int], ...]

    def has(self, seq: int) -> bool:
        """Whether no change of this database ever had this position."""
        return seq > self.last or any(before < seq < behind for before, behind in self.between)


class Positions:
    """Of one history; made by each process anew."""

    def __init__(self) -> None:
        self._began = False

    def last(self, txn: Txn) -> Seq:
        """That of the latest change; 0 before the first."""
        return Seq(txn.counter(META, _SEQ))

    def next(self, txn: Txn) -> Seq:
        """That of one more change."""
        self._begin(txn)
        return Seq(txn.count_up(META, _SEQ))

    def upcoming(self, txn: Txn) -> Seq:
        """What `next` will return at the next change."""
        self._begin(txn)
        return Seq(self.last(txn) + 1)

    def is_unknown(self, txn: Txn, seq: Seq) -> bool:
        """Whether no change of this database ever had this position."""
        return self.gaps(txn).has(seq)

    def gaps(self, txn: Txn) -> "Gaps":
        """For many questions whether a position is unknown."""
        return Gaps(self.last(txn), tuple(self._gaps(txn)))

    def since(self, txn: Txn, unknown: Seq) -> Seq | None:
        """A position from which on everything was changed that may have been after the backup,
        `unknown` being one that was given out after it, too. None if nothing was.

        Some of what was changed before it is counted in: as much as STARTS_LOST_MAX processes did.
        """
        first = unknown - STARTS_LOST_MAX * GAP_MIN
        found = (Seq(behind) for before, behind in self._gaps(txn) if first <= before < unknown)
        return next(found, None)

    def _gaps(self, txn: Txn) -> Iterator[tuple[int, int]]:
        return _GAP.iter_unpack(txn.get(META, _GAPS) or b"")

    def _begin(self, txn: Txn) -> None:
        """Leave a gap where this process hasn't yet."""
        if self._began:
            return
        self._began = True
        txn.if_abandoned(self._not_begun)
        before = self.last(txn)
        if not before:  # nothing has been told yet: a backup of this says nothing
            return
        behind = txn.count_up(META, _SEQ, GAP_MIN + secrets.randbelow(GAP_MIN // 2))
        gaps = (txn.get(META, _GAPS) or b"") + _GAP.pack(before, behind)
        txn.put(META, _GAPS, gaps[-GAPS_MAX * _GAP.size :])

    def _not_begun(self) -> None:
        self._began = False
