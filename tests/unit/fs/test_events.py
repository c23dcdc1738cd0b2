"""What several changes of one name come to, for those who watch it."""

from dataclasses import replace
from pathlib import Path

import pytest

from realizefs.fs.events import Event, EventKind, Events
from realizefs.fs.views import Spot
from realizefs.model.ids import NO_DIGEST, Digest, Inode
from tests.fakes.arena import FakeArena

A, B = b"a", b"b"
SOME, OTHER = Digest(b"s" * 32), Digest(b"o" * 32)


@pytest.fixture
def directory(tmp_path: Path) -> Spot:
    arena = FakeArena(tmp_path)
    arena.store.root.close()
    return Spot(arena, Inode(1))


def event(
    directory: Spot, kind: EventKind, name: bytes, content: Digest = NO_DIGEST, ticket: int = 1
) -> Event:
    return Event(kind, directory, name, (1, name), 7, 0o100644, content, ticket=ticket)


def told(events: Events, ticket: int = 1) -> list[tuple[str, bytes]]:
    return [(one.kind, one.name) for one in events.take(ticket)]


@pytest.mark.parametrize(
    ("kinds", "wanted"),
    [
        (["create", "remove"], ["remove"]),
        (["remove", "create"], ["remove", "create"]),
        (["remove", "create", "remove"], ["remove"]),
        (["create", "modify", "attributes", "modify"], ["create", "modify"]),
        (["attributes", "attributes"], ["attributes"]),
        (["modify", "remove"], ["remove"]),
        (["modify", "remove", "create", "create"], ["remove", "create"]),
    ],
)
def test_changes_of_one_name_become_what_they_come_to(
    directory: Spot, kinds: list[EventKind], wanted: list[str]
) -> None:
    events = Events()
    for kind in kinds:
        events.add(event(directory, kind, A))
    assert [kind for kind, _ in told(events)] == wanted
    assert len(events) == 0


@pytest.mark.parametrize("order", [("remove", "create"), ("create", "remove")])
def test_the_same_content_gone_here_and_come_there_is_a_rename(
    directory: Spot, order: tuple[EventKind, EventKind]
) -> None:
    events = Events()
    for kind in order:
        events.add(event(directory, kind, A if kind == "remove" else B, SOME))
    (rename,) = events.take(1)
    assert (rename.kind, rename.name) == ("rename", B)
    assert rename.source is not None
    assert rename.source.name == A
    assert len(events) == 0


def test_other_contents_and_empty_files_are_not_renamed(directory: Spot) -> None:
    events = Events()
    events.add(event(directory, "remove", A, SOME))
    events.add(event(directory, "create", B, OTHER))
    assert told(events) == [("remove", A), ("create", B)]
    events.add(event(directory, "remove", A))
    events.add(event(directory, "create", B))
    assert told(events) == [("remove", A), ("create", B)]


def test_a_rename_that_was_seen_as_one_is_not_a_removal_too(directory: Spot) -> None:
    events = Events()
    gone = event(directory, "remove", A)
    events.add(replace(event(directory, "rename", B), source=gone))
    events.add(gone)
    assert told(events) == [("rename", B)]
    events.add(gone)
    assert told(events) == [("remove", A)]


def test_what_the_kernel_has_yet_to_forget_waits(directory: Spot) -> None:
    events = Events()
    events.add(event(directory, "create", A, ticket=1))
    events.add(event(directory, "create", B, ticket=2))
    assert told(events, 1) == [("create", A)]
    assert told(events, 2) == [("create", B)]


def test_the_queue_is_bounded(directory: Spot) -> None:
    events = Events(limit=3)
    for number in range(10):
        events.add(event(directory, "create", b"%d" % number))
    events.add(event(directory, "modify", b"0"))
    assert len(events) == 3
    for _ in range(20):  # and so is what waits for one name
        events.add(replace(event(directory, "rename", b"0"), source=event(directory, "remove", A)))
        events.add(event(directory, "remove", b"0"))
    assert len(events.take(1)) <= 2 + 4
