"""One directory per arena below the mount root."""

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from realizefs.fs.port import Arena
from realizefs.fs.views import HouseholdView
from realizefs.model.ids import Inode
from realizefs.model.marks import Mark
from tests.fakes.arena import FakeArena
from tests.fakes.mounted import MountedView
from tests.mount.conftest import failure
from tests.mount.watching import Watcher

NAMES = ["music", "photos/family", "photos/job"]
INODES_EACH = 10_000


class House:
    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.arenas: list[FakeArena] = []
        for name in NAMES:
            self.add(name)

    def add(self, name: str) -> FakeArena:
        root = self.directory / name.replace("/", "-")
        root.mkdir()
        arena = FakeArena(root, name, first_ino=INODES_EACH * (len(self.arenas) + 1))
        self.arenas.append(arena)
        return arena

    def all(self) -> list[Arena]:
        return list(self.arenas)

    def owner(self, ino: Inode) -> Arena | None:
        place = ino // INODES_EACH - 1
        return self.arenas[place] if place < len(self.arenas) else None


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    for arena in house.arenas:
        arena.store.root.close()


@pytest.fixture
def view(fuse: None, house: House, tmp_path: Path) -> Iterator[MountedView]:
    with MountedView(HouseholdView(house.all, house.owner), tmp_path / "mnt") as view:
        yield view


@pytest.fixture
def mnt(view: MountedView) -> Path:
    return view.path


def test_arenas_are_directories_and_nest(house: House, view: MountedView, mnt: Path) -> None:
    assert sorted(os.listdir(mnt)) == ["music", "photos"]
    assert sorted(os.listdir(mnt / "photos")) == ["family", "job"]
    (mnt / "photos" / "job" / "a").write_bytes(b"1")
    assert (house.directory / "photos-job" / "a").read_bytes() == b"1"
    view.call(house.arenas[0].peer_adds, "d/song", b"la")
    assert (mnt / "music" / "d" / "song").read_bytes() == b"la"
    assert stat.S_IMODE((mnt / "photos").stat().st_mode) == 0o555


def test_nothing_is_made_above_the_arenas(mnt: Path) -> None:
    refused = errno.EROFS if os.geteuid() == 0 else errno.EACCES  # by the modes already
    for directory in (mnt, mnt / "photos"):
        assert failure((directory / "new").mkdir) == refused
        assert failure((directory / "new").touch) == refused
        assert failure(os.setxattr, directory, "user.realize.mark", b"own") == refused
        assert os.listxattr(directory) == []
    assert failure((mnt / "photos").rmdir) == refused
    assert failure((mnt / "music").rename, mnt / "songs") == refused
    assert failure((mnt / "nothing").stat) == errno.ENOENT


def test_arenas_are_filesystems_of_their_own(mnt: Path) -> None:
    (mnt / "music" / "a").touch()
    target = mnt / "photos" / "job" / "a"
    assert failure(os.rename, mnt / "music" / "a", target) == errno.EXDEV
    assert failure(os.link, mnt / "music" / "a", target) == errno.EXDEV


def test_a_mark_on_an_arenas_directory_is_the_arenas(house: House, mnt: Path) -> None:
    os.setxattr(mnt / "photos" / "job", "user.realize.mark", b"own")
    arena = house.arenas[2]
    assert arena.marks == {arena.root_ino: Mark.OWN}


def test_an_arena_added_later_appears(house: House, mnt: Path) -> None:
    os.listdir(mnt)
    arena = house.add("photos/new")
    (house.directory / "photos-new" / "a").touch()
    assert "new" in os.listdir(mnt / "photos")
    assert os.listdir(mnt / "photos" / "new") == ["a"]
    assert arena.listeners


def test_watchers_hear_in_every_arena(house: House, fuse: None, tmp_path: Path) -> None:
    with MountedView(HouseholdView(house.all, house.owner), tmp_path / "mnt") as view:
        with Watcher(view.path / "photos/job") as deep, Watcher(view.path / "music") as top:
            view.call(house.arenas[2].peer_adds, "new", b"w")
            deep.hears(("create", "new"), ("close write", "new"))
            view.call(house.arenas[0].peer_adds, "song", b"m")
            top.hears(("create", "song"))
            assert (view.path / "photos/job/new").read_bytes() == b"w"
