"""What was renamed here a moment ago is read although nobody has said yet that he has it there."""

from pathlib import Path

import pytest

from realizefs.model.errors import Unreachable
from realizefs.model.marks import Mark
from tests.fakes.peer import introduce, running_peer, until, write
from tests.fakes.two_peers import owner_and_watcher


async def test_an_unreal_file_is_read_right_after_its_rename(tmp_path: Path) -> None:
    async with owner_and_watcher(tmp_path, {"old": b"bytes" * 100}) as (_, b):
        await b.arena.move(b.arena.resolve(b"old"), b.arena.root_ino, b"new", 0)
        assert await b.read("new") == b"bytes" * 100


async def test_with_nobody_there_it_fails_at_once(tmp_path: Path) -> None:
    write(tmp_path / "a/root", "old", b"bytes" * 100)
    async with running_peer(tmp_path / "b", "b") as b:
        async with running_peer(tmp_path / "a", "a", mark=Mark.OWN) as a:
            await introduce(a, b)
            await until(lambda: b.status("old") == "remote")
        await until(lambda: not b.arena.context.links.any_connected)
        await b.arena.move(b.arena.resolve(b"old"), b.arena.root_ino, b"new", 0)
        with pytest.raises(Unreachable):
            await b.read("new")
