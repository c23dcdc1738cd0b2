"""The command log, as the command line asks for it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

from realizefs.daemon.control import Caller
from realizefs.daemon.dispatch import execute
from realizefs.daemon.home import Home
from realizefs.model.control import BadControlLine, Request, encode_result
from realizefs.model.errors import Misuse, NotFound, RootGone
from realizefs.model.ids import AuthorId
from realizefs.model.journal import Event, What
from realizefs.model.limits import CONTROL_LINE_BYTES_MAX
from realizefs.model.versions import Kind
from realizefs.sync.telling import Told, Wanted
from tests.fakes.daemon import Asker, FakeArena, FakeShells, fake_home, running
from tests.fakes.peer import until

ALL: dict[str, object] = {"path": None, "since": None, "until": None, "peer": None, "last": 50}


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
        assert photos.wanted.until_ns is None


async def test_a_day_until_which_is_asked_has_all_of_it(
    home: Home, fakes: FakeShells, tmp_path: Path
) -> None:
    async with running(home, fakes) as ask:
        photos = await arena(ask, fakes, tmp_path, "photos")
        await ask("log", **{**ALL, "since": "2001-02-03 04:05Z", "until": "2001-02-03"})
        assert photos.wanted.since_ns == 981_173_100 * 10**9
        assert photos.wanted.until_ns is not None
        midnight = datetime.fromtimestamp(photos.wanted.until_ns / 1e9)  # noqa: DTZ006 - local
        assert midnight == datetime(2001, 2, 4)  # noqa: DTZ001 - local


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"peer": "nobody"}, NotFound),
        ({"since": "tomorrow"}, Misuse),
        ({"until": "25:00"}, Misuse),
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


class Follower(Caller):
    """Keeps what it is told, and hangs up when the test says so."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.several = False
        self.scope = trio.CancelScope()

    async def tell(self, progress: Any) -> None:
        self.lines += [one["path"] for one in progress["events"]]
        self.several = progress["several"]

    @asynccontextmanager
    async def waiting(self) -> AsyncIterator[None]:
        with self.scope:
            yield


async def test_whoever_follows_hears_the_latest_and_then_all_that_happens(
    home: Home, fakes: FakeShells, tmp_path: Path
) -> None:
    async with running(home, fakes) as ask, trio.open_nursery() as nursery:
        photos = await arena(ask, fakes, tmp_path, "photos")
        taxes = await arena(ask, fakes, tmp_path, "taxes")
        photos.happened = [told(1, b"long ago"), told(3, b"b")]
        taxes.happened = [told(2, b"a")]
        caller = Follower()
        request = Request("log-follow", {**ALL, "last": 2})
        nursery.start_soon(execute, ask.app, request, caller)
        await until(lambda: caller.lines == ["a", "b"])
        for number, one in enumerate((taxes, photos, taxes)):
            one.happened.append(told(9, b"%d" % number))
            one.news.ring()
            await until(lambda number=number: caller.lines[-1] == str(number))  # type: ignore[misc]
        assert caller.lines == ["a", "b", "0", "1", "2"]
        assert caller.several
        caller.scope.cancel()  # then the command ends, and with it this nursery


async def test_news_comes_after_what_was_before(
    home: Home, fakes: FakeShells, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of one arena, too, that has some while the journal of another is read."""
    async with running(home, fakes) as ask, trio.open_nursery() as nursery:
        photos = await arena(ask, fakes, tmp_path, "photos")
        taxes = await arena(ask, fakes, tmp_path, "taxes")
        photos.happened, taxes.happened = [told(1, b"first")], [told(2, b"second")]
        read, caller = taxes.journal, Follower()

        async def read_late(wanted: Wanted) -> tuple[list[Told], int]:
            if wanted.after == 0:
                photos.happened.append(told(3, b"third"))
                photos.news.ring()
                await trio.testing.wait_all_tasks_blocked()
            return await read(wanted)

        monkeypatch.setattr(taxes, "journal", read_late)
        nursery.start_soon(execute, ask.app, Request("log-follow", {**ALL, "last": 9}), caller)
        await until(lambda: len(caller.lines) >= 3)
        assert caller.lines == ["first", "second", "third"]
        caller.scope.cancel()


async def test_of_long_paths_the_latest_have_room_in_the_answer(
    home: Home, fakes: FakeShells, tmp_path: Path
) -> None:
    async with running(home, fakes) as ask:
        photos = await arena(ask, fakes, tmp_path, "photos")
        photos.happened = [told(number, b"\xff" * 4000) for number in range(1000)]
        found: Any = await ask("log", **{**ALL, "last": 1000})
        assert found[-1]["when_ns"] == 999
        assert len(encode_result(found)) < CONTROL_LINE_BYTES_MAX


async def test_an_arena_that_is_out_of_service_does_not_hide_the_others(
    home: Home, fakes: FakeShells, tmp_path: Path
) -> None:
    async with running(home, fakes) as ask:
        await arena(ask, fakes, tmp_path, "photos")
        taxes = await arena(ask, fakes, tmp_path, "taxes")
        taxes.happened = [told(2, b"a")]
        fakes.refusals["photos"] = [RootGone("It is gone.")] * 100
        fakes.opened["photos"].error = RootGone("It is gone.")
        fakes.opened["photos"].failing.set()
        await until(lambda: ask.app.arenas.named("photos").opened is None)
        assert [one["path"] for one in await ask("log", **ALL)] == ["a"]
