"""Which bytes a delta brings along though the old content has them."""

from hypothesis import given
from hypothesis import strategies as st

from realizefs.model.limits import KIB
from realizefs.store.copying import Copied
from realizefs.sync.reuse import BRIDGED_BYTES_MAX, Run, bridged

BLOCK = 128 * KIB
FD = 7


def runs(pattern: str) -> list[Run]:
    """A run for each letter: `x` differs, `=` is in the old content, `b` is in the blob only."""
    found = []
    for number, letter in enumerate(pattern):
        start, end = number * BLOCK, (number + 1) * BLOCK
        data = None if letter == "x" else b"."
        equal = (Copied(start, BLOCK, FD, start + 5),) if letter == "=" else ()
        found.append(Run(start, end, data, equal))
    return found


def shown(found: list[Run]) -> list[str]:
    """Each run by the blocks that it has, those that are copied in capitals."""
    return [
        ("x" if run.data is None else ".") * ((run.end - run.start) // BLOCK) + "=" * len(run.equal)
        for run in found
    ]


def test_a_short_gap_is_bridged_and_still_copied() -> None:
    assert shown(bridged(runs("x=x"))) == ["xxx="]
    assert shown(bridged(runs("xx==x"))) == ["xxxxx=="]
    assert bridged(runs("x=x"))[0].equal == (Copied(BLOCK, BLOCK, FD, BLOCK + 5),)


def test_what_is_equal_at_the_ends_stays_here() -> None:
    assert shown(bridged(runs("=x="))) == [".=", "x", ".="]
    assert shown(bridged(runs("==="))) == [".="] * 3


def test_a_long_gap_is_not_bridged() -> None:
    most = BRIDGED_BYTES_MAX // BLOCK
    assert len(bridged(runs("x" + most * "=" + "x"))) == 1
    assert len(bridged(runs("x" + (most + 1) * "=" + "x"))) == most + 3


def test_what_only_the_blob_has_is_not_fetched_again() -> None:
    assert shown(bridged(runs("xbx"))) == ["x", ".", "x"]
    assert shown(bridged(runs("x=bx"))) == ["x", ".=", ".", "x"]


@given(st.text("x=b", max_size=40))
def test_bridging_loses_nothing(pattern: str) -> None:
    before, found = runs(pattern), bridged(runs(pattern))
    assert [run.start for run in found[1:]] == [run.end for run in found[:-1]]
    assert [one for run in found for one in run.equal] == [
        one for run in before for one in run.equal
    ]
    blobs = [(run.start, run.end) for run in found if run.data is not None and not run.equal]
    assert blobs == [(run.start, run.end) for run in before if run.data and not run.equal]
    assert sum(run.data is None for run in found) <= sum(run.data is None for run in before)
