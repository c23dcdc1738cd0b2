"""A job ends, and its entry is forgotten: its user has made something in the place of what was deleted,
and the tombstone goes on in that."""

from pathlib import Path

import pytest

from realizefs.model.decisions import Action, Decision
from realizefs.model.entries import RealRow
from realizefs.model.ids import NO_DIGEST, Inode
from realizefs.store.fingerprint import NEVER_INDEXED
from realizefs.sync import jobs
from realizefs.sync.context import Context
from realizefs.sync.engine_store import EngineStore
from tests.fakes.peer import running_peer

FORGOTTEN = Inode(1 << 40)


async def nothing_to_decide(_context: Context) -> None:
    """The engine looks at nothing, and tidies nothing up."""


@pytest.mark.parametrize("action", Action)
async def test_what_a_job_notes_damages_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, action: Action
) -> None:
    """The arena is checked as it ends: a note to decide about it was left, which `--repair` removes."""
    monkeypatch.setattr(jobs, "decide_page", nothing_to_decide)
    async with running_peer(tmp_path / "a", "a") as a:
        engine, decision = EngineStore(a.arena.context), Decision(action, NO_DIGEST)
        await engine.carried_out(FORGOTTEN, decision)
        await engine.failed(FORGOTTEN, decision, decision)


async def test_what_became_real_is_found_as_a_file_of_its_own(tmp_path: Path) -> None:
    """No row of it stays; its job could not be noted, and was tried again."""
    async with running_peer(tmp_path / "a", "a") as a:
        row = RealRow(NEVER_INDEXED, NO_DIGEST, ())
        await a.arena.context.commit(lambda batch: batch.became_real(FORGOTTEN, row))
        with a.store.env.read() as txn:
            assert not a.store.real.has(txn, FORGOTTEN)
