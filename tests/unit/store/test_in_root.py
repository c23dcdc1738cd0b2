"""Another name, other permissions: of the very file that is known, whoever is at work meanwhile."""

import errno
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from realizefs.model.errors import Busy
from realizefs.store import in_root
from realizefs.store.fingerprint import matches_none
from realizefs.store.realfile import Root

MTIME_NS = 1_234_567_890_123_456_789


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Root]:
    (tmp_path / "d").mkdir()
    (tmp_path / "d/f").write_bytes(b"old")
    root = Root(tmp_path)
    yield root
    root.close()


def save(directory: Path, content: bytes = b"new") -> None:
    """As programs do: by a rename."""
    (directory / "saved").write_bytes(content)
    (directory / "saved").rename(directory / "d/f")


def before_rename(monkeypatch: pytest.MonkeyPatch, meddle: Callable[[], None]) -> None:
    """What somebody else does between the check and the rename, once."""
    original, meddlers = Root.rename, [meddle]

    def rename(self: Root, *arguments: Any) -> None:
        if meddlers:
            meddlers.pop()()
        original(self, *arguments)

    monkeypatch.setattr(Root, "rename", rename)


def before(
    monkeypatch: pytest.MonkeyPatch, call: str, meddle: Callable[..., None], *arguments: Any
) -> None:
    """The same before the next call of that name to the system."""
    original, meddlers = getattr(os, call), [meddle]

    def meddled(*given: Any, **options: Any) -> Any:
        if meddlers:
            meddlers.pop()(*arguments)
        return original(*given, **options)

    monkeypatch.setattr(f"realizefs.store.in_root.os.{call}", meddled)


def test_a_file_gets_a_name(root: Root, tmp_path: Path) -> None:
    in_root.move(root, b"d/f", b"g", root.fingerprint(b"d/f"))
    assert (tmp_path / "g").read_bytes() == b"old"
    assert os.listdir(tmp_path / "d") == []


def test_nothing_is_replaced(root: Root, tmp_path: Path) -> None:
    (tmp_path / "g").write_bytes(b"another")
    with pytest.raises(FileExistsError):
        in_root.move(root, b"d/f", b"g", root.fingerprint(b"d/f"))
    assert (tmp_path / "g").read_bytes() == b"another"


def test_only_the_file_that_is_known_gets_it(root: Root, tmp_path: Path) -> None:
    expected = root.fingerprint(b"d/f")
    save(tmp_path)
    with pytest.raises(Busy, match='"d/f" changed just now'):
        in_root.move(root, b"d/f", b"g", expected)
    assert not (tmp_path / "g").exists()


def test_what_is_saved_at_that_moment_keeps_its_own(
    root: Root, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before_rename(monkeypatch, lambda: save(tmp_path))
    with pytest.raises(Busy, match='"d/f" changed just now'):
        in_root.move(root, b"d/f", b"g", root.fingerprint(b"d/f"))
    assert (tmp_path / "d/f").read_bytes() == b"new"
    assert not (tmp_path / "g").exists()


def test_permissions_and_mtime(root: Root, tmp_path: Path) -> None:
    (tmp_path / "d/f").chmod(0o4755)
    atime_ns = os.stat(tmp_path / "d/f").st_atime_ns
    found = in_root.stamp(root, b"d/f", root.fingerprint(b"d/f"), 0o640, MTIME_NS)
    assert found == root.fingerprint(b"d/f")
    assert (found.mode & 0o7777, found.mtime_ns) == (0o4640, MTIME_NS)
    assert os.stat(tmp_path / "d/f").st_atime_ns == atime_ns


def test_another_file_is_left_as_it_is(root: Root, tmp_path: Path) -> None:
    expected = root.fingerprint(b"d/f")
    save(tmp_path, b"new")  # of the same size
    before = root.fingerprint(b"d/f")
    with pytest.raises(Busy, match='"d/f" changed just now'):
        in_root.stamp(root, b"d/f", expected, 0o640, MTIME_NS)
    assert root.fingerprint(b"d/f") == before


def test_another_thing_is_left_as_it_is(root: Root, tmp_path: Path) -> None:
    """A symlink, a socket, or nothing."""
    expected = root.fingerprint(b"d/f")
    (tmp_path / "d/f").unlink()
    with pytest.raises(Busy):
        in_root.stamp(root, b"d/f", expected, 0o640, MTIME_NS)
    (tmp_path / "d/f").symlink_to("g")
    with pytest.raises(Busy):
        in_root.stamp(root, b"d/f", expected, 0o640, MTIME_NS)
    (tmp_path / "d/f").unlink()
    os.mknod(tmp_path / "d/f", stat.S_IFSOCK | 0o600)
    with pytest.raises(Busy):
        in_root.stamp(root, b"d/f", expected, 0o640, MTIME_NS)


def test_what_takes_its_place_at_that_moment_does_not_pass_for_it(
    root: Root, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before(monkeypatch, "fchmod", lambda: save(tmp_path, b"new"))
    found = in_root.stamp(root, b"d/f", root.fingerprint(b"d/f"), 0o640, MTIME_NS)
    now = root.fingerprint(b"d/f")
    assert found.ino != now.ino
    assert now.mtime_ns != MTIME_NS


def test_what_may_be_written_meanwhile_is_looked_at_again(root: Root, tmp_path: Path) -> None:
    """Its mtime tells what was, and of the rest nothing is a change."""
    with (tmp_path / "d/f").open("r+b") as file:
        before = root.fingerprint(b"d/f")
        found = in_root.stamp(root, b"d/f", before, 0o640, MTIME_NS)
        now = root.fingerprint(b"d/f")
        assert matches_none(found)
        assert (found.mode, found.mtime_ns) == (now.mode, now.mtime_ns)
        assert (now.mode & 0o777, now.mtime_ns) == (0o640, before.mtime_ns)
        file.write(b"new")


def test_where_nobody_can_tell_it_is_looked_at_again(
    root: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A filesystem without leases."""

    def refuse(*_: Any) -> None:
        raise OSError(errno.EINVAL, "no leases")

    monkeypatch.setattr("realizefs.store.in_root.lease", refuse)
    assert matches_none(in_root.stamp(root, b"d/f", root.fingerprint(b"d/f"), 0o640, MTIME_NS))
    assert root.fingerprint(b"d/f").mode & 0o777 == 0o640


def test_a_chmod_at_that_moment_is_a_change(
    root: Root, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for call in ("utime", "fsync"):
        before(monkeypatch, call, (tmp_path / "d/f").chmod, 0o600)
        found = in_root.stamp(root, b"d/f", root.fingerprint(b"d/f"), 0o640, MTIME_NS)
        assert found != root.fingerprint(b"d/f")


def test_who_may_not_read_it_may_change_its_permissions(
    root: Root, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As root may read everything here, it is refused."""
    (tmp_path / "d/f").chmod(0o200)
    original = Root.open

    def refuse(self: Root, path: bytes, flags: int, mode: int = 0) -> int:
        if not flags & os.O_PATH:
            raise PermissionError
        return original(self, path, flags, mode)

    monkeypatch.setattr(Root, "open", refuse)
    found = in_root.stamp(root, b"d/f", root.fingerprint(b"d/f"), 0o600, MTIME_NS)
    assert (found.mode & 0o777, found.mtime_ns) == (0o600, MTIME_NS)
    assert found == root.fingerprint(b"d/f")
