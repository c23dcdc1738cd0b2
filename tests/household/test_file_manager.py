"""A real file manager shows a folder of bob's mount; it is never told to look again."""

import os
import shutil
import subprocess
from collections.abc import Iterator

import pytest

from tests.household.conftest import Household
from tests.household.machines import Pair, word
from tests.household.screens import FileManager, Screen, file_manager, screen
from tests.household.waiting import until


@pytest.fixture(scope="module")
def display(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Screen]:
    with screen(tmp_path_factory.mktemp("screen") / "home") as one:
        yield one


def shows(manager: FileManager, *names: str) -> None:
    until(lambda: manager.shown() == set(names), f"{names} are shown, not {manager.shown()}")


def test_a_file_manager_shows_what_a_peer_does(pair: Pair, display: Screen) -> None:
    (pair.files / "photos").mkdir()
    pair.write("photos/first", "1")
    with file_manager(display, pair.mnt / "photos") as manager:
        shows(manager, "first")
        (pair.files / "photos" / "a new one").write_text("2")
        shows(manager, "first", "a new one")
        (pair.files / "photos" / "album").mkdir()
        shows(manager, "first", "a new one", "album")
        (pair.files / "photos" / "first").rename(pair.files / "photos" / "renamed")
        shows(manager, "renamed", "a new one", "album")
        # Nothing is deleted here: pcmanfm then often shows the wrong one as gone, natively, too.


def test_a_file_manager_shows_what_is_put_in_the_arena_root(pair: Pair, display: Screen) -> None:
    (pair.files / "music").mkdir()
    unreal = pair.write("music/theirs", "1")
    with file_manager(display, pair.mnt / "music") as manager:
        shows(manager, "theirs")
        (pair.root / "music").mkdir(exist_ok=True)
        (pair.root / "music" / "ours").write_text("2")
        shows(manager, "theirs", "ours")
    assert word(unreal) in ("remote", "cached")


def test_sidebars_call_the_mount_as_its_folder_and_know_what_has_room(household: Household) -> None:
    """What GTK's file managers list beside their windows, and its properties, come from GIO."""
    desk = household.machine("desk")
    photos = desk.directory / "Photos"
    photos.mkdir()
    desk.ask("mount", photos)
    home = {"HOME": str(desk.directory), "GIO_USE_VFS": "local", "GIO_USE_VOLUME_MONITOR": "unix"}
    listed = _said(["gio", "mount", "--list", "--detail"], home)
    assert f"Photos -> {photos.as_uri()}\n" in listed
    assert "can_unmount=1" in listed
    told = _said(["gio", "info", "--filesystem", str(photos)], home)
    numbers = dict(line.strip().split(": ") for line in told.splitlines() if "filesystem::" in line)
    disk = shutil.disk_usage(desk.directory)
    assert numbers["filesystem::type"] == "fuse"
    assert int(numbers["filesystem::size"]) == disk.total
    assert 0 < int(numbers["filesystem::free"]) <= disk.total


def _said(words: list[str], environment: dict[str, str]) -> str:
    done = subprocess.run(
        words, check=True, capture_output=True, text=True, env={**os.environ, **environment}
    )
    return done.stdout
