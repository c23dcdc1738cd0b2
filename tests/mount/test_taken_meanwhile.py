"""A job takes a file out of the root just when it was found there: its user notices nothing."""

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from realizefs.store.realfile import Root
from tests.mount.conftest import Bench

VALUE = b"red"


def _unlinked(path: Path) -> bool:
    path.unlink()
    return not path.exists()


def _chmodded(path: Path) -> bool:
    path.chmod(0o600)
    return stat.S_IMODE(path.stat().st_mode) == 0o600


def _dated(path: Path) -> bool:
    os.utime(path, ns=(0, 5_000))
    return path.stat().st_mtime_ns == 5_000


def _coloured(path: Path) -> bool:
    os.setxattr(path, "user.colour", VALUE)
    return os.getxattr(path, "user.colour") == VALUE


def _uncoloured(path: Path) -> bool:
    os.removexattr(path, "user.colour")
    return "user.colour" not in os.listxattr(path)


@pytest.mark.parametrize(
    ("method", "operation"),
    [
        ("unlink", _unlinked),
        ("chmod", _chmodded),
        ("utime_ns", _dated),
        ("setxattr", _coloured),
        ("removexattr", _uncoloured),
        ("getxattr", lambda path: os.getxattr(path, "user.colour") == VALUE),
        ("listxattr", lambda path: "user.colour" in os.listxattr(path)),
    ],
)
def test_what_is_done_to_a_file_is_done_when_it_has_just_become_unreal(
    bench: Bench,
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    operation: Callable[[Path], bool],
) -> None:
    ino = bench.view.call(bench.arena.peer_adds, b"a", b"remote", 0o640)
    bench.arena.attributes(ino)[b"user.colour"] = VALUE
    (bench.root / "a").write_bytes(b"remote")
    os.setxattr(bench.root / "a", "user.colour", VALUE)
    _when_called(monkeypatch, method, (bench.root / "a").unlink)
    assert operation(bench.mnt / "a")
    assert not (bench.root / "a").exists()


def test_a_directory_that_has_just_become_unreal_is_removed(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.view.call(bench.arena.peer_adds, b"d", None, 0o755)
    (bench.root / "d").mkdir()
    _when_called(monkeypatch, "rmdir", (bench.root / "d").rmdir)
    (bench.mnt / "d").rmdir()
    assert not (bench.mnt / "d").exists()


def test_what_is_really_gone_is_said_to_be(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    (bench.root / "a").write_bytes(b"of another program, which")
    _when_called(monkeypatch, "unlink", (bench.root / "a").unlink)
    with pytest.raises(FileNotFoundError):
        (bench.mnt / "a").unlink()


def _when_called(patch: pytest.MonkeyPatch, method: str, take: Callable[[], None]) -> None:
    """The first call of a root's method comes too late."""
    really, calls = getattr(Root, method), []

    def late(root: Root, *arguments: Any) -> Any:
        calls.append(arguments)
        if len(calls) == 1:
            take()
        return really(root, *arguments)

    patch.setattr(Root, method, late)
