"""The decision table, a test per row (DESIGN 5.4)."""

from dataclasses import replace

import pytest

from realizefs.core.decide import Situation, decide
from realizefs.core.merge import deleted
from realizefs.model.decisions import Action, LocalBlob
from realizefs.model.entries import Fingerprint, RealRow
from realizefs.model.ids import Digest, PeerId
from realizefs.model.marks import Mark
from realizefs.model.versions import Dot, Kind, Version, vector_of

HASH, OLD = Digest(b"n" * 32), Digest(b"o" * 32)
CURRENT = Version(Kind.FILE, hash=HASH, size=5, vector=vector_of({PeerId(1): 2}))
STAT = Fingerprint(1, 2, 5, 0, 0, 0o100644)
REAL = RealRow(STAT, HASH, CURRENT.vector)
OUTDATED = RealRow(STAT, OLD, vector_of({PeerId(1): 1}))
COMPLETE = LocalBlob(HASH, complete=True)


def at(mark: Mark, **facts: object) -> Situation:
    base = Situation(mark=mark, current=CURRENT, real=None, blob=None, owners=0)
    return replace(base, **facts)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("situation", "action"),
    [
        (at(Mark.OWN), Action.REALIZE),
        (at(Mark.OWN, blob=COMPLETE), Action.REALIZE),
        (at(Mark.OWN, real=OUTDATED), Action.REALIZE),
        (at(Mark.OWN, real=REAL), None),
        (at(Mark.OWN, real=REAL, owners=3), None),
        (at(Mark.OWN, real=replace(REAL, vector=OUTDATED.vector)), Action.REALIZE),
        (at(Mark.KEEP), Action.UPDATE_CACHE),
        (at(Mark.KEEP, blob=LocalBlob(HASH, complete=False)), Action.UPDATE_CACHE),
        (at(Mark.KEEP, blob=LocalBlob(OLD, complete=True)), Action.UPDATE_CACHE),
        (at(Mark.KEEP, blob=COMPLETE), None),
        (at(Mark.KEEP, real=REAL, owners=1), Action.UNREALIZE),
        (at(Mark.KEEP, real=REAL), None),
        (at(Mark.WATCH, real=REAL, owners=1), Action.UNREALIZE),
        (at(Mark.WATCH, real=REAL), None),
        (at(Mark.WATCH, real=REAL, owners=1, min_copies=2), None),
        (at(Mark.WATCH, real=OUTDATED, owners=1), Action.UNREALIZE),
        (at(Mark.WATCH, real=OUTDATED), None),
        (at(Mark.WATCH), None),
    ],
)
def test_decision_table(situation: Situation, action: Action | None) -> None:
    assert decide(situation) is action


@pytest.mark.parametrize("mark", list(Mark))
def test_a_remote_delete_takes_the_real_file_away_whatever_the_mark(mark: Mark) -> None:
    gone = deleted(CURRENT, Dot(PeerId(2), 1), now_ns=1)
    assert decide(at(mark, current=gone, real=REAL)) is Action.UNREALIZE
    assert decide(at(mark, current=gone)) is None


def test_a_real_directory_stays_when_it_is_no_longer_owned() -> None:
    directory = Version(Kind.DIRECTORY, mode=0o755, vector=CURRENT.vector)
    real = RealRow(STAT, Digest(b""), directory.vector)
    assert decide(at(Mark.WATCH, current=directory, real=real, owners=2)) is None
    assert decide(at(Mark.OWN, current=directory)) is Action.REALIZE


def test_nothing_is_done_for_a_directory_whose_own_row_has_not_come() -> None:
    assert decide(at(Mark.OWN, current=Version(Kind.DIRECTORY))) is None
