"""Real files: never out of the root, never into our own state, moved in and out whole."""

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from realizefs.model.errors import RootGone, StoreFault
from realizefs.model.versions import Kind
from realizefs.store.openat import RENAME_NOREPLACE, RENAME_WHITEOUT
from realizefs.store.realfile import Root

ODD = [b"\xff\xfe", b"a:b", b"...", b"..\n", b"\n", b"-rf", b"x" * 255, " ü".encode()]


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Root]:
    (tmp_path / "root" / "d").mkdir(parents=True)
    (tmp_path / "root" / "d" / "f").write_bytes(b"bytes")
    (tmp_path / "outside").write_bytes(b"outside")
    (tmp_path / "root" / "out").symlink_to("../outside")
    (tmp_path / "root" / "up").symlink_to("..")
    root = Root(tmp_path / "root")
    yield root
    root.close()


@pytest.mark.parametrize("name", ODD)
def test_every_legal_name_works(root: Root, name: bytes) -> None:
    path = b"d/" + name
    root.mkdir(path)
    root.rename(path, name)
    assert name in {one.name for one in root.list(b"")}
    assert stat.S_ISDIR(root.lstat(name).st_mode)
    root.rmdir(name)


def test_a_listing_tells_the_kinds(root: Root) -> None:
    root.mknod(b"fifo", stat.S_IFIFO | 0o600)
    os.close(root.open(b"file", os.O_CREAT | os.O_WRONLY, 0o600))
    assert {one.name: one.kind for one in root.list(b"")} == {
        b"d": Kind.DIRECTORY,
        b"file": Kind.FILE,
        b"out": Kind.SYMLINK,
        b"up": Kind.SYMLINK,
        b"fifo": None,
    }


@pytest.mark.parametrize("path", [b".realize", b".realize/db", b".realize/lock"])
def test_our_own_state_does_not_exist_for_callers(root: Root, path: bytes) -> None:
    for look in (root.lstat, root.readlink, root.list, root.fingerprint):
        with pytest.raises(FileNotFoundError):
            look(path)
    with pytest.raises(FileNotFoundError):
        root.open(path, os.O_RDONLY)
    with pytest.raises(FileNotFoundError):
        root.rename(b"d", path)


@pytest.mark.parametrize(
    "path", [b"d/../.realize/db", b"./d", b"..", b"d/..", b"d//f", b"/d", b"d/", b"d\0/f", b"d/."]
)
def test_paths_that_are_not_plain_are_refused(root: Root, path: bytes) -> None:
    for call in (root.lstat, root.unlink, root.mkdir, root.list):
        with pytest.raises(OSError, match="Invalid argument"):
            call(path)


def test_no_operation_follows_a_symlink(root: Root, tmp_path: Path) -> None:
    before = (tmp_path / "outside").stat()
    for call in (
        lambda: root.open(b"out", os.O_WRONLY | os.O_TRUNC),
        lambda: root.open(b"up/outside", os.O_RDONLY),
        lambda: root.truncate(b"out", 0),
        lambda: root.list(b"up"),
        lambda: root.unlink(b"up/outside"),
        lambda: root.lstat(b"up/outside"),
        lambda: root.rename(b"d/f", b"up/stolen"),
        lambda: root.link(b"up/outside", b"mine"),
        lambda: root.setxattr(b"out", b"user.x", b"1"),
        lambda: root.chmod(b"out", 0o777),
    ):
        with pytest.raises(OSError, match="Errno"):
            call()
    root.utime_ns(b"out", 1, 2)
    after = (tmp_path / "outside").stat()
    assert (after.st_mtime_ns, after.st_mode, after.st_size) == (
        before.st_mtime_ns,
        before.st_mode,
        before.st_size,
    )
    assert root.lstat(b"out").st_mtime_ns == 2
    assert sorted(os.listdir(tmp_path)) == ["outside", "root"]


def test_a_link_to_a_symlink_is_the_symlink(root: Root) -> None:
    root.link(b"out", b"d/same")
    assert root.readlink(b"d/same") == b"../outside"


