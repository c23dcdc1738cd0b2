"""The command log, as the command line asks for it."""

from pathlib import Path
from typing import Any

import pytest

from realizefs.daemon.home import Home
from realizefs.model.control import BadControlLine
from realizefs.model.errors import Misuse, NotFound
from realizefs.model.ids import AuthorId
from realizefs.model.journal import Event, What
from realizefs.model.versions import Kind
from realizefs.sync.telling import Told
from tests.fakes.daemon import Asker, FakeArena, FakeShells, fake_home, running

ALL: dict[str, object] = {"path": None, "since": None, "peer": None, "last": 50}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return fake_home(tmp_path)


@pytest.fixture
def fakes() -> FakeShells:
    return FakeShells(b"holiday")


async def arena(ask: Asker, fakes: FakeShells, tmp_path: Path, name: str) -> FakeArena:
    await ask("arena-add", name=name, directory=str(tmp_path / name))
    found = fakes.opened[name].arena
    assert isinstance(found, FakeArena)
    return found


def told(when_ns: int, path: bytes) -> Told:
    event = Event(when_ns, What.RENAMED, AuthorId(7), path, b"old", Kind.DIRECTORY, mtime_ns=5)
    return Told(event, "laptop")


async def test_events_of_all_arenas_are_answered_in_their_order(
    home: Home, fakes: FakeShells, tmp_path: Path
) -> None:
    async with running(home, fakes) as ask:
        photos = await arena(ask, fakes, tmp_path, "photos")
        taxes = await arena(ask, fakes, tmp_path, "taxes")
        photos.happened = [told(1, b"\xff"), told(5, b"b")]
        taxes.happened = [told(3, b"c")]
        found: Any = await ask("log", **ALL)
        assert [one["when_ns"] for one in found] == [1, 3, 5]
        assert found[0] == {
            "arena": "photos",
            "when_ns": 1,
            "peer": "laptop",
            "what": "renamed",
            "kind": "directory",
            "path": "\udcff",
            "old": "old",
            "count": 1,
            "mtime_ns": 5,
        }
        assert [one["when_ns"] for one in await ask("log", **{**ALL, "last": 2})] == [3, 5]
        assert await ask("log", **{**ALL, "last": 0}) == []


async def test_what_is_wanted_is_passed_on(home: Home, fakes: FakeShells, tmp_path: Path) -> None:
    async with running(home, fakes) as ask:
        photos = await arena(ask, fakes, tmp_path, "photos")
        gone = str(tmp_path / "photos" / "gone" / "long ago")
        await ask("log", **{**ALL, "path": gone, "since": "2d", "peer": "desk"})
        assert photos.wanted.path == b"gone/long ago"
        assert photos.wanted.peer == ask.app.parts.roster.own().peer
        passed = ask.app.parts.clock.wall_ns() - photos.wanted.since_ns
        assert passed >= 2 * 86400 * 10**9


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"peer": "nobody"}, NotFound),
        ({"since": "yesterday"}, Misuse),
        ({"last": -1}, BadControlLine),
        ({"last": True}, BadControlLine),
        ({"path": "/nowhere"}, NotFound),
    ],
)
async def test_what_cannot_be_asked_is_a_sentence(
    home: Home, fakes: FakeShells, tmp_path: Path, more: dict[str, object], error: type[Exception]
) -> None:
    async with running(home, fakes) as ask:
        await arena(ask, fakes, tmp_path, "photos")
        with pytest.raises(error):
            await ask("log", **{**ALL, **more})
