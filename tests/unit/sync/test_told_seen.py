"""When a peer is told what has been seen here."""

from math import inf

from realizefs.model.ids import PeerId
from realizefs.model.versions import Vector, vector_of
from realizefs.sync.told_seen import SEEN_SECONDS, ToldSeen

SEEN = vector_of({PeerId(1): 1})
MORE = vector_of({PeerId(1): 2})


def is_to_tell(told: ToldSeen, now: float, seen: Vector, *, is_settled: bool) -> bool:
    return told.is_to_tell(seen, now, forgotten=0, is_all=True, is_settled=is_settled)


def test_at_first_and_then_now_and_then() -> None:
    told = ToldSeen()
    assert is_to_tell(told, 0.0, SEEN, is_settled=True)
    assert told.due(0.0) == inf
    assert not is_to_tell(told, 1.0, MORE, is_settled=True)
    assert told.due(1.0) == SEEN_SECONDS - 1.0
    assert is_to_tell(told, SEEN_SECONDS, MORE, is_settled=True)
    assert told.due(SEEN_SECONDS) == inf


def test_that_all_is_decided_is_told_though_nothing_else_is() -> None:
    """Nobody rings then: what was deleted was remembered until the next change, or link."""
    told = ToldSeen()
    assert is_to_tell(told, 0.0, SEEN, is_settled=False)
    assert told.due(0.0) == SEEN_SECONDS
    assert not is_to_tell(told, SEEN_SECONDS, SEEN, is_settled=False)
    assert told.due(SEEN_SECONDS) == SEEN_SECONDS
    assert is_to_tell(told, 2 * SEEN_SECONDS, SEEN, is_settled=True)
    assert told.due(2 * SEEN_SECONDS) == inf
