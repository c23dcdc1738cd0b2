"""What a mark would do to a file: the decision table asked beforehand."""

from dataclasses import replace
from enum import StrEnum

from realizefs.core.decide import Situation, decide
from realizefs.model.decisions import Action
from realizefs.model.marks import Mark
from realizefs.model.versions import Kind


class Outcome(StrEnum):
    """What becomes of a file; the values are those that commands answer."""

    REAL_FETCHED = "real_fetched"
    """it is fetched, and becomes a plain file"""
    REAL_HERE = "real_here"
    """its bytes are here, and become a plain file"""
    CACHED = "cached"
    """it is fetched into the cache"""
    LEAVES = "leaves"
    """its plain file goes to the cache, since others own it, or to the trash, being outdated"""
    STAYS = "stays"
    """its plain file stays, since not enough others own it"""
    LOOSENED = "loosened"
    """it stays in the cache, and may have to make room from now on"""
    NOTHING = "nothing"


def foresee(at: Situation, mark: Mark, *, is_kept: bool) -> Outcome:
    """What happens once `mark` is in force; `is_kept`: the cache mustn't drop it now."""
    marked = replace(at, mark=mark)
    match decide(marked):
        case Action.REALIZE:
            return Outcome.REAL_HERE if _is_here(marked) else Outcome.REAL_FETCHED
        case Action.UPDATE_CACHE:
            return Outcome.CACHED
        case Action.UNREALIZE:
            return Outcome.LEAVES
    if mark is not Mark.OWN and at.real is not None and at.current.kind is Kind.FILE:
        return Outcome.STAYS
    return Outcome.LOOSENED if mark is Mark.WATCH and is_kept else Outcome.NOTHING


def _is_here(at: Situation) -> bool:
    digest = at.current.hash
    cached = at.blob is not None and at.blob.complete and at.blob.hash == digest
    return cached or (at.real is not None and at.real.hash == digest)
