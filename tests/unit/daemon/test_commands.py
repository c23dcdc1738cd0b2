"""The commands, as the command line asks for them."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from realizefs.daemon.arguments import Arguments
from realizefs.daemon.cache_config import CacheConfig
from realizefs.daemon.home import Home, home_at
from realizefs.daemon.setup_commands import init
from realizefs.model import invitation
from realizefs.model.cache_limits import Amount
from realizefs.model.control import BadControlLine, path_text
from realizefs.model.errors import (
    AlreadyRunning,
    BadInvitation,
    BadMark,
    Misuse,
    NoDaemon,
    NotFound,
    RootGone,
    Unreachable,
)
from tests.fakes.daemon import Asker, FakeShells, alone, fake_home, running


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return fake_home(tmp_path)


@pytest.fixture
def fakes() -> FakeShells:
    return FakeShells(b"holiday", b"holiday/\xff.jpg")


async def add_photos(ask: Asker, tmp_path: Path, **more: object) -> Any:
    return await ask("arena-add", name="photos", directory=str(tmp_path / "photos"), **more)


def test_init_makes_key_and_configuration_once(tmp_path: Path) -> None:
    home = home_at(str(tmp_path / "new"))
    made: Any = init(home, Arguments({"name": "desk", "listen": ["localhost:0"]}))
    assert (made["name"], made["listen"]) == ("desk", ["localhost:0"])
    assert len(made["fingerprint"]) == 64
    assert tomllib.loads(home.config.read_text()) == {"name": "desk", "listen": ["localhost:0"]}
    with pytest.raises(Misuse, match="set up already"):
        init(home, Arguments({"name": None, "listen": []}))


def test_init_refuses_an_address_that_is_none_and_makes_nothing(tmp_path: Path) -> None:
    home = home_at(str(tmp_path / "new"))
    with pytest.raises(Misuse, match="not an address"):
        init(home, Arguments({"name": None, "listen": ["nonsense"]}))
    assert not home.initialised


async def test_an_added_arena_runs_at_once(home: Home, fakes: FakeShells, tmp_path: Path) -> None:
    async with running(home, fakes) as ask:
        added = await add_photos(ask, tmp_path, mark="own", cache_max="1GiB")
        assert (added["mark"], added["cache"]) == ("own", {"max": "1GiB", "leave": None})
        assert (tmp_path / "photos" / ".realize").is_dir()
        assert fakes.opened["photos"].arena.name == "photos"
        assert await ask("arena-list") == [added]
        with pytest.raises(Misuse, match='an arena called "photos" already'):
            await ask("arena-add", name="photos", directory=str(tmp_path / "other"))
        with pytest.raises(Misuse, match="already the root"):
            await ask("arena-add", name="other", directory=str(tmp_path / "photos"))
        with pytest.raises(BadMark):
            await ask("arena-add", name="x", directory=str(tmp_path / "x"), mark="nonsense")
        with pytest.raises(Misuse, match="neither a size"):
            await ask("arena-add", name="x", directory=str(tmp_path / "x"), cache_max="lots")


async def test_settings_reach_a_running_arena(
    home: Home, fakes: FakeShells, tmp_path: Path
) -> None:
    async with running(home, fakes) as ask:
        await add_photos(ask, tmp_path)
        changed = await ask("arena-set", name="photos", mark="keep", cache_max="5MB")
        assert (changed["mark"], changed["cache"]) == ("keep", {"max": "5MB", "leave": None})
        assert fakes.opened["photos"].applied[-1].cache == CacheConfig(Amount(5_000_000))
        changed = await ask("arena-set", name="photos", cache_leave="12.5%")
        assert changed["cache"] == {"max": "5MB", "leave": "12.5%"}
        assert fakes.opened["photos"].applied[-1].cache.leave == Amount(12.5, percent=True)
        with pytest.raises(Misuse, match="more than the disk"):
            await ask("arena-set", name="photos", cache_max="101%")
        with pytest.raises(NotFound, match="films"):
            await ask("arena-set", name="films", mark="keep", cache_max=None)


async def test_without_a_daemon_the_same_commands_answer(
    home: Home, fakes: FakeShells, tmp_path: Path
) -> None:
    async with alone(home, fakes) as ask:
        await add_photos(ask, tmp_path)
        assert not fakes.opened, "nothing runs for a list"
        holiday = path_text(bytes(tmp_path / "photos" / "holiday"))
        [marked] = await ask("mark-set", mark="keep", paths=[holiday])
        assert marked == {
            "arena": "photos",
            "path": "holiday",
            "mark": "keep",
            "explicit": True,
            "mark_from": "holiday",
            "rule": None,
        }
        with pytest.raises(NoDaemon):
            await ask("mount", directory=str(tmp_path / "m"), arena=None)


async def test_info_has_what_is_promised(home: Home, fakes: FakeShells, tmp_path: Path) -> None:
    async with running(home, fakes) as ask:
        await add_photos(ask, tmp_path)
        path = path_text(bytes(tmp_path / "photos") + b"/holiday/\xff.jpg")
        found = await ask("info", path=path)
        assert found == {
            "arena": "photos",
            "path": "holiday/\udcff.jpg",
            "kind": "file",
            "mark": "watch",
            "explicit": False,
            "mark_from": None,
            "rule": None,
            "sentence": '"holiday/\udcff.jpg" isn\'t here, and is fetched when it is read; desk has it.',
            "status": "remote",
            "hash": None,
            "size": 3,
            "version": {"desk": 1},
            "holders": [{"peer": "desk", "state": "own"}],
            "decision": None,
            "why": "It is shown here.",
            "lately": [],
        }
        assert (await ask("mark-get", path=str(tmp_path / "photos")))["path"] == "/"


async def test_marks_are_set_and_cleared_on_many_paths(
    home: Home, fakes: FakeShells, tmp_path: Path
) -> None:
    async with running(home, fakes) as ask:
        await add_photos(ask, tmp_path)
        paths = [str(tmp_path / "photos"), str(tmp_path / "photos" / "holiday")]
        marked = await ask("mark-set", mark="own", paths=paths)
        assert [each["explicit"] for each in marked] == [True, True]
        cleared = await ask("mark-clear", paths=paths)
        assert [each["mark"] for each in cleared] == ["watch", "watch"]
        with pytest.raises(BadMark):
            await ask("mark-set", mark="nonsense", paths=paths)
        with pytest.raises(NotFound, match='no "beach"'):
            await ask("mark-set", mark="own", paths=[*paths, str(tmp_path / "photos" / "beach")])
        assert not (await ask("mark-get", path=paths[0]))["explicit"], "all of them, or none"


async def test_status_shows_everything_and_one_bad_arena_beside_good_ones(
    home: Home, fakes: FakeShells, tmp_path: Path
) -> None:
    async with alone(home, fakes) as ask:
        await add_photos(ask, tmp_path)
        await ask("arena-add", name="films", directory=str(tmp_path / "films"))
    fakes.refusals["films"] = [RootGone("Its disk is gone.")] * 99
    async with running(home, fakes) as ask:
        found = await ask("status")
        photos, films = found["arenas"]
        assert (photos["files"], photos["pending"], photos["problem"]) == (3, 1, None)
        assert (films["files"], films["problem"]) == (0, "Its disk is gone.")
        assert found["problems"] == ['Arena "films": Its disk is gone.']
        assert found["wire"] == {"bytes_in": 0, "bytes_out": 0}
        assert found["peers"] == []
        assert found["listen"]
        with pytest.raises(RootGone, match="disk is gone"):
            await ask("info", path=str(tmp_path / "films" / "x"))


async def test_an_address_that_is_taken_stops_nothing_else(
    fakes: FakeShells, tmp_path: Path
) -> None:
    async with running(fake_home(tmp_path), FakeShells()) as first:
        taken = await first("status")
        text = f'name = "lap"\nlisten = ["{taken["listen"][0]}"]\n'
        async with running(fake_home(tmp_path / "b", text), fakes) as ask:
            await add_photos(ask, tmp_path)
            found = await ask("status")
            assert found["listen"] == []
            assert taken["listen"][0] in found["problems"][0]


async def test_the_first_mount_makes_an_arena(
    home: Home, fakes: FakeShells, tmp_path: Path
) -> None:
    async with running(home, fakes) as ask:
        done = await ask("mount", directory=str(tmp_path / "arena"), arena=None)
        assert done["created"]
        assert 'new arena "arena"' in done["sentence"]
        assert "\n" not in done["sentence"]
        assert tmp_path / "arena" in fakes.mounted
        with pytest.raises(AlreadyRunning):
            await ask("mount", directory=str(tmp_path / "second"), arena=None)


async def test_what_a_mount_shows(home: Home, fakes: FakeShells, tmp_path: Path) -> None:
    async def shown(directory: Path, arena: str | None) -> object:
        async with running(home, fakes) as ask:
            done = await ask("mount", directory=str(directory), arena=arena)
            return done["arena"]

    async with alone(home, fakes) as ask:
        await add_photos(ask, tmp_path)
    assert await shown(tmp_path / "m", None) == "photos"
    async with alone(home, fakes) as ask:
        await ask("arena-add", name="films", directory=str(tmp_path / "films"))
    assert await shown(tmp_path / "m", None) is None
    assert await shown(tmp_path / "m", "films") == "films"
    assert await shown(tmp_path / "films", None) == "films"
    with pytest.raises(ExceptionGroup) as caught:
        await shown(tmp_path / "m", "nothing")
    assert caught.group_contains(NotFound)


async def test_an_invitation_names_what_it_opens(
    home: Home, fakes: FakeShells, tmp_path: Path
) -> None:
    async with running(home, fakes) as ask:
        added = await add_photos(ask, tmp_path)
        made = await ask("invite", arenas=["photos", "photos"])
        invited = invitation.decode(made["code"])
        assert [shared.name for shared in invited.arenas] == ["photos"]
        assert invited.arenas[0].arena.hex() == added["id"]
        assert made["serving"]
        with pytest.raises(BadInvitation, match="made here"):
            await ask("join", code=made["code"], directory=None, parent="/", mark=None)
        with pytest.raises(NotFound, match="films"):
            await ask("invite", arenas=["films"])


async def test_an_invitation_needs_a_port_that_is_known(
    home: Home, fakes: FakeShells, tmp_path: Path
) -> None:
    async with alone(home, fakes) as ask:
        await add_photos(ask, tmp_path)
        with pytest.raises(Misuse, match="serve"):
            await ask("invite", arenas=["photos"])


async def test_joining_takes_the_arena_up_and_the_code_is_good_once(
    home: Home, fakes: FakeShells, tmp_path: Path
) -> None:
    guests = FakeShells()
    async with running(home, fakes) as ask, running(fake_home(tmp_path / "b"), guests) as guest:
        added = await add_photos(ask, tmp_path)
        made = await ask("invite", arenas=["photos"])
        joining = {"code": made["code"], "parent": str(tmp_path / "b"), "mark": "keep"}
        joined = await guest("join", directory=None, **joining)
        assert joined["inviter"] == "desk"
        assert joined["arenas"][0]["root"] == str(tmp_path / "b" / "photos")
        assert (joined["arenas"][0]["id"], joined["arenas"][0]["mark"]) == (added["id"], "keep")
        assert "photos" in guests.opened
        [peer] = await guest("peer-list")
        assert (peer["name"], peer["arenas"]) == ("desk", ["photos"])
        with pytest.raises(BadInvitation, match="here already"):
            await guest("join", directory=None, **joining)
        async with alone(fake_home(tmp_path / "c"), FakeShells()) as third:
            with pytest.raises(BadInvitation, match="was used"):
                await third("join", directory=str(tmp_path / "c" / "photos"), **joining)
            assert not (tmp_path / "c" / "photos").exists()


async def test_joining_where_nobody_answers_changes_nothing(
    home: Home, fakes: FakeShells, tmp_path: Path
) -> None:
    async with running(home, fakes) as ask:
        await add_photos(ask, tmp_path)
        made = await ask("invite", arenas=["photos"])
    async with alone(fake_home(tmp_path / "b"), FakeShells()) as guest:
        with pytest.raises(Unreachable):
            await guest("join", code=made["code"], directory=None, parent=str(tmp_path / "b"))
        assert await guest("arena-list") == []


async def test_requests_that_make_no_sense_are_refused(home: Home, fakes: FakeShells) -> None:
    async with alone(home, fakes) as ask:
        for command, arguments in (
            ("nonsense", {}),
            ("info", {}),
            ("info", {"path": 3}),
            ("invite", {"arenas": "photos"}),
            ("arena-add", {"name": "x", "directory": "relative"}),
        ):
            with pytest.raises(BadControlLine):
                await ask(command, **arguments)
