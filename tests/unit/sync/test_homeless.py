"""A name whose content nobody holds, while somebody has that content under another name."""

import os
from pathlib import Path

import pytest

from realizefs.model.limits import MIB
from realizefs.model.marks import Mark
from tests.fakes.peer import Peer, introduce, running_peer, until, write


async def rename(peer: Peer, old: str, new: str) -> None:
    """Of something unreal: nothing native is to be done."""
    await peer.arena.move(peer.arena.resolve(old.encode()), peer.arena.root_ino, new.encode(), 0)


@pytest.mark.parametrize("size", [1000, 3 * MIB + 5])
@pytest.mark.parametrize("mark", [Mark.OWN, Mark.WATCH])
async def test_what_two_renamed_apart_is_at_both_names(
    tmp_path: Path, size: int, mark: Mark
) -> None:
    """Whether its holder wants the other name, too, or not: others do."""
    content = os.urandom(size)
    async with (
        running_peer(tmp_path / "a", "a", mark=Mark.OWN) as a,
        running_peer(tmp_path / "b", "b") as b,
        running_peer(tmp_path / "c", "c") as c,
    ):
        await introduce(a, b, c)
        write(a.root, "photo", content)
        write(a.root, "other", b"other")
        await until(lambda: b.paths() == c.paths() == {"photo", "other"})
        await until(lambda: a.arena.status()["pending"] == 0)
    async with running_peer(tmp_path / "b", "b") as b:
        await rename(b, "photo", "beach")
    async with running_peer(tmp_path / "c", "c") as c:
        await rename(c, "photo", "sunset")
    async with (
        running_peer(tmp_path / "a", "a", mark=mark) as a,
        running_peer(tmp_path / "b", "b") as b,
        running_peer(tmp_path / "c", "c") as c,
    ):
        await introduce(a, b, c)
        await until(lambda: a.paths() == b.paths() == c.paths() == {"beach", "sunset", "other"})
        for name in ("beach", "sunset"):
            await until(lambda name=name: c.status(name) in ("remote", "cached"))  # type: ignore[misc]
            assert await c.read(name) == await b.read(name) == content
        if mark is Mark.OWN:
            await until(lambda: (a.root / "sunset").exists() and (a.root / "beach").exists())
            assert (a.root / "sunset").read_bytes() == (a.root / "beach").read_bytes() == content
