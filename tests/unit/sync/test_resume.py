"""What a killed process had stored, and not yet noted, isn't fetched again."""

import os
import shutil
from pathlib import Path

import pytest

from realizefs.core.calls import Request
from realizefs.model.limits import MIB
from realizefs.model.marks import Mark
from realizefs.model.messages import Read
from realizefs.store.blobs import Blobs
from realizefs.sync.arena import Arena
from tests.fakes.peer import introduce, running_peer, until, write


async def test_bytes_that_no_row_tells_of_are_found_by_their_digests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The crash is a copy of all that is on disk at that moment; rows are flushed once a second."""
    content = os.urandom(8 * MIB)
    served: list[int] = []
    serve = Arena.serve

    async def counted(self: Arena, request: Request) -> bytes:
        served.append(request.length if isinstance(request, Read) else 0)
        return await serve(self, request)

    monkeypatch.setattr(Arena, "serve", counted)
    async with running_peer(tmp_path / "desk", "desk", mark=Mark.OWN) as desk:
        write(desk.root, "film", content)
        with monkeypatch.context() as patch:
            patch.setattr(Blobs, "flush", lambda self, closing=False: None)
            async with running_peer(tmp_path / "lap", "lap") as lap:
                await introduce(desk, lap)
                await until(lambda: lap.entry("film"))
                assert await lap.read("film", 0, 4 * MIB) == content[: 4 * MIB]
                entry = lap.entry("film")
                assert entry is not None
                await until(lambda: not lap.arena.fetcher._pieces)
                blob = lap.store.blobs.open_existing(entry.ino, entry.version.hash)
                assert blob is not None
                assert blob.covers(0, 4 * MIB)
                here = blob.ranges.total()
                blob.close()
                with lap.store.env.read() as txn:
                    row = lap.store.blobs.find(txn, entry.ino)
                assert row is not None
                assert not row.ranges, "nothing of it is noted"
                shutil.copytree(tmp_path / "lap", tmp_path / "crashed", symlinks=True)
        served.clear()
        async with running_peer(tmp_path / "crashed", "lap") as lap:
            await until(lambda: lap.arena.context.links.connected(desk.identity.peer))
            assert await lap.read("film") == content
            assert sum(served) == len(content) - here
