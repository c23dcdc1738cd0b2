"""Where an arena root may be."""

from pathlib import Path

import pytest

from realizefs.daemon.config import ArenaConfig
from realizefs.daemon.placing import check_place, make_root
from realizefs.model.errors import Misuse
from realizefs.model.ids import ArenaId


def arena(root: Path) -> ArenaConfig:
    return ArenaConfig("photos", ArenaId(bytes(16)), root)


def test_a_missing_folder_is_made(tmp_path: Path) -> None:
    root = check_place(tmp_path / "photos", [])
    make_root(root)
    assert root.is_dir()


def test_a_root_is_not_in_another_nor_around_it(tmp_path: Path) -> None:
    known = [arena(tmp_path / "a" / "b")]
    (tmp_path / "a" / "b" / "c").mkdir(parents=True)
    with pytest.raises(Misuse, match="is already the root of"):
        check_place(tmp_path / "a" / "b", known)
    with pytest.raises(Misuse, match="is inside the root of"):
        check_place(tmp_path / "a" / "b" / "c", known)
    with pytest.raises(Misuse, match="contains the root of"):
        check_place(tmp_path / "a", known)
    assert check_place(tmp_path / "a" / "bb", known) == tmp_path / "a" / "bb"


def test_a_symlink_does_not_hide_that(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "a")
    with pytest.raises(Misuse, match="is inside the root of"):
        check_place(tmp_path / "link" / "b", [arena(tmp_path / "a")])


def test_what_can_not_be_a_root_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Misuse, match="is not a folder"):
        check_place(tmp_path / "file", [])
    with pytest.raises(Misuse, match="there is no folder"):
        check_place(tmp_path / "none" / "photos", [])
