"""In which order a reader goes on to a new version, and the kernel hears of its size."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio

from realizefs.fs import pinned
from realizefs.fs.handles import UnrealFile
from realizefs.fs.served import Served
from realizefs.fs.views import SingleView
from realizefs.model.errors import VersionGone
from tests.fakes.arena import FakeArena

PAGE = 4096
OLD, LARGER = b"o" * 3 * PAGE, b"l" * 4 * PAGE


class Reading:
    """A handle on a version that is gone, and a kernel which is told when `may_hear`."""

    def __init__(self, arena: FakeArena) -> None:
        self.arena = arena
        self.ino = arena.peer_adds("file", OLD)
        self.old = arena.entries[self.ino].version
        arena.gone.add(self.old.hash)
        self.served = Served(SingleView(arena))
        self.served.kernel_told = self._told
        self.handle = UnrealFile(arena, self.ino, self.old)
        self.served.handles.add(self.handle)
        self.may_hear = trio.Event()
        self.answers: list[bytes | None] = []

    async def _told(self) -> None:
        await self.may_hear.wait()

    async def read(self, start: int, length: int) -> None:
        """None is an error."""
        try:
            self.answers.append(await pinned.read(self.served, self.handle, start, length))
        except VersionGone:
            self.answers.append(None)

    def changes(self, content: bytes) -> None:
        self.arena.peer_changes(self.ino, content)
        self.served.news.ring()


@pytest.fixture
async def reading(tmp_path: Path) -> AsyncIterator[Reading]:
    arena = FakeArena(tmp_path)
    yield Reading(arena)
    arena.store.root.close()


async def test_nothing_is_answered_before_the_kernel_has_heard_of_the_size(
    reading: Reading,
) -> None:
    """The program got what fits into the old size, and then an end."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(reading.read, 0, len(OLD))
        await trio.testing.wait_all_tasks_blocked()
        reading.changes(LARGER)
        await trio.testing.wait_all_tasks_blocked()
        assert reading.handle.version is not reading.old
        assert reading.answers == []
        reading.may_hear.set()
    assert reading.answers == [LARGER[: len(OLD)]]


async def test_the_end_of_a_smaller_version_is_told_to_who_asks_after_that(
    reading: Reading,
) -> None:
    """The program got zeros up to the old size."""
    reading.may_hear.set()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(reading.read, 0, 2 * PAGE)
        nursery.start_soon(reading.read, 2 * PAGE, PAGE)
        await trio.testing.wait_all_tasks_blocked()
        reading.changes(b"small")
    assert reading.answers == [None, None]
    for start in (PAGE, 0, PAGE):
        await reading.read(start, PAGE)
    assert reading.answers[2:] == [None, b"small", b""]


async def test_no_end_is_told_to_who_asked_before_a_notice(reading: Reading) -> None:
    """The kernel doesn't believe it, and would read zeros up to the old size."""
    reading.handle.shrunk = True
    reading.changes(b"small")
    reading.handle.version = reading.arena.entries[reading.ino].version
    reading.served.kernel_is_told = lambda: False
    await reading.read(0, PAGE)
    reading.served.kernel_is_told = lambda: True
    reading.arena.cached.clear()
    reading.arena.stall = True
    async with trio.open_nursery() as nursery:
        nursery.start_soon(reading.read, 0, PAGE)
        await trio.testing.wait_all_tasks_blocked()
        reading.served.handles.noticed(reading.ino)
        reading.arena.stalled.set()
    await reading.read(0, PAGE)
    assert reading.answers == [None, None, b"small"]
