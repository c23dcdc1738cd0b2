"""The mount of a household asks the global database, once, whose an inode is."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from realizefs.daemon import mounting
from realizefs.fs.views import Spot
from realizefs.model.ids import ArenaId
from realizefs.store.env import Environment
from realizefs.store.inodes import InodeAllocator
from realizefs.store.schema import GLOBAL_SCHEMA
from realizefs.store.txn import Txn
from tests.fakes.in_memory import in_memory

ARENAS = [ArenaId(bytes([number]) * 16) for number in range(1, 51)]


@pytest.fixture
def allocator() -> Iterator[InodeAllocator]:
    with in_memory() as directory:
        env = Environment(Path(directory), GLOBAL_SCHEMA)
        yield InodeAllocator(env)
        env.close()


def test_a_household_mount_finds_the_arena_of_an_inode_in_one_lookup(
    allocator: InodeAllocator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fifty arenas of four ranges each, given out in turn."""
    ends = dict.fromkeys(ARENAS, 0)
    ranges = []
    for _ in range(4):
        for arena in ARENAS:
            first, ends[arena] = allocator.next_range(arena, ends[arena])
            ranges.append((arena, first, ends[arena]))
    carried = {arena: SimpleNamespace(id=arena, name=arena.hex()) for arena in ARENAS}
    parts = SimpleNamespace(allocator=allocator, household=SimpleNamespace(arenas=carried))
    view = mounting._view(cast("Any", SimpleNamespace(parts=parts)), None)
    asked: list[str] = []
    for name in ("get", "_page", "first_from", "last", "count"):
        method = getattr(Txn, name)

        def call(*arguments: object, name: str = name, method: Any = method) -> object:
            asked.append(name)
            return method(*arguments)

        monkeypatch.setattr(Txn, name, call)
    for arena, *inodes in ranges:
        for ino in inodes:
            asked.clear()
            spot = view.spot(ino)
            assert isinstance(spot, Spot)
            assert cast("Any", spot.arena) is carried[arena]
            assert asked == ["first_from"]
