"""What is taken from an older content, and where that comes from."""

import os
from pathlib import Path

import pytest

from realizefs.model.ids import Digest
from realizefs.model.limits import MIB
from realizefs.model.marks import Mark
from realizefs.sync import arena
from realizefs.sync.bases import Bases
from realizefs.sync.shelf import Shelf
from tests.fakes.peer import introduce, running_peer, until, write

CONTENT = os.urandom(MIB)


async def test_what_is_in_the_cache_is_a_base_before_its_row_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unsaid(*_: object) -> None:
        """It is in the file, and its row is as it was when it was made."""

    monkeypatch.setattr(arena, "FLUSH_SECONDS", 3600.0)
    async with (
        running_peer(tmp_path / "desk", "desk", mark=Mark.OWN) as desk,
        running_peer(tmp_path / "lap", "lap") as lap,
    ):
        write(desk.root, "f", CONTENT)
        await introduce(desk, lap)
        await until(lambda: lap.status("f") == "remote")
        entry = lap.entry("f")
        assert entry is not None
        monkeypatch.setattr(Shelf, "_announce", unsaid)
        assert await lap.read("f") == CONTENT
        await until(lambda: not lap.arena.context.arriving(entry.ino, entry.version.hash))
        with lap.store.env.read() as txn:
            row = lap.store.blobs.find(txn, entry.ino)
        assert row is not None
        assert not row.ranges
        bases = Bases(lap.store)
        with bases.using(entry.ino, b"f", Digest(b"\1" * 32)) as base:
            assert base is not None
            assert base.read(0, MIB) == CONTENT
        bases.close()
