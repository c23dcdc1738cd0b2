"""What nobody wants any more is fetched no further, and what nobody waits for yet goes behind who waits."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
import trio.testing
from trio.testing import MockClock

from realizefs.core.calls import Request
from realizefs.model.limits import KIB, MIB, PROGRESS_SECONDS
from realizefs.model.messages import Read
from realizefs.sync.arena import Arena
from realizefs.sync.below import Top
from realizefs.sync.gate import UrgentGate
from realizefs.sync.on_demand import Progress
from realizefs.sync.urgency import Need, Urgency
from tests.fakes.peer import Peer, until
from tests.fakes.two_peers import film_on_desk

CONTENT = os.urandom(12 * MIB)
BLOCK = 128 * KIB


class Scene:
    """A desk that answers only while it is `open`, and a lap that asks it; `asked` in that order."""

    def __init__(self, desk: Peer, lap: Peer, patch: pytest.MonkeyPatch) -> None:
        self.lap = lap
        self.asked: list[Read] = []
        self.open = trio.Event()
        self._desk = desk.identity.peer
        serve = Arena.serve

        async def held(arena: Arena, request: Request) -> bytes:
            if isinstance(request, Read):
                self.asked.append(request)
                await self.open.wait()
            return await serve(arena, request)

        patch.setattr(Arena, "serve", held)

    @property
    def in_flight(self) -> int:
        return self.lap.arena.context.links.get(self._desk).in_flight

    async def knows_the_blocks(self) -> None:
        """Their list has come, with the last of them; each is asked for by itself from now on."""
        assert await self.lap.read("film", len(CONTENT) - 1, 1) == CONTENT[-1:]
        await until(lambda: not self.lap.arena.fetcher._pieces)

    async def read_on(self) -> None:
        """Sequentially, up to where it has to wait; some of it is fetched ahead."""
        for at in range(0, len(CONTENT), BLOCK):
            assert await self.lap.read("film", at, BLOCK) == CONTENT[at : at + BLOCK]

    async def fetch(self) -> None:
        top = Top(b"film", self.lap.arena.resolve(b"film"))
        await self.lap.arena.on_demand.fetch([top], Progress())

    async def waits_in_the_midst(self) -> None:
        self.open.set()
        await until(lambda: len(self.asked) > 3)
        self.open = trio.Event()
        seen = len(self.asked)
        await until(lambda: len(self.asked) > seen and self.in_flight > 1)

    async def is_over(self) -> None:
        """Nothing is waited for, of the wire or in this process."""
        with trio.fail_after(PROGRESS_SECONDS - 2):  # then it would end because nothing comes
            await until(lambda: not self.in_flight)
        await until(lambda: not self.lap.arena.fetcher._pieces)


@asynccontextmanager
async def scene(tmp_path: Path, patch: pytest.MonkeyPatch) -> AsyncIterator[Scene]:
    async with film_on_desk(tmp_path, CONTENT) as (desk, lap):
        yield Scene(desk, lap, patch)


@pytest.fixture
async def it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Scene]:
    async with scene(tmp_path, monkeypatch) as found:
        yield found


async def test_a_reader_who_is_killed_frees_the_wire(it: Scene) -> None:
    """Of what was fetched ahead for him, too: eight megabytes are a minute on a slow line."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(it.read_on)
        await it.waits_in_the_midst()
        nursery.cancel_scope.cancel()
    await it.is_over()


async def test_a_fetch_that_is_stopped_frees_the_wire(it: Scene) -> None:
    """It went on for 32 MiB after Ctrl-C."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(it.fetch)
        await it.waits_in_the_midst()
        nursery.cancel_scope.cancel()
    await it.is_over()
    it.open.set()
    await it.fetch()
    assert await it.lap.read("film") == CONTENT


async def test_who_is_killed_takes_nothing_from_the_others(it: Scene) -> None:
    await it.knows_the_blocks()
    got: list[bytes] = []

    async def read() -> None:
        got.append(await it.lap.read("film", 0, BLOCK))

    async with trio.open_nursery() as others, trio.open_nursery() as nursery:
        nursery.start_soon(read)
        await until(lambda: it.asked)
        others.start_soon(read)
        others.start_soon(it.fetch)
        pieces = it.lap.arena.fetcher._pieces._by_block.values()
        await until(lambda: any(piece.users == 3 for piece in pieces))
        nursery.cancel_scope.cancel()
        it.open.set()
    assert got == [CONTENT[:BLOCK]]
    assert await it.lap.read("film") == CONTENT


async def test_who_comes_as_another_is_killed_is_served(it: Scene) -> None:
    """In the very moment in which what the other waited for is given up."""
    await it.knows_the_blocks()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(it.read_on)
        await until(lambda: it.asked)
        nursery.cancel_scope.cancel()
    assert not it.lap.arena.fetcher._pieces
    it.open.set()
    assert await it.lap.read("film", 0, BLOCK) == CONTENT[:BLOCK]


async def test_what_is_fetched_ahead_keeps_nobody_waiting(it: Scene) -> None:
    """A film on a slow line had megabytes on their way before the first byte of anything else."""
    it.open.set()
    await it.read_on()
    waited_for = sum(request.length for request in it.asked if not request.bulk)
    assert waited_for < len(CONTENT) // 2, "most of it was fetched before anybody waited for it"


async def test_who_becomes_urgent_waits_behind_no_download(autojump_clock: MockClock) -> None:
    gate, order = UrgentGate(10), list[str]()
    late, ahead = Urgency(Need.DOWNLOAD), Urgency(Need.AHEAD)

    async def work(name: str, size: int, urgency: Urgency) -> None:
        async with gate.holding(size, urgency):
            order.append(name)
            await trio.sleep(1)

    async with trio.open_nursery() as nursery:
        for name, size, urgency in (
            ("download", 99, Urgency(Need.DOWNLOAD)),
            ("later", 6, Urgency(Need.DOWNLOAD)),
            ("late", 6, late),
            ("ahead", 6, ahead),
        ):
            nursery.start_soon(work, name, size, urgency)
            await trio.testing.wait_all_tasks_blocked()
        late.hurry()
        await trio.sleep(0.5)
        assert order == ["download", "late"]
    assert order == ["download", "late", "ahead", "later"]
