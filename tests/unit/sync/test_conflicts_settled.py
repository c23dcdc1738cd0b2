"""Settling a conflict while something is done to its copy."""

from pathlib import Path

import pytest
import trio

from realizefs.model.errors import Busy
from realizefs.model.ids import Digest
from realizefs.model.marks import Mark
from realizefs.store.hashing import hash_bytes
from realizefs.sync import conflicts
from realizefs.sync.actions import Actions
from realizefs.sync.conflicts import Keep
from realizefs.sync.rootwork import Target
from tests.fakes.peer import Peer, until
from tests.fakes.two_peers import owner_and_watcher

COPY = "plan (conflict a 2026-01-02 03.04.05).txt"
NOTED = "plan (a 2026-01-02 03.04.05).txt"


async def made_real(peer: Peer, patch: pytest.MonkeyPatch) -> trio.Event:
    """A job has put the copy into the root, and notes that once the event is set."""
    is_made, may_note, surely = trio.Event(), trio.Event(), Actions._surely

    async def late(self: Actions, target: Target, *how: object) -> None:
        is_made.set()
        await may_note.wait()
        await surely(self, target, *how)  # type: ignore[arg-type]

    patch.setattr(Actions, "_surely", late)
    await peer.mark(COPY, Mark.OWN)
    await is_made.wait()
    return may_note


@pytest.mark.parametrize(
    ("keep", "kept"),
    [
        (Keep.BOTH, {"plan.txt", NOTED}),
        (Keep.ORIGINAL, {"plan.txt"}),
        (Keep.COPY, {"plan.txt"}),
    ],
)
async def test_what_a_job_has_just_made_real_is_settled_with_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keep: Keep, kept: set[str]
) -> None:
    """The index doesn't know of the file yet; it was left where it was, and the copy had its name again."""
    files = {"plan.txt": b"a plan", COPY: b"another"}
    async with owner_and_watcher(tmp_path, files) as (a, b):
        with monkeypatch.context() as patch:
            may_note = await made_real(b, patch)
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
        wanted = b"another" if keep is Keep.COPY else b"a plan"
        await until(lambda: hash_of(b, "plan.txt") == hash_bytes(wanted))
        assert await b.read("plan.txt") == wanted


async def test_a_job_that_goes_on_is_not_waited_for_and_nothing_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk of the database may be full, and the job noting for hours what it did."""
    monkeypatch.setattr(conflicts, "SETTLED_SECONDS", 0.1)
    files = {"plan.txt": b"a plan", COPY: b"another"}
    async with owner_and_watcher(tmp_path, files) as (_, b):
        with monkeypatch.context() as patch:
            await made_real(b, patch)
            for keep in Keep:
                with pytest.raises(Busy, match="changed just now"):
                    await b.arena.conflicts.resolve(COPY.encode(), keep)
            assert b.paths() == set(files)


def hash_of(peer: Peer, path: str) -> Digest | None:
    entry = peer.entry(path)
    return entry.version.hash if entry is not None else None
