"""However many read the same at the same time, it comes over the wire once."""

import os
from pathlib import Path

import pytest
import trio

from realizefs.core.calls import Request
from realizefs.model.errors import Unreachable
from realizefs.model.limits import KIB, MIB, PROGRESS_SECONDS
from realizefs.model.messages import Read, ReadBlocks
from realizefs.sync.arena import Arena
from tests.fakes.blocking import never
from tests.fakes.peer import until
from tests.fakes.two_peers import film_on_desk

CONTENT = os.urandom(4 * MIB)
BLOCK = 128 * KIB


def hold(patch: pytest.MonkeyPatch, asked: list[Request], may_answer: trio.Event) -> None:
    """From now on what is asked for is noted, and answered once it may be."""
    serve = Arena.serve

    async def held(arena: Arena, request: Request) -> bytes:
        asked.append(request)
        await may_answer.wait()
        return await serve(arena, request)

    patch.setattr(Arena, "serve", held)


async def test_readers_of_one_file_share_its_blocks_and_its_block_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eight at its beginning, eight in the midst, and one who wants all of it."""
    asked, may_answer = list[Request](), trio.Event()
    async with film_on_desk(tmp_path, CONTENT) as (_, lap):
        hold(monkeypatch, asked, may_answer)

        async def read(start: int, length: int) -> None:
            assert await lap.read("film", start, length) == CONTENT[start : start + length]

        async with trio.open_nursery() as nursery:
            for number in range(8):
                nursery.start_soon(read, number * 1000, 4096)
                nursery.start_soon(read, MIB + number * 1000, 4096)
            nursery.start_soon(read, 0, len(CONTENT))
            await until(lambda: asked)
            await trio.testing.wait_all_tasks_blocked()
            may_answer.set()
    assert sum(isinstance(request, ReadBlocks) for request in asked) == 1
    reads = [request for request in asked if isinstance(request, Read | ReadBlocks)]
    assert sum(request.length for request in reads) == len(CONTENT)


@pytest.mark.parametrize("stays", [0, 1], ids=["the first", "the second"])
async def test_who_asked_for_the_block_list_may_go_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stays: int
) -> None:
    """The other one has it all the same."""
    asked, may_answer = list[Request](), trio.Event()
    async with film_on_desk(tmp_path, CONTENT) as (_, lap):
        hold(monkeypatch, asked, may_answer)
        scopes = [trio.CancelScope(), trio.CancelScope()]
        got = []

        async def read(scope: trio.CancelScope) -> None:
            with scope:
                got.append(await lap.read("film", 0, BLOCK))

        async with trio.open_nursery() as nursery:
            for scope in scopes:
                nursery.start_soon(read, scope)
                await until(lambda: asked)
            scopes[1 - stays].cancel()
            may_answer.set()
    assert got == [CONTENT[:BLOCK]]


async def test_what_becomes_of_the_block_list_is_told_to_all_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eight readers of a holder that hangs wait for its deadline, and not for eight."""
    failed = []
    async with film_on_desk(tmp_path, CONTENT) as (_, lap):
        monkeypatch.setattr(Arena, "serve", never)

        async def read() -> None:
            try:
                await lap.read("film", 0, BLOCK)
            except Unreachable as error:
                failed.append(str(error))

        with trio.fail_after(4 * PROGRESS_SECONDS):
            async with trio.open_nursery() as nursery:
                for _ in range(8):
                    nursery.start_soon(read)
    assert len(failed) == 8
    assert len(set(failed)) == 1
