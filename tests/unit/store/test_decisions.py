"""What is wanted of a path, and when: by inode, by path, by time; over restarts and renames."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from realizefs.model.decisions import NEVER_NS, Action, Decision
from realizefs.model.ids import NO_DIGEST, Digest, Inode
from realizefs.store.decisions import Decisions
from realizefs.store.env import Environment
from realizefs.store.schema import DECISION, RETRY, WAITING
from realizefs.store.tree import Tree
from tests.fakes.counted_rows import counted_rows
from tests.unit.store.conftest import Grow, opened_grow

HOUR = 3600 * 10**9
NOW = Decision(Action.UNREALIZE, NO_DIGEST)
LATER = Decision(Action.REALIZE, Digest(b"h" * 32), 3, HOUR, False, "The disk is füll.")
WAITS = Decision(Action.UPDATE_CACHE, Digest(b"i" * 32), 1, HOUR, True, "Nobody is connected.")


@pytest.fixture
def decisions(tree: Tree) -> Decisions:
    return Decisions(tree)


def test_set_get_and_clear_by_inode(env: Environment, decisions: Decisions) -> None:
    with env.write() as txn:
        for ino, decision in ((9, NOW), (5, NOW), (9, LATER), (300, WAITS)):
            assert decisions.set(txn, Inode(ino), decision)
        assert decisions.get(txn, Inode(9)) == LATER
        assert decisions.get(txn, Inode(10)) is None
        assert decisions.clear(txn, Inode(300))
        assert not decisions.clear(txn, Inode(300))
        assert list(decisions.all(txn)) == [(5, NOW), (9, LATER)]
        assert decisions.count(txn) == 2


def test_set_get_and_clear_by_path(env: Environment, decisions: Decisions, grow: Grow) -> None:
    with env.write() as txn:
        grow.directory(txn, b"photos")
        ino = grow.file(txn, b"photos/one.jpeg")
        assert decisions.get(txn, b"photos/one.jpeg") is None
        assert decisions.set(txn, b"photos/one.jpeg", LATER)
        assert decisions.get(txn, b"photos/one.jpeg") == decisions.get(txn, ino) == LATER
        assert not decisions.set(txn, b"photos/two.jpeg", LATER)  # isn't known
        assert decisions.get(txn, b"photos/two.jpeg") is None
        assert not decisions.clear(txn, b"photos/two.jpeg")
        assert decisions.clear(txn, b"photos/one.jpeg")
        assert list(decisions.all(txn)) == []


def test_what_is_wanted_is_found_by_its_time(env: Environment, decisions: Decisions) -> None:
    with env.write() as txn:
        for ino, at in ((5, 300), (6, 0), (7, 2**62), (8, 300), (9, 1)):
            decisions.set(txn, Inode(ino), Decision(Action.REALIZE, NO_DIGEST, retry_at_ns=at))
        decisions.set(txn, Inode(10), WAITS)
        expected = [(0, 6), (1, 9), (300, 5), (300, 8), (2**62, 7)]
        assert list(decisions.by_time(txn)) == expected
        assert decisions.failed(txn, 1) == Inode(5)  # the one that is tried again soonest
        assert decisions.failed(txn, 2**62) is None
        decisions.set(txn, Inode(11), Decision(Action.REALIZE, NO_DIGEST, retry_at_ns=NEVER_NS))
        assert decisions.failed(txn, 2**62) is None, "that waits for a person"
        decisions.clear(txn, Inode(11))
        decisions.set(txn, Inode(5), Decision(Action.REALIZE, NO_DIGEST, retry_at_ns=2))
        decisions.clear(txn, Inode(8))
        assert list(decisions.by_time(txn)) == [(0, 6), (1, 9), (2, 5), (2**62, 7)]


def test_those_that_wait_for_a_peer_are_woken_once_page_by_page(
    env: Environment, decisions: Decisions
) -> None:
    """One that fails again behind the walk waits for the next peer."""
    with env.write() as txn:
        for ino in range(2, 12):
            decisions.set(txn, Inode(ino), WAITS)
        decisions.set(txn, Inode(20), LATER)
    pages, after = [], Inode(0)
    while True:
        with env.write() as txn:
            woken = decisions.wake(txn, after, 4)
            if not woken:
                break
            pages.append(woken)
            after = woken[-1]
            decisions.set(txn, woken[0], WAITS)
    assert pages == [[2, 3, 4, 5], [6, 7, 8, 9], [10, 11]]
    with env.read() as txn:
        assert decisions.waiting(txn) == 3
        due = [ino for at, ino in decisions.by_time(txn) if at == 0]
        assert due == [3, 4, 5, 7, 8, 9, 11]
        woken_now = decisions.get(txn, Inode(3))
        assert woken_now is not None
        assert (woken_now.attempts, woken_now.error) == (WAITS.attempts, WAITS.error)


def test_what_failed_is_made_due_page_by_page_and_nothing_else(
    env: Environment, decisions: Decisions
) -> None:
    """Neither what waits for a peer or a person, nor what is due already."""
    held = Decision(Action.UNREALIZE, NO_DIGEST, retry_at_ns=NEVER_NS)
    due = Decision(Action.REALIZE, NO_DIGEST, 2, HOUR - 1, False, "Busy.")
    others = {Inode(3): held, Inode(5): WAITS, Inode(6): due}
    with env.write() as txn:
        for ino, decision in others.items():
            decisions.set(txn, ino, decision)
        assert decisions.wake_failed(txn, HOUR - 1, Inode(0), 10) is None
        for number in (2, 4, 7, 8):
            decisions.set(txn, Inode(number), LATER)
        pages, after = [], Inode(0)
        while (last := decisions.wake_failed(txn, HOUR - 1, after, 3)) is not None:
            pages.append(after := last)
            decisions.set(txn, Inode(2), LATER)  # it fails again, behind the walk
        assert pages == [4, 7, 8]
        assert {ino: decisions.get(txn, ino) for ino in others} == others
        again = Decision(Action.REALIZE, LATER.hash)
        assert [decisions.get(txn, Inode(ino)) for ino in (4, 7, 8)] == [again] * 3
        assert decisions.get(txn, Inode(2)) == LATER


def test_all_of_it_survives_a_restart(memory: Path) -> None:
    with opened_grow(memory) as (env, grow):
        with env.write() as txn:
            names = (b"now", b"later", b"waits")
            inodes = [grow.file(txn, name) for name in names]
            for ino, decision in zip(inodes, (NOW, LATER, WAITS), strict=True):
                Decisions(grow.tree).set(txn, ino, decision)
    with opened_grow(memory) as (env, grow):
        decisions = Decisions(grow.tree)
        with env.write() as txn:
            assert [decisions.get(txn, name) for name in names] == [NOW, LATER, WAITS]
            assert list(decisions.by_time(txn)) == [(0, inodes[0]), (HOUR, inodes[1])]
            assert decisions.wake(txn, Inode(0), 10) == [inodes[2]]


def test_a_renamed_directory_takes_its_decisions_along_without_a_row(
    env: Environment, decisions: Decisions, grow: Grow
) -> None:
    with env.write() as txn:
        directory = grow.directory(txn, b"old")
        for number in range(100):
            decisions.set(txn, grow.file(txn, b"old/%d" % number), LATER)
    with env.write() as txn, counted_rows() as tables:
        grow.tree.move(txn, directory, grow.tree.root, b"new")
    assert not {DECISION, RETRY, WAITING} & set(tables)
    with env.read() as txn:
        assert decisions.get(txn, b"new/50") == LATER
        assert decisions.get(txn, b"old/50") is None


def test_one_decision_costs_a_few_rows_however_many_there_are(
    env: Environment, decisions: Decisions
) -> None:
    with env.write() as txn:
        for ino in range(2, 3000):
            decisions.set(txn, Inode(ino), WAITS if ino % 2 else LATER)
        with counted_rows() as tables:
            decisions.set(txn, Inode(500), WAITS)
        assert tables == [RETRY, DECISION, WAITING]
        with counted_rows() as tables:
            assert len(decisions.wake(txn, Inode(0), 10)) == 10
        assert len(tables) == 30


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    changes=st.lists(
        st.tuples(
            st.integers(2, 6),
            st.none() | st.tuples(st.integers(0, 3), st.booleans()),
        ),
        max_size=30,
    )
)
def test_every_decision_stands_in_one_table_of_times(
    env: Environment,
    decisions: Decisions,
    changes: list[tuple[int, tuple[int, bool] | None]],
) -> None:
    """Each example leaves the tables empty, so the next one may use them."""
    wanted: dict[int, Decision] = {}
    with env.write() as txn:
        for ino, change in changes:
            if change is None:
                assert decisions.clear(txn, Inode(ino)) == (wanted.pop(ino, None) is not None)
            else:
                at, waits = change
                wanted[ino] = Decision(Action.REALIZE, NO_DIGEST, 0, at, waits)
                decisions.set(txn, Inode(ino), wanted[ino])
        assert dict(decisions.all(txn)) == wanted
        by_time = [(one.retry_at_ns, ino) for ino, one in wanted.items() if not one.wait_for_peer]
        assert list(decisions.by_time(txn)) == sorted(by_time)
        assert decisions.waiting(txn) == len(wanted) - len(by_time)
        for ino in wanted:
            decisions.clear(txn, Inode(ino))
        assert txn.count(DECISION) == txn.count(RETRY) == txn.count(WAITING) == 0
