"""Real, unreal, hidden: what an inode is, decided from the native file first."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from realizefs.fs import items
from realizefs.model.ids import Inode
from tests.fakes.arena import FakeArena


@pytest.fixture
def arena(tmp_path: Path) -> Iterator[FakeArena]:
    arena = FakeArena(tmp_path)
    yield arena
    arena.store.root.close()


def test_the_native_file_is_the_truth(arena: FakeArena, tmp_path: Path) -> None:
    ino = arena.peer_adds("a", b"12345")
    assert items.find(arena, ino).stat is None
    (tmp_path / "a").write_bytes(b"1")
    found = items.find(arena, ino)
    assert found.stat is not None
    assert found.stat.st_size == 1


def test_a_tombstones_inode_is_not_used_again(arena: FakeArena, tmp_path: Path) -> None:
    ino = arena.peer_adds("a")
    arena.peer_removes(ino)
    assert items.child(arena, arena.root_ino, b"a") is None
    (tmp_path / "a").touch()
    made = items.child(arena, arena.root_ino, b"a")
    assert made is not None
    assert made.ino != ino
    again = items.child(arena, arena.root_ino, b"a")
    assert again is not None
    assert again.ino == made.ino


def test_below_a_native_symlink_or_file_nothing_is_native(arena: FakeArena, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "a").touch()
    for name in ("link", "file"):
        ino = arena.peer_adds(f"{name}/a", b"12345")
        assert items.find(arena, ino).stat is None
        if name == "link":
            os.symlink("outside", tmp_path / "link")
        else:
            (tmp_path / "file").touch()
        assert items.find(arena, ino).stat is None


def test_hidden_entries_are_no_children(arena: FakeArena) -> None:
    directory = arena.peer_adds("d", None)
    assert not items.has_children(arena, directory)
    ino = arena.peer_adds("d/a")
    assert items.has_children(arena, directory)
    arena.real.add(ino)
    assert not items.has_children(arena, directory)
    with pytest.raises(FileNotFoundError):
        items.find(arena, ino)


def test_unknown_and_reserved_names_are_nothing(arena: FakeArena) -> None:
    assert items.child(arena, arena.root_ino, b".realize") is None
    assert items.child(arena, arena.root_ino, b"no") is None
    with pytest.raises(FileNotFoundError):
        items.find(arena, Inode(99_999))
