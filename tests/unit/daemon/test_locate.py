"""From paths of this machine to paths in arenas."""

from pathlib import Path

import pytest

from realizefs.daemon.arenas import Arenas
from realizefs.daemon.config import ArenaConfig
from realizefs.daemon.locate import Places
from realizefs.daemon.mounts import Mounted
from realizefs.model.errors import NotFound
from realizefs.model.ids import ArenaId


@pytest.fixture
def arenas(tmp_path: Path) -> Arenas:
    made = Arenas()
    made.add(ArenaConfig("photos", ArenaId(b"p" * 16), tmp_path / "photos"))
    made.add(ArenaConfig("home/docs", ArenaId(b"d" * 16), tmp_path / "docs"))
    return made


def as_bytes(path: Path) -> bytes:
    return bytes(path)


async def test_a_path_in_a_root_is_found_without_a_mount(arenas: Arenas, tmp_path: Path) -> None:
    places = Places(arenas, None)
    slot, inside = await places.find(as_bytes(tmp_path / "photos") + b"/a/\xff")
    assert (slot.config.name, inside) == ("photos", b"a/\xff")
    slot, inside = await places.find(as_bytes(tmp_path / "docs"))
    assert (slot.config.name, inside) == ("home/docs", b"")


async def test_a_mount_of_one_arena_shows_its_paths(arenas: Arenas, tmp_path: Path) -> None:
    places = Places(arenas, Mounted(tmp_path / "m", "photos"))
    slot, inside = await places.find(as_bytes(tmp_path / "m" / "home"))
    assert (slot.config.name, inside) == ("photos", b"home")


async def test_a_household_shows_a_folder_for_each(arenas: Arenas, tmp_path: Path) -> None:
    places = Places(arenas, Mounted(tmp_path / "m", None))
    slot, inside = await places.find(as_bytes(tmp_path / "m" / "home" / "docs" / "x"))
    assert (slot.config.name, inside) == ("home/docs", b"x")
    with pytest.raises(NotFound, match="only leads to them"):
        await places.find(as_bytes(tmp_path / "m" / "home"))


async def test_a_symlink_on_the_way_is_followed_and_the_last_name_is_not(
    arenas: Arenas, tmp_path: Path
) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "link").symlink_to("/nowhere")
    (tmp_path / "way").symlink_to(tmp_path / "photos")
    slot, inside = await Places(arenas, None).find(as_bytes(tmp_path / "way" / "link"))
    assert (slot.config.name, inside) == ("photos", b"link")


async def test_what_is_in_no_arena_is_said_so(arenas: Arenas, tmp_path: Path) -> None:
    places = Places(arenas, None)
    with pytest.raises(NotFound, match="neither in a mount"):
        await places.find(as_bytes(tmp_path / "photos2"))
    with pytest.raises(NotFound, match="state of the arena"):
        await places.find(as_bytes(tmp_path / "photos" / ".realize" / "db"))
