"""What waits to be looked at when its directory is renamed in the mount."""

from pathlib import Path

import pytest
import trio

from realizefs.model.marks import Mark
from realizefs.sync import scanner
from realizefs.sync.following import Following
from tests.fakes.peer import running_peer, until, write


@pytest.mark.parametrize("looked_through", [scanner.LOOKED_THROUGH_MAX, -1])
async def test_it_is_found_where_it_is_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, looked_through: int
) -> None:
    """Also where more waits than can be looked through at once, and nobody tells of it again."""

    async def hear_nothing(_self: Following) -> None:
        await trio.sleep_forever()

    monkeypatch.setattr(Following, "run", hear_nothing)
    monkeypatch.setattr(scanner, "LOOKED_THROUGH_MAX", looked_through)
    write(tmp_path / "a/root", "d/e/known", b"known")
    async with running_peer(tmp_path / "a", "a", mark=Mark.OWN) as a:
        await until(lambda: a.entry("d/e/known"))
        write(a.root, "d/e/new", b"new")
        a.arena.scanner.touched(b"d/e/new", 3600.0)
        (a.root / "d").rename(a.root / "f")
        await a.arena.move(a.arena.resolve(b"d"), a.arena.root_ino, b"f", 0)
        await until(lambda: a.entry("f/e/new"))
        assert a.entry("d/e/new") is None
