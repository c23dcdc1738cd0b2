"""Each rule is broken once on purpose, and the simulation catches it: so it would be caught."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from realizefs.core.merge import deleted
from realizefs.model.ids import Inode
from realizefs.sync import apply, aside, engine, forgetting, record, safety, serve
from realizefs.sync.batch import Batch
from realizefs.sync.pinning import Pinning
from realizefs.sync.wanted import Wanted
from tests.sim.plan import make, make_unmarking
from tests.sim.shrink import failure

Patch = Callable[[Any, str, Any], None]


async def _nothing(*_: object) -> None:
    """Nobody is asked."""


def last_copies_go(patch: Patch) -> None:
    patch(engine, "owners", lambda *_: 1)
    patch(safety, "may_drop", lambda *_: True)
    patch(Pinning, "_ask", _nothing)


def losers_are_forgotten(patch: Patch) -> None:
    patch(aside, "keep_loser", lambda *_: None)
    patch(record, "keep_loser", lambda *_: None)
    patch(record, "set_aside", lambda *_: None)


def the_last_word_wins(patch: Patch) -> None:
    patch(apply, "merge_seen", lambda ours, seen, theirs, they_saw: theirs)


def bytes_are_not_checked(patch: Patch) -> None:
    right = serve.read_range
    patch(serve, "read_range", lambda *arguments: bytes(right(*arguments))[::-1])
    patch(Wanted, "check", _nothing)


def what_we_give_up_is_a_delete(patch: Patch) -> None:
    right = Batch.held_changed

    def held_changed(batch: Batch, ino: Inode) -> None:
        right(batch, ino)
        entry = batch.store.tree.entry(batch.txn, ino)
        here = batch.store.real.get(batch.txn, ino) is not None
        if entry is not None and not here and entry.version.has_content:
            grave = deleted(entry.version, batch.dot, 1)
            batch.store.tree.put(batch.txn, ino, entry.parent, entry.name, grave)

    patch(Batch, "held_changed", held_changed)


def what_not_all_have_heard_is_forgotten(patch: Patch) -> None:
    patch(forgetting, "seen_by_all", lambda contexts: contexts[0])


@dataclass(frozen=True, slots=True)
class Mutation:
    """A rule that is broken, how, and seeds of runs that meet it: one does, in whatever order sets are."""

    rule: str
    broken: Callable[[Patch], None]
    seeds: tuple[int, ...]


MUTATIONS = [
    Mutation("R1", last_copies_go, (6, 7, 8)),
    Mutation("R2", losers_are_forgotten, (22, 26, 21)),
    Mutation("R3", the_last_word_wins, (2, 14, 7)),
    Mutation("R3", what_not_all_have_heard_is_forgotten, (200_000, 200_001, 200_002)),
    Mutation("R4", bytes_are_not_checked, (4, 5, 6)),
    Mutation("R8", what_we_give_up_is_a_delete, (4, 3, 5)),
]


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda one: one.broken.__name__)
def test_a_broken_rule_is_caught(mutation: Mutation, monkeypatch: pytest.MonkeyPatch) -> None:
    for plan in map(make, mutation.seeds):
        with monkeypatch.context() as broken:
            mutation.broken(broken.setattr)
            told = failure(plan)
        assert failure(plan) is None
        if told is not None:
            assert told.startswith("AssertionError: R")
            return
    pytest.fail(f"{mutation.rule} is broken, and no run has noticed")


def test_without_the_word_of_others_too_few_copies_are_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plan = make_unmarking(27)
    with monkeypatch.context() as broken:
        broken.setattr(Pinning, "_ask", _nothing)
        told = failure(plan)
    assert told is not None
    assert told.startswith("AssertionError: R1: ")
    assert failure(plan) is None
