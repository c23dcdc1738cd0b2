"""Marks and what is derived, as extended attributes (DESIGN 3.3)."""

import errno
import os
from pathlib import Path

import pytest

from realizefs.model.marks import Mark
from tests.mount.conftest import Bench, failure

MARK = "user.realize.mark"


@pytest.fixture
def file(bench: Bench) -> Path:
    bench.view.call(bench.arena.peer_adds, "d/a", b"12345")
    return bench.mnt / "d" / "a"


def test_a_mark_is_set_read_listed_and_removed(bench: Bench, file: Path) -> None:
    for path in (file, file.parent, bench.mnt):
        assert failure(os.getxattr, path, MARK) == errno.ENODATA
        assert os.listxattr(path) == []
        os.setxattr(path, MARK, b"keep")
        assert os.getxattr(path, MARK) == b"keep"
        assert os.listxattr(path) == [MARK]
        os.removexattr(path, MARK)
        assert failure(os.removexattr, path, MARK) == errno.ENODATA


def test_an_unknown_mark_is_einval_and_changes_nothing(bench: Bench, file: Path) -> None:
    os.setxattr(file, MARK, b"own")
    assert failure(os.setxattr, file, MARK, b"nonsense") == errno.EINVAL
    assert os.getxattr(file, MARK) == b"own"


def test_the_mark_of_the_mount_root_is_the_arena_roots(bench: Bench) -> None:
    os.setxattr(bench.mnt, MARK, b"own")
    assert bench.arena.marks == {bench.arena.root_ino: Mark.OWN}


def test_derived_attributes_are_read_only_and_unlisted(file: Path) -> None:
    assert os.getxattr(file, "user.realize.mark.effective") == b"watch"
    assert os.getxattr(file, "user.realize.status") == b"remote"
    assert os.getxattr(file, "user.realize.peers") == b"desk own\nnas cached"
    assert len(os.getxattr(file, "user.realize.hash")) == 64
    assert failure(os.getxattr, file.parent, "user.realize.hash") == errno.ENODATA
    for name in ("user.realize.status", "user.realize.mark.effective", "user.realize.other"):
        assert failure(os.setxattr, file, name, b"x") == errno.EPERM
        assert failure(os.removexattr, file, name) == errno.EPERM
    assert failure(os.getxattr, file, "user.realize.other") == errno.ENODATA
    assert os.listxattr(file) == []


def test_only_a_user_s_own_attributes_are_kept_of_unreal_files(file: Path) -> None:
    assert failure(os.getxattr, file, "user.colour") == errno.ENODATA
    os.setxattr(file, "user.colour", b"red")
    assert os.getxattr(file, "user.colour") == b"red"
    assert failure(os.setxattr, file, "system.x", b"") == errno.ENOTSUP


def test_a_native_mark_isnt_listed_twice(bench: Bench) -> None:
    (bench.root / "a").touch()
    os.setxattr(bench.root / "a", MARK, b"keep")
    os.setxattr(bench.root / "a", "user.colour", b"red")
    assert os.listxattr(bench.mnt / "a") == ["user.colour"]
    os.setxattr(bench.mnt / "a", MARK, b"keep")
    assert os.listxattr(bench.mnt / "a") == [MARK, "user.colour"]
