"""Settling a conflict while something is done to its copy."""

from pathlib import Path

import pytest
import trio

from realizefs.model.marks import Mark
from realizefs.sync.actions import Actions
from realizefs.sync.conflicts import Keep
from realizefs.sync.rootwork import Target
from tests.fakes.peer import until
from tests.fakes.two_peers import owner_and_watcher

COPY = "plan (conflict a 2026-01-02 03.04.05).txt"
NOTED = "plan (a 2026-01-02 03.04.05).txt"


@pytest.mark.parametrize(
    ("keep", "kept"), [(Keep.BOTH, {"plan.txt", NOTED}), (Keep.ORIGINAL, {"plan.txt"})]
)
async def test_what_a_job_has_just_made_real_is_settled_with_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keep: Keep, kept: set[str]
) -> None:
    """The index doesn't know of the file yet; it was left where it was, and the copy had its name again."""
    is_made, may_note, surely = trio.Event(), trio.Event(), Actions._surely

    async def late(self: Actions, target: Target, *how: object) -> None:
        is_made.set()
        await may_note.wait()
        await surely(self, target, *how)  # type: ignore[arg-type]

    files = {"plan.txt": b"a plan", COPY: b"another"}
    async with owner_and_watcher(tmp_path, files) as (a, b):
        with monkeypatch.context() as patch:
            patch.setattr(Actions, "_surely", late)
            await b.mark(COPY, Mark.OWN)
            await is_made.wait()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(b.arena.conflicts.resolve, COPY.encode(), keep)
                turn = b.arena._actions._turns._turns[b.arena.resolve(COPY.encode())]
                await until(lambda: turn.users == 2, "it waits for the job")
                may_note.set()
        await until(lambda: a.paths() == b.paths() == kept)
        await until(lambda: not b.arena.status()["pending"])
        assert a.paths() == b.paths() == kept
        assert (b.root / NOTED).exists() == (NOTED in kept)
        assert not (b.root / COPY).exists()
