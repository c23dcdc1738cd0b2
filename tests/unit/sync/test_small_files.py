"""Many small files don't wait for each other's round trips."""

from pathlib import Path

import pytest
import trio

from realizefs.codec import several
from realizefs.core.calls import Request
from realizefs.model.limits import BLOCK_BYTES_MIN, BULK_REQUESTS_MAX, MIB
from realizefs.model.marks import Mark
from realizefs.model.messages import ReadSeveral
from realizefs.sync.arena import Arena
from realizefs.sync.link import Link
from tests.fakes.peer import introduce, running_peer, until, write

FILES = 3 * BULK_REQUESTS_MAX


async def test_small_files_come_many_in_a_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One by one they would be as many requests as files."""
    asked: list[Request] = []
    serve = Arena.serve

    async def counted(self: Arena, request: Request) -> bytes:
        asked.append(request)
        return await serve(self, request)

    monkeypatch.setattr(Arena, "serve", counted)
    async with running_peer(tmp_path / "desk", "desk") as desk:
        for number in range(FILES):
            write(desk.root, f"{number}.txt", b"%d" % number)
        async with running_peer(tmp_path / "lap", "lap", mark=Mark.KEEP) as lap:
            await introduce(desk, lap)
            await until(lambda: len(lap.paths()) == FILES)
            await until(lambda: all(lap.status(path) == "cached" for path in lap.paths()))
            assert await lap.read("77.txt") == b"77"
    together = [one for one in asked if isinstance(one, ReadSeveral)]
    assert sum(len(one.files) for one in together) > FILES // 2
    assert len(asked) < FILES // 2


async def test_on_a_slow_line_nobody_waits_behind_many_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hundred together were a second of a line of 1 MiB/s, and whoever read something then waited."""
    asked: list[ReadSeveral] = []
    serve = Arena.serve

    async def counted(self: Arena, request: Request) -> bytes:
        if isinstance(request, ReadSeveral):
            asked.append(request)
        return await serve(self, request)

    monkeypatch.setattr(Arena, "serve", counted)
    monkeypatch.setattr(Link, "rate", float(MIB))
    async with running_peer(tmp_path / "desk", "desk") as desk:
        for number in range(FILES):
            write(desk.root, f"{number}.txt", b"%d" % number * 3000)
        async with running_peer(tmp_path / "lap", "lap", mark=Mark.KEEP) as lap:
            await introduce(desk, lap)
            await until(lambda: len(lap.paths()) == FILES)
            await until(lambda: all(lap.status(path) == "cached" for path in lap.paths()))
    assert asked
    assert max(request.size for request in asked) <= BLOCK_BYTES_MIN


async def test_what_is_served_wrong_among_others_is_fetched_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A holder whose answers for several files are damaged: nothing wrong is kept (R4)."""
    right = several.join
    monkeypatch.setattr(
        several,
        "join",
        lambda contents: right([each[::-1] if each != b"5" else b"" for each in contents]),
    )
    async with running_peer(tmp_path / "desk", "desk") as desk:
        for number in range(FILES):
            write(desk.root, f"{number}.txt", b"%d" % number)
        async with running_peer(tmp_path / "lap", "lap", mark=Mark.KEEP) as lap:
            await introduce(desk, lap)
            await until(lambda: len(lap.paths()) == FILES)
            await until(lambda: all(lap.status(path) == "cached" for path in lap.paths()))
            for number in range(FILES):
                assert await lap.read(f"{number}.txt") == b"%d" % number


async def test_an_older_holder_is_asked_for_many_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a holder that knows no request for several. It answers nothing before BULK_REQUESTS_MAX requests are on their way: one by one, or a few at
    a time, nothing would ever come."""
    monkeypatch.setattr("realizefs.sync.household.FEATURES", ())
    together = trio.Event()
    serve = Arena.serve

    async def wait_for_company(self: Arena, request: Request) -> bytes:
        await together.wait()
        return await serve(self, request)

    monkeypatch.setattr(Arena, "serve", wait_for_company)
    async with running_peer(tmp_path / "desk", "desk") as desk:
        for number in range(FILES):
            write(desk.root, f"{number}.txt", b"%d" % number)
        async with running_peer(tmp_path / "lap", "lap", mark=Mark.KEEP) as lap:
            await introduce(desk, lap)
            links = lap.arena.context.links
            await until(lambda: links.get(desk.identity.peer).in_flight == BULK_REQUESTS_MAX)
            together.set()
            await until(lambda: len(lap.paths()) == FILES)
            await until(lambda: all(lap.status(path) == "cached" for path in lap.paths()))
