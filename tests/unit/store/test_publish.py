"""Realize and unrealize, the root's half: one rename each, and only of what was decided about."""

import os
import stat
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from realizefs.model.errors import Busy
from realizefs.store.lease import lease
from realizefs.store.openat import renameat2
from realizefs.store.realfile import Root

RENAME = "realizefs.store.publish.renameat2"
LEASE = "realizefs.store.publish.lease"


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Root]:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "f").write_bytes(b"old")
    root = Root(tmp_path)
    yield root
    root.close()


def test_publish_where_nothing_is(root: Root, tmp_path: Path) -> None:
    temp = _temp(root, b"new")
    root.state.temp.stamp(temp, 0o640, 1_234_567_890_123_456_789)
    found = root.publish(temp, b"d/g", None)
    assert found == root.fingerprint(b"d/g")
    assert (found.mode & 0o7777, found.mtime_ns) == (0o640, 1_234_567_890_123_456_789)
    assert (tmp_path / "d" / "g").read_bytes() == b"new"
    assert root.state.empty_temp() == 0


def test_publish_never_replaces_what_it_does_not_know_of(root: Root, tmp_path: Path) -> None:
    temp = _temp(root, b"new")
    with pytest.raises(FileExistsError):
        root.publish(temp, b"d/f", None)
    assert (tmp_path / "d" / "f").read_bytes() == b"old"


def test_publish_over_the_expected_file(root: Root, tmp_path: Path) -> None:
    root.publish(_temp(root, b"new"), b"d/f", root.fingerprint(b"d/f"))
    assert (tmp_path / "d" / "f").read_bytes() == b"new"
    assert root.state.empty_temp() == 0


def test_a_symlink_is_replaced_and_not_followed(root: Root, tmp_path: Path) -> None:
    root.symlink(b"f", b"d/link")
    root.publish(root.state.temp.symlink(b"g", 0)[0], b"d/link", root.fingerprint(b"d/link"))
    assert root.readlink(b"d/link") == b"g"
    assert (tmp_path / "d" / "f").read_bytes() == b"old"


def test_a_directory_is_never_replaced(root: Root) -> None:
    temp = _temp(root, b"new")
    with pytest.raises(IsADirectoryError):
        root.publish(temp, b"d", root.fingerprint(b"d"))
    assert [one.name for one in root.list(b"d")] == [b"f"]


def test_an_edit_before_publish_is_not_lost(root: Root, tmp_path: Path) -> None:
    expected = root.fingerprint(b"d/f")
    (tmp_path / "d" / "f").write_bytes(b"edited")
    temp = _temp(root, b"new")
    with pytest.raises(Busy, match='"d/f" changed just now'):
        root.publish(temp, b"d/f", expected)
    assert (tmp_path / "d" / "f").read_bytes() == b"edited"
    root.state.temp.drop(temp, _ino(root, temp))


def test_a_file_removed_before_publish_is_not_brought_back(root: Root) -> None:
    expected = root.fingerprint(b"d/f")
    root.unlink(b"d/f")
    with pytest.raises(Busy):
        root.publish(_temp(root, b"new"), b"d/f", expected)
    assert root.list(b"d") == []


