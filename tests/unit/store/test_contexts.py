"""What is claimed to have been seen is so, whatever happens to the process and the database."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from realizefs.model.ids import AuthorId, PeerId, author_of
from realizefs.model.limits import CONTEXT_AUTHORS_MAX, VECTOR_ENTRIES_MAX
from realizefs.model.versions import vector_of
from realizefs.store.arena import ArenaStore
from realizefs.store.contexts import Contexts
from tests.fakes.arena_store import arena_store
from tests.fakes.in_memory import in_memory

ME, B, C = PeerId(1), PeerId(2), PeerId(3)
OWN = author_of(ME, 7)
FORMER = author_of(ME, 5)


@pytest.fixture
def store() -> Iterator[ArenaStore]:
    with in_memory() as directory, arena_store(Path(directory)) as opened:
        yield opened


def change(store: ArenaStore, times: int) -> int:
    """How many there have been then."""
    with store.env.write() as txn:
        for _ in range(times):
            store.tree.positions.next(txn)
        return store.tree.positions.last(txn)


def test_own_changes_count_once_all_members_were_heard(store: ArenaStore) -> None:
    contexts, last = store.contexts, change(store, 5)
    with store.env.write() as txn:
        contexts.heard(txn, [B], {B, C})
        assert contexts.seen(txn, OWN) == {}
        contexts.heard(txn, [C], {B, C})
        assert contexts.seen(txn, OWN) == {OWN: last}
    more = change(store, 3)
    with store.env.write() as txn:
        assert contexts.seen(txn, OWN) == {OWN: more}
    restarted = Contexts(store.tree.positions)
    with store.env.write() as txn:
        assert restarted.seen(txn, OWN) == {OWN: last}, "of what came later nobody was heard since"
        restarted.heard(txn, [B, C], {B, C})
        assert restarted.seen(txn, OWN) == {OWN: more}


def test_whoever_is_alone_has_been_heard(store: ArenaStore) -> None:
    last = change(store, 2)
    with store.env.write() as txn:
        store.contexts.heard(txn, (), ())
        assert store.contexts.seen(txn, OWN) == {OWN: last}


def test_what_others_have_seen_is_taken_in_but_for_our_own(store: ArenaStore) -> None:
    with store.env.write() as txn:
        store.contexts.take_in(txn, OWN, vector_of({B: 4, OWN: 9}))
        store.contexts.take_in(txn, OWN, vector_of({B: 3, C: 1}))
        assert store.contexts.seen(txn, OWN) == {B: 4, C: 1}


def test_a_database_that_begins_anew_claims_nothing_new_of_its_former_self(
    store: ArenaStore,
) -> None:
    """But what was confirmed; the rest once all have been heard again."""
    contexts, last = store.contexts, change(store, 5)
    with store.env.write() as txn:
        contexts.heard(txn, [B], {B})
    more = change(store, 3)
    with store.env.write() as txn:
        contexts.begin_anew(txn, FORMER)
        assert contexts.seen(txn, OWN) == {OWN: last, FORMER: last}
        contexts.told_of_former(txn, vector_of({FORMER: more + 10}))
        contexts.heard(txn, [B], {B})
        assert contexts.seen(txn, OWN) == {OWN: more, FORMER: more + 10}


def test_a_transaction_that_is_abandoned_has_heard_nobody(store: ArenaStore) -> None:
    def fail() -> None:
        with store.env.write() as txn:
            store.contexts.heard(txn, [B], {B})
            raise ZeroDivisionError

    change(store, 1)
    with pytest.raises(ZeroDivisionError):
        fail()
    with store.env.read() as txn:
        assert store.contexts.seen(txn, OWN) == {}


def test_after_a_repair_nothing_counts_as_seen(store: ArenaStore) -> None:
    change(store, 1)
    with store.env.write() as txn:
        store.contexts.take_in(txn, OWN, vector_of({B: 4}))
        store.contexts.heard(txn, [B], {B})
        store.contexts.reset(txn)
        assert store.contexts.seen(txn, OWN) == {}


def test_authors_without_end_are_not_remembered(store: ArenaStore) -> None:
    with store.env.write() as txn:
        store.contexts.take_in(txn, OWN, vector_of({B: 4}))
        for start in range(1000, 10_000, VECTOR_ENTRIES_MAX):
            named = {AuthorId(start + number): 9 for number in range(VECTOR_ENTRIES_MAX)}
            store.contexts.take_in(txn, OWN, vector_of(named))
        store.contexts.take_in(txn, OWN, vector_of({B: 5}))
        row = txn.get("index.meta", b"seen") or b""
        assert len(row) <= 16 * CONTEXT_AUTHORS_MAX
        assert dict(_pairs(row))[B] == 5
        assert len(store.contexts.seen(txn, OWN)) < VECTOR_ENTRIES_MAX


def _pairs(row: bytes) -> list[tuple[int, int]]:
    return [
        (int.from_bytes(row[at : at + 8], "big"), int.from_bytes(row[at + 8 : at + 16], "big"))
        for at in range(0, len(row), 16)
    ]


def test_what_members_say_of_themselves(store: ArenaStore) -> None:
    with store.env.write() as txn:
        store.contexts.set_known(txn, B, vector_of({B: 1, C: 2}))
        store.contexts.set_known(txn, B, vector_of({B: 3}))
        assert store.contexts.known(txn) == {B: {B: 3}}
        store.cursors.drop_peer(txn, B)
        assert store.contexts.known(txn) == {}
