"""Files with several names: what stands for them, and that it is forgotten."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from realizefs.fs import hardlinks, items
from realizefs.fs.hardlinks import Hardlinks
from realizefs.fs.items import Item
from tests.fakes.arena import FakeArena


@pytest.fixture
def arena(tmp_path: Path) -> Iterator[FakeArena]:
    arena = FakeArena(tmp_path)
    yield arena
    arena.store.root.close()


def item(arena: FakeArena, name: str) -> Item:
    found = items.child(arena, arena.root_ino, name.encode())
    assert found is not None
    return found


def two_names(arena: FakeArena, root: Path, name: str = "a") -> tuple[Item, Item]:
    (root / name).touch()
    os.link(root / name, root / f"{name}2")
    return item(arena, name), item(arena, f"{name}2")


def test_the_first_name_that_was_shown_stands_for_all(arena: FakeArena, tmp_path: Path) -> None:
    links = Hardlinks()
    first, second = two_names(arena, tmp_path)
    assert links.shown_as(second) == second.ino
    assert links.shown_as(first) == second.ino
    assert links.names(second.ino) == sorted([first.ino, second.ino])
    (tmp_path / "a2").unlink()
    assert links.name_of(arena, second.ino) == first.ino
    assert links.unlinked(second.ino) == (second.ino, True)
    assert links.shown_as(item(arena, "a")) == second.ino


def test_a_file_with_one_name_costs_nothing(arena: FakeArena, tmp_path: Path) -> None:
    links = Hardlinks()
    (tmp_path / "a").touch()
    assert links.shown_as(item(arena, "a")) == item(arena, "a").ino
    assert len(links) == 0


def test_another_file_under_the_same_number_is_another(arena: FakeArena, tmp_path: Path) -> None:
    links = Hardlinks()
    first, second = two_names(arena, tmp_path)
    assert links.shown_as(first) == links.shown_as(second)
    (tmp_path / "a").unlink()
    (tmp_path / "a2").unlink()
    third, fourth = two_names(arena, tmp_path, "b")  # may well have the native number of "a"
    assert links.shown_as(third) == links.shown_as(fourth) == third.ino


def test_what_the_kernel_forgot_is_remembered_for_so_many_files(
    arena: FakeArena, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hardlinks, "LINKED_FILES_MAX", 3)
    links = Hardlinks()
    shown = [links.shown_as(two_names(arena, tmp_path, f"f{number}-")[1]) for number in range(9)]
    assert len(links) == 9  # the kernel knows them
    for ino in shown:
        links.forget(ino)
    assert len(links) == 3
    assert links.shown_as(item(arena, "f8-")) == shown[8]
    assert links.shown_as(item(arena, "f0-")) == item(arena, "f0-").ino
