"""Giving RealizeFS up: what is told before, what is refused, and that a refusal changes nothing."""

from pathlib import Path
from typing import Any

import pytest
import trio

from realizefs.daemon import farewell_commands
from realizefs.daemon.home import Home
from realizefs.daemon.uninstalling import uninstall
from realizefs.fs import mountpoints
from realizefs.model.errors import Busy, Misuse, NoDaemon, RootGone
from tests.fakes.daemon import Asker, FakeShells, alone, fake_home, running


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return fake_home(tmp_path)


async def add(ask: Asker, tmp_path: Path, *names: str) -> None:
    for name in names:
        await ask("arena-add", name=name, directory=str(tmp_path / name))


async def test_each_arena_says_what_it_has(home: Home, tmp_path: Path) -> None:
    fakes = FakeShells()
    async with alone(home, fakes) as ask:
        await add(ask, tmp_path, "photos")
    async with alone(home, fakes) as ask:
        found: Any = await ask("farewell")
        (photos,) = found["arenas"]
        assert (found["name"], found["online"], found["mount"]) == ("desk", False, None)
        assert (photos["files"], photos["bytes"], photos["alone"]) == (2, 3000, 1)
        assert photos["state"] == str(tmp_path / "photos" / ".realize")
        fakes.refusals["photos"] = [RootGone("It is gone.")]
        assert (await ask("farewell"))["arenas"][0]["problem"] == "It is gone."
        with pytest.raises(NoDaemon):
            await ask("farewell-leave", lose=True)


@pytest.mark.parametrize("lost", ["content", "changes"])
async def test_what_would_be_lost_keeps_the_daemon_where_it_is(
    home: Home, tmp_path: Path, lost: str
) -> None:
    fakes = FakeShells()
    async with running(home, fakes) as ask:
        await add(ask, tmp_path, "photos", "films")
        fakes.opened["films"].alone = [b"only.mkv"] if lost == "content" else []
        fakes.opened["films"].unheard = 3 if lost == "changes" else 0
        with pytest.raises(Misuse, match='"films" would be lost'):
            await ask("farewell-leave")
        assert (await ask("status"))["up"]
        shared = ask.app.parts.roster.own().grants
        assert len([grant for grant in shared if grant.access]) == 2


async def test_a_mount_in_use_keeps_everything_as_it_is(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(directory: Path) -> None:
        raise Busy(f'"{directory}" is in use.')

    monkeypatch.setattr(mountpoints, "unmount", busy)
    async with running(home, FakeShells()) as ask:
        await add(ask, tmp_path, "photos")
        await ask("mount", directory=str(tmp_path / "mnt"))
        ask.app.ends_with_mount = True
        with pytest.raises(Busy):
            await ask("farewell-leave", lose=True)
        assert ask.app.ends_with_mount
        assert ask.app.mounts.current is not None
        assert [each["name"] for each in await ask("arena-list")] == ["photos"]


async def test_who_leaves_is_in_no_arena_and_the_daemon_ends(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(farewell_commands, "LEAVE_SECONDS", 0)
    ended = trio.Event()
    async with running(home, FakeShells()) as ask:
        await add(ask, tmp_path, "photos", "films")
        monkeypatch.setattr(ask.app, "stop", ended.set)
        assert (await ask("farewell-leave"))["left"] == ["photos", "films"]
        await ended.wait()
        assert [grant for grant in ask.app.parts.roster.own().grants if grant.access] == []
        with pytest.raises(Misuse, match="daemon runs"):
            await ask("uninstall", lose=True)


async def test_what_is_ours_goes_by_name_and_nothing_else(home: Home, tmp_path: Path) -> None:
    fakes = FakeShells()
    async with alone(home, fakes) as ask:
        await add(ask, tmp_path, "photos")
    (home.control / "notes").write_text("not ours")
    (home.state.parent / "state.format-1").mkdir()
    (home.log.with_name("daemon.log.1")).write_text("old")
    done = await uninstall(home, fakes.shells(), lose=False)
    assert done == {"left": [], "home": [str(home.control)]}
    assert [path.name for path in home.control.iterdir()] == ["notes"]
    assert (tmp_path / "photos").is_dir()
    assert list((tmp_path / "photos").iterdir()) == []