def test_attributes_of_files_and_of_the_root_itself(root: Root) -> None:
    for path in (b"", b"d", b"d/f"):
        root.chmod(path, 0o711)
        root.utime_ns(path, None, -1_000_000_007)
        root.setxattr(path, b"user.realize.mark", b"keep")
        found = root.lstat(path)
        assert (found.st_mode & 0o7777, found.st_mtime_ns) == (0o711, -1_000_000_007)
        assert root.getxattr(path, b"user.realize.mark") == b"keep"
        assert root.listxattr(path) == [b"user.realize.mark"]
        with pytest.raises(FileExistsError):
            root.setxattr(path, b"user.realize.mark", b"own", os.XATTR_CREATE)
        root.removexattr(path, b"user.realize.mark")
        with pytest.raises(OSError, match="No data") as caught:
            root.getxattr(path, b"user.realize.mark")
        assert caught.value.errno == errno.ENODATA


def test_the_root_itself_can_not_be_moved_or_removed(root: Root) -> None:
    for call in (
        lambda: root.rename(b"", b"d/x"),
        lambda: root.rename(b"d", b""),
        lambda: root.rmdir(b""),
        lambda: root.unlink(b""),
        lambda: root.mkdir(b""),
        lambda: root.publish(b"x", b"", None),
    ):
        with pytest.raises(OSError, match="Errno"):
            call()


def test_rename_flags(root: Root) -> None:
    with pytest.raises(FileExistsError):
        root.rename(b"d", b"out", RENAME_NOREPLACE)
    with pytest.raises(OSError, match="Invalid argument"):
        root.rename(b"d", b"e", RENAME_WHITEOUT)


def test_parents_are_made_where_missing(root: Root) -> None:
    assert root.make_parents(b"d/x/y/file") == [b"d/x", b"d/x/y"]
    assert root.make_parents(b"d/x/y/file") == []
    with pytest.raises(NotADirectoryError):
        root.make_parents(b"d/f/y/file")


def test_another_directory_laid_over_the_same_path_is_not_seen(root: Root, tmp_path: Path) -> None:
    """As a mount over the root does: the path means something else, the root stays."""
    (tmp_path / "root").rename(tmp_path / "moved")
    (tmp_path / "root").mkdir()
    assert root.lstat(b"d/f").st_size == 5
    fd, name = root.state.temp.file()
    os.close(fd)
    root.publish(name, b"d/new", None)
    assert (tmp_path / "moved" / "d" / "new").exists()


def test_a_root_that_is_gone_has_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(RootGone, match="missing\" can't be opened: No such file"):
        Root(tmp_path / "missing")


def test_state_elsewhere_on_the_same_filesystem(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    root = Root(tmp_path / "root", tmp_path / "state")
    assert root.list(b"") == []
    assert sorted(os.listdir(tmp_path / "state")) == ["blobs", "db", "tmp"]
    root.close()


def test_state_on_another_filesystem_is_refused(tmp_path: Path) -> None:
    elsewhere = Path(f"/dev/shm/{tmp_path.name}-{os.getpid()}")
    try:
        with pytest.raises(StoreFault, match="is not on the filesystem of the arena root"):
            Root(tmp_path, elsewhere)
    finally:
        elsewhere.rmdir()
    assert os.listdir(tmp_path) == []


def test_state_inside_the_root_under_another_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreFault, match="is inside the arena root"):
        Root(tmp_path, tmp_path / "state")


def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    before = sorted(os.listdir("/proc/self/fd"))
    root = Root(tmp_path)
    root.mkdir(b"a")
    root.mkdir(b"a/b")
    root.lstat(b"a/b")
    root.setxattr(b"a/b", b"user.x", b"")
    root.list(b"a")
    root.sync_directory(b"a")
    root.close()
    root.close()
    assert sorted(os.listdir("/proc/self/fd")) == before


def test_temp_files_of_a_crash_are_removed(root: Root) -> None:
    fd, _ = root.state.temp.file()
    os.close(fd)
    root.state.temp.symlink(b"nowhere", 0)
    assert root.state.empty_temp() == 2
    assert root.state.empty_temp() == 0
