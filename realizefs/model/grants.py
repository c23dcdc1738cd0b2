"""What a peer may do in an arena, as somebody in the household decided, and which decision counts.

Decisions travel from peer to peer like everything else, so each carries an `edition`: the later
one counts, whatever the order in which they arrive. Editions are wall-clock nanoseconds, but always
above what was known when deciding (Kulkarni et al. 2014, hybrid logical clocks): a clock that is
years off doesn't undo what was decided knowingly.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from realizefs.model.ids import ArenaId
from realizefs.model.versions import COUNTER_MAX


class Access(IntEnum):
    """The numbers are those on disk and on the wire; the smaller is the stricter."""

    NONE = 0
    """for this peer the arena doesn't exist"""
    READ = 1
    """it hears of everything and reads it; what it says of changes isn't believed"""
    WRITE = 2


@dataclass(frozen=True, slots=True)
class Grant:
    """What a peer may do in one arena, as of `edition`."""

    arena: ArenaId
    access: Access = Access.WRITE
    edition: int = 0


Grants = tuple[Grant, ...]
"""At most one for each arena, in the order of their ids."""


def full(arenas: Iterable[ArenaId], edition: int = 0) -> Grants:
    """Everything in these arenas; with edition 0 whatever anybody decided counts more."""
    return tuple(Grant(arena, Access.WRITE, edition) for arena in sorted(set(arenas)))


def merge_grants(a: Iterable[Grant], b: Iterable[Grant]) -> Grants:
    """The later decision for each arena; of two made apart with one edition the stricter."""
    best: dict[ArenaId, Grant] = {}
    for grant in (*a, *b):
        known = best.get(grant.arena)
        if known is None or _rank(grant) > _rank(known):
            best[grant.arena] = grant
    return tuple(best[arena] for arena in sorted(best))


def _rank(grant: Grant) -> tuple[int, int]:
    return grant.edition, -grant.access


def next_edition(now_ns: int, *known: int) -> int:
    """That of a decision made now by somebody who knows of those. A hostile peer may have said the
    largest number already: then the stricter decision counts for ever."""
    return min(max(now_ns, 1, *(edition + 1 for edition in known)), COUNTER_MAX)
