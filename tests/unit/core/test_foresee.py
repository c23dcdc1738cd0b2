"""The decision table asked beforehand, a row each."""

import pytest

from realizefs.core.decide import Situation
from realizefs.core.foresee import Outcome, foresee
from realizefs.model.decisions import LocalBlob
from realizefs.model.entries import Fingerprint, RealRow
from realizefs.model.ids import AuthorId, Digest
from realizefs.model.marks import Mark
from realizefs.model.versions import Kind, Version

HASH, OLD = Digest(b"h" * 32), Digest(b"o" * 32)
VECTOR = ((AuthorId(1), 1),)
FILE = Version(Kind.FILE, hash=HASH, size=10, vector=VECTOR, author=AuthorId(1))
REAL = RealRow(Fingerprint(1, 2, 10, 0, 0, 0o100644), HASH, VECTOR)
COMPLETE, PARTIAL = LocalBlob(HASH, complete=True), LocalBlob(HASH, complete=False)


def at(real: RealRow | None = None, blob: LocalBlob | None = None, owners: int = 1) -> Situation:
    return Situation(Mark.WATCH, FILE, real, blob, owners)


@pytest.mark.parametrize(
    ("situation", "mark", "is_kept", "outcome"),
    [
        (at(), Mark.OWN, False, Outcome.REAL_FETCHED),
        (at(blob=PARTIAL), Mark.OWN, False, Outcome.REAL_FETCHED),
        (at(blob=COMPLETE), Mark.OWN, False, Outcome.REAL_HERE),
        (at(real=REAL), Mark.OWN, False, Outcome.NOTHING),
        (at(), Mark.KEEP, False, Outcome.CACHED),
        (at(blob=PARTIAL), Mark.KEEP, False, Outcome.CACHED),
        (at(blob=COMPLETE), Mark.KEEP, False, Outcome.NOTHING),
        (at(real=REAL), Mark.KEEP, False, Outcome.LEAVES),
        (at(real=REAL, owners=0), Mark.KEEP, False, Outcome.STAYS),
        (at(), Mark.WATCH, False, Outcome.NOTHING),
        (at(blob=COMPLETE), Mark.WATCH, True, Outcome.LOOSENED),
        (at(real=REAL), Mark.WATCH, False, Outcome.LEAVES),
        (at(real=REAL, owners=0), Mark.WATCH, False, Outcome.STAYS),
    ],
)
def test_what_a_mark_would_do(
    situation: Situation, mark: Mark, is_kept: bool, outcome: Outcome
) -> None:
    assert foresee(situation, mark, is_kept=is_kept) is outcome


def test_an_older_plain_file_is_fetched_anew() -> None:
    old = RealRow(REAL.fingerprint, OLD, ((AuthorId(1), 0),))
    assert foresee(at(real=old), Mark.OWN, is_kept=False) is Outcome.REAL_FETCHED
