"""What is in a root that nobody has looked at yet."""

import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from realizefs.daemon import first_look
from realizefs.daemon.__main__ import SHELLS
from realizefs.daemon.app import Shells
from realizefs.daemon.control import Caller
from realizefs.daemon.dispatch import execute
from realizefs.model.control import Request
from realizefs.model.errors import Misuse, NotFound
from realizefs.store.watch import RootWatch
from realizefs.sync.summary import SOUGHT_MAX, SPAN_MAX
from tests.fakes.daemon import Asker, FakeShells, alone, fake_home, running
from tests.fakes.peer import WAIT_SECONDS, write


class RealShells(FakeShells):
    def shells(self) -> Shells:
        return SHELLS


class Hearing(Caller):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    async def tell(self, progress: object) -> None:
        self.told.append(progress)


@asynccontextmanager
async def not_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Asker, threading.Event]]:
    """A daemon with an arena that is looked at once the event is set."""
    go_on = threading.Event()
    add_tree = RootWatch.add_tree

    def slowly(watch: RootWatch, path: bytes) -> Sequence[bytes]:
        assert go_on.wait(WAIT_SECONDS)
        return add_tree(watch, path)

    monkeypatch.setattr(RootWatch, "add_tree", slowly)
    monkeypatch.setattr(first_look, "LOOK_SECONDS", 0.01)
    write(tmp_path / "docs", "a/b", b"content")
    try:
        async with running(fake_home(tmp_path), RealShells()) as ask:
            await ask("arena-add", name="docs", directory=str(tmp_path / "docs"))
            yield ask, go_on
    finally:
        go_on.set()


async def test_a_root_that_is_being_looked_at_isnt_said_to_be_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = str(tmp_path / "docs")
    async with not_looked_at(tmp_path, monkeypatch) as (ask, go_on):
        listed = await ask("ls", path=root, after="")
        assert (listed["entries"], listed["more"]) == ([], False)
        assert listed["note"] == (
            'The files of the arena "docs" are still being looked at: there may be more.'
        )
        hearing = Hearing()
        assert await execute(ask.app, Request("du", {"paths": [root]}), hearing) == {}
        assert hearing.told == [{"note": listed["note"]}]
        with pytest.raises(NotFound, match="still being looked at"):
            await ask("ls", path=f"{root}/a", after="")
        go_on.set()
        [slot] = ask.app.arenas
        assert await slot.arena.looked_through(WAIT_SECONDS)
        listed = await ask("ls", path=root, after="")
        assert ([one["name"] for one in listed["entries"]], listed["note"]) == (["a"], None)
        hearing = Hearing()
        found: Any = await execute(ask.app, Request("du", {"paths": [root]}), hearing)
        assert (found["real"]["files"], hearing.told) == (1, [])


async def test_without_a_daemon_the_first_look_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(first_look, "LOOK_SECONDS", 0.01)
    root = str(tmp_path / "docs")
    write(tmp_path / "docs", "a/b", b"content")
    async with alone(fake_home(tmp_path), RealShells()) as ask:
        await ask("arena-add", name="docs", directory=root)
        assert (await ask("du", paths=[f"{root}/a"]))["real"]["bytes"] == 7
    (tmp_path / "more").mkdir()
    write(tmp_path / "more" / "notes", "c", b"")
    async with alone(fake_home(tmp_path / "more"), RealShells()) as ask:
        root = str(tmp_path / "more" / "notes")
        await ask("arena-add", name="notes", directory=root)
        listed = await ask("ls", path=root, after="")
        assert [one["name"] for one in listed["entries"]] == ["c"]
        assert listed["note"] is None


async def test_a_span_of_a_folder_tells_how_many_there_are_and_where_names_are(
    tmp_path: Path,
) -> None:
    root = str(tmp_path / "docs")
    names = [f"{number:03}" for number in range(500)]
    for name in names:
        write(tmp_path / "docs", f"a/{name}", b"")
    async with running(fake_home(tmp_path), RealShells()) as ask:
        await ask("arena-add", name="docs", directory=root)
        [slot] = ask.app.arenas
        assert await slot.arena.looked_through(WAIT_SECONDS)
        found = await ask("ls-span", path=f"{root}/a", start=250, count=10, sought=["499", "x"])
        assert [one["name"] for one in found["entries"]] == names[250:260]
        assert (found["total"], found["start"], found["note"]) == (500, 250, None)
        assert found["positions"] == {"499": 499, "x": None}
        found = await ask("ls-span", path=f"{root}/a", start=0, count=10**9, sought=[])
        assert len(found["entries"]) == SPAN_MAX, "an answer has a bound, whatever is asked"
        found = await ask("ls-span", path=f"{root}/a", start=10**30, count=5, sought=[])
        assert (found["entries"], found["total"]) == ([], 500)
        with pytest.raises(Misuse, match="no folder"):
            await ask("ls-span", path=f"{root}/a/000", start=0, count=1, sought=[])
        with pytest.raises(Misuse, match="at most"):
            await ask("ls-span", path=root, start=0, count=1, sought=names[: SOUGHT_MAX + 1])
