"""What is wrong with one arena stays with it, and passes."""

from collections.abc import Callable
from pathlib import Path

import pytest
import trio
import trio.testing

from realizefs.daemon.arenas import Arenas
from realizefs.daemon.config import ArenaConfig
from realizefs.model.errors import NotFound, RootGone
from realizefs.model.ids import ArenaId
from realizefs.model.limits import ARENA_RETRY_SECONDS
from tests.fakes.daemon import FakeShells

PHOTOS = ArenaConfig("photos", ArenaId(bytes(16)), Path("/srv/photos"))


@pytest.fixture
def fakes() -> FakeShells:
    return FakeShells()


async def test_an_arena_that_opens_is_there_when_tending_has_started(fakes: FakeShells) -> None:
    arenas = Arenas()
    slot = arenas.add(PHOTOS)
    with pytest.raises(RootGone, match="not open yet"):
        _ = slot.arena
    async with trio.open_nursery() as nursery:
        await nursery.start(arenas.tend, slot, fakes.open)
        assert slot.arena.name == "photos"
        nursery.cancel_scope.cancel()
    assert slot.opened is None


async def until(condition: Callable[[], bool]) -> None:
    """Let threads finish; the clock stands still."""
    while not condition():
        await trio.lowlevel.checkpoint()


async def test_a_root_that_is_gone_is_tried_again(
    fakes: FakeShells, mock_clock: trio.testing.MockClock
) -> None:
    fakes.refusals["photos"] = [RootGone("Gone.")]
    arenas = Arenas()
    slot = arenas.add(PHOTOS)
    async with trio.open_nursery() as nursery:
        await nursery.start(arenas.tend, slot, fakes.open)
        assert slot.problem == "Gone."
        with pytest.raises(RootGone, match="Gone"):
            _ = slot.arena
        await trio.testing.wait_all_tasks_blocked()
        mock_clock.jump(ARENA_RETRY_SECONDS)
        await until(lambda: slot.opened is not None)
        assert slot.problem == ""
        nursery.cancel_scope.cancel()


async def test_an_arena_that_fails_while_it_runs_is_opened_again(
    fakes: FakeShells, mock_clock: trio.testing.MockClock
) -> None:
    arenas = Arenas()
    slot = arenas.add(PHOTOS)
    async with trio.open_nursery() as nursery:
        await nursery.start(arenas.tend, slot, fakes.open)
        first = fakes.opened["photos"]
        first.error = RootGone("Unplugged.")
        first.failing.set()
        await until(lambda: slot.problem == "Unplugged.")
        await trio.testing.wait_all_tasks_blocked()
        mock_clock.jump(ARENA_RETRY_SECONDS)
        await until(lambda: slot.opened is not None)
        assert slot.opened is not first
        assert slot.problem == ""
        nursery.cancel_scope.cancel()


async def test_no_command_finds_an_arena_that_is_closed(fakes: FakeShells) -> None:
    arenas = Arenas()
    slot = arenas.add(PHOTOS)
    async with trio.open_nursery() as nursery:
        await nursery.start(arenas.tend, slot, fakes.open)
        opened = fakes.opened["photos"]
        offered: list[object] = []
        opened.closing = lambda: offered.append(slot.opened)
        opened.error = RootGone("Unplugged.")
        opened.failing.set()
        await until(lambda: opened.closed)
        assert offered == [None]
        nursery.cancel_scope.cancel()


def test_slots_are_found_by_name_root_and_id() -> None:
    arenas = Arenas()
    slot = arenas.add(PHOTOS)
    assert arenas.named("photos") is slot
    assert arenas.at_root(PHOTOS.root) is slot
    assert arenas.name_of(PHOTOS.id) == "photos"
    assert arenas.name_of(ArenaId(b"another")) is None
    with pytest.raises(NotFound, match='no arena called "films"'):
        arenas.named("films")