def test_a_file_replaced_at_the_last_moment_comes_back(
    root: Root, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody renames over the file between our check and our exchange."""
    expected = root.fingerprint(b"d/f")
    (tmp_path / "theirs").write_bytes(b"theirs")

    def late(*arguments: int) -> None:
        monkeypatch.setattr(RENAME, renameat2)
        (tmp_path / "theirs").rename(tmp_path / "d" / "f")
        renameat2(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(RENAME, late)
    temp = _temp(root, b"new")
    with pytest.raises(Busy):
        root.publish(temp, b"d/f", expected)
    assert (tmp_path / "d" / "f").read_bytes() == b"theirs"
    root.state.temp.drop(temp, _ino(root, temp))


def test_a_file_open_for_writing_is_not_replaced(root: Root, tmp_path: Path) -> None:
    expected = root.fingerprint(b"d/f")
    temp = _temp(root, b"new")
    busy = pytest.raises(Busy, match="is open in some program")
    with (tmp_path / "d" / "f").open("r+b"), busy:
        root.publish(temp, b"d/f", expected)
    with (tmp_path / "d" / "f").open("rb"):  # readers keep the old one
        root.publish(temp, b"d/f", expected)


def test_adopt_moves_the_file_out(root: Root, tmp_path: Path) -> None:
    inode = root.lstat(b"d/f").st_ino
    root.adopt(b"d/f", root.fingerprint(b"d/f"), (root.state.blobs_fd, b"blob"))
    assert root.list(b"d") == []
    blob = tmp_path / ".realize" / "blobs" / "blob"
    assert (blob.read_bytes(), blob.stat().st_ino) == (b"old", inode)


@pytest.mark.parametrize("flags", [os.O_RDONLY, os.O_WRONLY, os.O_RDWR])
def test_adopt_refuses_what_somebody_has_open(root: Root, tmp_path: Path, flags: int) -> None:
    fd = os.open(tmp_path / "d" / "f", flags)
    try:
        with pytest.raises(Busy, match='"d/f" is open in some program'):
            _adopt(root)
    finally:
        os.close(fd)
    _adopt(root)


def test_a_mere_reference_does_not_count_as_open(root: Root, tmp_path: Path) -> None:
    fd = os.open(tmp_path / "d" / "f", os.O_PATH)
    _adopt(root)
    os.close(fd)


def test_adopt_refuses_what_changed(root: Root, tmp_path: Path) -> None:
    expected = root.fingerprint(b"d/f")
    root.chmod(b"d/f", 0o600)
    with pytest.raises(Busy, match="changed just now"):
        root.adopt(b"d/f", expected, (root.state.blobs_fd, b"blob"))
    assert os.listdir(tmp_path / ".realize" / "blobs") == []


def test_adopt_refuses_a_file_with_another_name(root: Root) -> None:
    """A writer through the other name would change the blob."""
    root.link(b"d/f", b"g")
    with pytest.raises(Busy, match="other hard links"):
        _adopt(root)


def test_somebody_who_opens_it_during_the_move_gets_it_back(
    root: Root, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They found it before the rename and wait for the lease; the file must not become a blob."""
    opened: list[int] = []

    def late(*arguments: int) -> None:
        monkeypatch.setattr(RENAME, renameat2)
        with pytest.raises(BlockingIOError):  # the break is under way; without O_NONBLOCK it waits
            opened.append(os.open(tmp_path / "d" / "f", os.O_RDWR | os.O_NONBLOCK))
        renameat2(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(RENAME, late)
    with pytest.raises(Busy, match="was opened by some program just now"):
        _adopt(root)
    assert (tmp_path / "d" / "f").read_bytes() == b"old"
    assert os.listdir(tmp_path / ".realize" / "blobs") == []
    assert opened == []


def test_what_replaces_it_during_the_move_stays_where_it_is(
    root: Root, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program saves by renaming over the file: its edit must not become the blob of the old one."""
    (tmp_path / "theirs").write_bytes(b"theirs")

    def late(*arguments: int) -> None:
        monkeypatch.setattr(RENAME, renameat2)
        (tmp_path / "theirs").rename(tmp_path / "d" / "f")
        renameat2(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(RENAME, late)
    with pytest.raises(Busy):
        _adopt(root)
    assert (tmp_path / "d" / "f").read_bytes() == b"theirs"
    assert os.listdir(tmp_path / ".realize" / "blobs") == []


def test_an_edit_before_the_lease_is_seen(
    root: Root, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody writes to the file, and has closed it, between our look at it and our lease."""

    def late(fd: int, kind: int, shown: str) -> AbstractContextManager[None]:
        monkeypatch.setattr(LEASE, lease)
        (tmp_path / "d" / "f").write_bytes(b"edited")
        return lease(fd, kind, shown)

    monkeypatch.setattr(LEASE, late)
    with pytest.raises(Busy, match="changed just now"):
        _adopt(root)
    monkeypatch.setattr(LEASE, late)
    temp = _temp(root, b"new")
    with pytest.raises(Busy, match="changed just now"):
        root.publish(temp, b"d/f", root.fingerprint(b"d/f"))
    assert (tmp_path / "d" / "f").read_bytes() == b"edited"
    assert os.listdir(tmp_path / ".realize" / "blobs") == []
    root.state.temp.drop(temp, _ino(root, temp))


def test_somebody_who_begins_to_write_during_publish_writes_to_what_is_there(
    root: Root, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They have found the old file and wait for the lease: it must not go to the trash with what
    they are about to write."""

    def late(*arguments: int) -> None:
        monkeypatch.setattr(RENAME, renameat2)
        with pytest.raises(BlockingIOError):
            os.open(tmp_path / "d" / "f", os.O_RDWR | os.O_NONBLOCK)
        renameat2(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(RENAME, late)
    temp = _temp(root, b"new")
    with pytest.raises(Busy, match="changed just now"):
        root.publish(temp, b"d/f", root.fingerprint(b"d/f"))
    assert (tmp_path / "d" / "f").read_bytes() == b"old"
    root.state.temp.drop(temp, _ino(root, temp))


def test_nothing_stays_open_or_leased(root: Root, tmp_path: Path) -> None:
    before = sorted(os.listdir("/proc/self/fd"))
    _adopt(root)
    os.close(os.open(tmp_path / ".realize" / "blobs" / "blob", os.O_RDWR | os.O_NONBLOCK))
    assert sorted(os.listdir("/proc/self/fd")) == before


def _adopt(root: Root) -> None:
    root.adopt(b"d/f", root.fingerprint(b"d/f"), (root.state.blobs_fd, b"blob"))


def _temp(root: Root, data: bytes) -> bytes:
    fd, name = root.state.temp.file()
    os.write(fd, data)
    os.fsync(fd)
    os.close(fd)
    return name


def _ino(root: Root, temp: bytes) -> int:
    return os.lstat(temp, dir_fd=root.state.tmp_fd).st_ino


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFSOCK, None])
def test_another_thing_in_its_place_is_a_change(
    root: Root, tmp_path: Path, kind: int | None
) -> None:
    """It was an error of the disk's, after which nothing was tried again soon."""
    expected = root.fingerprint(b"d/f")
    (tmp_path / "d/f").unlink()
    if kind == stat.S_IFLNK:
        (tmp_path / "d/f").symlink_to("g")
    elif kind is not None:
        os.mknod(tmp_path / "d/f", kind | 0o600)
    with pytest.raises(Busy, match='"d/f" changed just now'):
        root.adopt(b"d/f", expected, root.state.temp.place(b"f"))
