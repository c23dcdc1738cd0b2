"""Many small files don't wait for each other's round trips."""

from pathlib import Path

import pytest
import trio

from realizefs.core.calls import Request
from realizefs.model.limits import BULK_REQUESTS_MAX
from realizefs.model.marks import Mark
from realizefs.sync.arena import Arena
from tests.fakes.peer import introduce, running_peer, until, write

FILES = 3 * BULK_REQUESTS_MAX


async def test_small_files_are_asked_for_many_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The holder answers nothing before BULK_REQUESTS_MAX requests are on their way: one by one, or a few at
    a time, nothing would ever come."""
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
