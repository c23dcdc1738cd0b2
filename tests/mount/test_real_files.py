"""Real files through the mount: natively there, and what an application expects."""

import errno
import fcntl
import os
import socket
import stat
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from realizefs.store.openat import RENAME_EXCHANGE, RENAME_NOREPLACE
from tests.household.waiting import until
from tests.mount.conftest import Bench, failure
from tests.mount.renaming import rename

ODD_NAMES = [b"a:b", b"\xff\xfe", b"new\nline", b"\xc3\xa4 \\040", b"-", b"x" * 255]


def inode(path: Path) -> int:
    return path.lstat().st_ino


def test_what_is_written_is_a_plain_file_in_the_root(bench: Bench) -> None:
    (bench.mnt / "a").write_bytes(b"hello")
    assert (bench.root / "a").read_bytes() == b"hello"
    assert (bench.mnt / "a").read_bytes() == b"hello"
    assert b"a" in bench.arena.touched_paths
    until(lambda: not bench.arena.open_for_writing, "the kernel says, some time, that it is closed")


def test_what_another_program_writes_in_the_root_is_there(bench: Bench) -> None:
    (bench.root / "sub").mkdir()
    (bench.root / "sub" / "a").write_bytes(b"x" * 300_000)
    assert os.listdir(bench.mnt / "sub") == ["a"]
    assert (bench.mnt / "sub" / "a").read_bytes() == b"x" * 300_000
    native, shown = (bench.root / "sub" / "a").stat(), (bench.mnt / "sub" / "a").stat()
    for name in ("st_mode", "st_size", "st_mtime_ns", "st_ctime_ns", "st_uid", "st_blocks"):
        assert getattr(native, name) == getattr(shown, name), name


@pytest.mark.parametrize("name", ODD_NAMES)
def test_every_legal_name_works(bench: Bench, name: bytes) -> None:
    path = os.path.join(bytes(bench.mnt), name)
    with open(path, "wb") as file:
        file.write(b"1")
    assert os.listdir(bytes(bench.mnt)) == [name]
    os.rename(path, path[:-1] + b"z")
    os.unlink(path[:-1] + b"z")
    assert os.listdir(bytes(bench.root)) == [b".realize"]


def test_a_name_longer_than_255_bytes_is_refused(bench: Bench) -> None:
    assert failure((bench.mnt / ("x" * 256)).touch) == errno.ENAMETOOLONG


def test_the_arenas_own_state_cannot_be_seen_or_made(bench: Bench) -> None:
    assert ".realize" not in os.listdir(bench.mnt)
    assert not (bench.mnt / ".realize").exists()
    with pytest.raises(PermissionError):
        (bench.mnt / ".realize").mkdir()
    (bench.mnt / "a").touch()
    with pytest.raises(PermissionError):
        (bench.mnt / "a").rename(bench.mnt / ".realize")


def test_exclusive_creation_and_the_callers_umask(bench: Bench) -> None:
    before = os.umask(0o027)
    try:
        os.close(os.open(bench.mnt / "a", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o777))
        (bench.mnt / "d").mkdir(0o777)
    finally:
        os.umask(before)
    assert stat.S_IMODE((bench.root / "a").stat().st_mode) == 0o750
    assert stat.S_IMODE((bench.root / "d").stat().st_mode) == 0o750
    with pytest.raises(FileExistsError):
        os.open(bench.mnt / "a", os.O_CREAT | os.O_EXCL | os.O_WRONLY)


def test_a_mode_that_the_daemons_umask_would_mask(bench: Bench) -> None:
    """The mount's process has umask 022; the caller asks for more and gets it."""
    before = os.umask(0)
    try:
        os.close(os.open(bench.mnt / "a", os.O_CREAT | os.O_WRONLY, 0o666))
        (bench.mnt / "d").mkdir(0o777)
    finally:
        os.umask(before)
    assert stat.S_IMODE((bench.root / "a").stat().st_mode) == 0o666
    assert stat.S_IMODE((bench.root / "d").stat().st_mode) == 0o777


def test_opening_to_read_can_truncate(bench: Bench) -> None:
    (bench.mnt / "a").write_bytes(b"12345")
    os.close(os.open(bench.mnt / "a", os.O_RDONLY | os.O_TRUNC))
    assert (bench.root / "a").read_bytes() == b""


def test_append_and_truncate(bench: Bench) -> None:
    path = bench.mnt / "a"
    path.write_bytes(b"12345")
    with path.open("ab") as file:
        file.write(b"678")
    assert path.read_bytes() == b"12345678"
    os.truncate(path, 3)
    assert path.read_bytes() == b"123"
    with path.open("r+b") as file:
        file.truncate(5)
    assert path.read_bytes() == b"123\0\0"
    path.write_bytes(b"")
    assert (bench.root / "a").stat().st_size == 0


def test_big_writes_far_offsets_and_fsync(bench: Bench) -> None:
    data = os.urandom(3 << 20)
    with (bench.mnt / "a").open("w+b") as file:
        file.seek(5 << 30)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
        os.fdatasync(file.fileno())
        file.seek(5 << 30)
        assert file.read() == data
    assert (bench.mnt / "a").stat().st_size == (5 << 30) + len(data)
    assert (bench.mnt / "a").stat().st_blocks < 1 << 20
    directory = os.open(bench.mnt, os.O_RDONLY)
    os.fsync(directory)
    os.close(directory)


def test_rename_keeps_the_inode_and_replaces_the_target(bench: Bench) -> None:
    (bench.mnt / "a").write_bytes(b"a")
    (bench.mnt / "b").write_bytes(b"b")
    before = inode(bench.mnt / "a")
    (bench.mnt / "a").rename(bench.mnt / "b")
    assert os.listdir(bench.mnt) == ["b"]
    assert inode(bench.mnt / "b") == before
    assert (bench.root / "b").read_bytes() == b"a"


def test_rename_over_open_file_keeps_bytes(bench: Bench) -> None:
    (bench.mnt / "old").write_bytes(b"old")
    (bench.mnt / "new").write_bytes(b"new!")
    with (bench.mnt / "old").open("rb") as file:
        (bench.mnt / "new").rename(bench.mnt / "old")
        assert file.read() == b"old"
        assert os.fstat(file.fileno()).st_size == 3
    assert (bench.mnt / "old").read_bytes() == b"new!"


def test_a_deleted_file_lives_on_while_it_is_open(bench: Bench) -> None:
    path = bench.mnt / "a"
    with path.open("w+b") as file:
        file.write(b"first")
        file.flush()
        path.unlink()
        path.write_bytes(b"a second one")
        file.seek(0)
        assert file.read() == b"first"
        assert os.fstat(file.fileno()).st_nlink == 0
        assert os.fstat(file.fileno()).st_ino != inode(path)
        os.fchmod(file.fileno(), 0o600)
        os.ftruncate(file.fileno(), 2)
        assert os.fstat(file.fileno()).st_size == 2
    assert path.read_bytes() == b"a second one"


def test_noreplace_and_exchange(bench: Bench) -> None:
    (bench.mnt / "a").write_bytes(b"a")
    (bench.mnt / "b").write_bytes(b"b")
    with pytest.raises(FileExistsError):
        rename(bench.mnt / "a", bench.mnt / "b", RENAME_NOREPLACE)
    rename(bench.mnt / "a", bench.mnt / "b", RENAME_EXCHANGE)
    assert (bench.root / "a").read_bytes() == b"b"
    assert (bench.mnt / "a").read_bytes() == b"b"
    assert (bench.mnt / "b").read_bytes() == b"a"


def test_directories_are_exchanged(bench: Bench) -> None:
    for path in ("a/one", "b/two"):
        (bench.mnt / path).parent.mkdir()
        (bench.mnt / path).touch()
    (bench.mnt / "file").touch()
    with (bench.mnt / "a" / "one").open("w") as file:
        rename(bench.mnt / "a", bench.mnt / "b", RENAME_EXCHANGE)
        file.write("to where it is now")
    rename(bench.mnt / "file", bench.mnt / "a", RENAME_EXCHANGE)
    assert (bench.mnt / "b" / "one").read_text() == "to where it is now"
    assert os.listdir(bench.mnt / "file") == os.listdir(bench.root / "file") == ["two"]
    assert (bench.mnt / "a").is_file()
    assert failure(partial(rename, bench.mnt / "b", bench.mnt / "b/one", RENAME_EXCHANGE)) in (
        errno.EINVAL,
        errno.ENOTEMPTY,
    )


def test_directories(bench: Bench) -> None:
    (bench.mnt / "d" / "e").mkdir(parents=True)
    (bench.mnt / "d" / "f").touch()
    assert failure((bench.mnt / "d").rmdir) == errno.ENOTEMPTY
    (bench.mnt / "d").rename(bench.mnt / "g")
    assert sorted(os.listdir(bench.mnt / "g")) == ["e", "f"]
    (bench.mnt / "g" / "f").unlink()
    (bench.mnt / "g" / "e").rmdir()
    (bench.mnt / "g").rmdir()
    assert os.listdir(bench.root) == [".realize"]


def test_who_is_in_a_new_directory_keeps_its_name_when_it_is_indexed(bench: Bench) -> None:
    """The kernel was told to drop the name, and getcwd failed with ENOENT."""
    (bench.mnt / "d").mkdir()
    fd = os.open(bench.mnt / "d", os.O_RDONLY | os.O_DIRECTORY)
    try:
        bench.view.call(bench.arena.is_indexed, b"d")
        bench.view.settle()
        assert os.readlink(f"/proc/self/fd/{fd}") == str(bench.mnt / "d")
    finally:
        os.close(fd)


def test_links(bench: Bench) -> None:
    (bench.mnt / "a").write_bytes(b"a")
    os.link(bench.mnt / "a", bench.mnt / "b")
    assert (bench.mnt / "b").stat().st_nlink == 2
    (bench.mnt / "s").symlink_to("../outside")
    assert os.readlink(bench.mnt / "s") == "../outside"
    assert os.readlink(bench.root / "s") == "../outside"
    assert stat.S_ISLNK((bench.mnt / "s").lstat().st_mode)
    (bench.mnt / "s").unlink()


def test_fifos_and_sockets_stay_local_and_work(bench: Bench) -> None:
    os.mkfifo(bench.mnt / "fifo", 0o640)
    assert stat.S_ISFIFO((bench.root / "fifo").stat().st_mode)
    reader = os.open(bench.mnt / "fifo", os.O_RDONLY | os.O_NONBLOCK)
    writer = os.open(bench.mnt / "fifo", os.O_WRONLY)
    os.write(writer, b"through")
    assert os.read(reader, 10) == b"through"
    os.close(reader)
    os.close(writer)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(bench.mnt / "s"))
    assert stat.S_ISSOCK((bench.mnt / "s").stat().st_mode)


@pytest.mark.parametrize(
    "ns", [(1, 1_600_000_000_123_456_789), (-5_000_000_001, -1), (0, 2**33 * 10**9)]
)
def test_times_with_nanoseconds_before_1970_and_after_2038(
    bench: Bench, ns: tuple[int, int]
) -> None:
    (bench.mnt / "a").touch()
    os.utime(bench.mnt / "a", ns=ns)
    for path in (bench.mnt / "a", bench.root / "a"):
        assert (path.stat().st_atime_ns, path.stat().st_mtime_ns) == ns


def test_modes_and_owners(bench: Bench) -> None:
    (bench.mnt / "a").touch()
    (bench.mnt / "a").chmod(0o4711)
    assert stat.S_IMODE((bench.root / "a").stat().st_mode) == 0o4711
    os.chown(bench.mnt / "a", os.getuid(), os.getgid())
    assert (bench.mnt / "a").stat().st_uid == os.getuid()


def test_user_attributes_are_the_native_files_own(bench: Bench) -> None:
    (bench.mnt / "a").touch()
    os.setxattr(bench.mnt / "a", "user.colour", b"red")
    assert os.getxattr(bench.root / "a", "user.colour") == b"red"
    assert os.listxattr(bench.mnt / "a") == ["user.colour"]
    with pytest.raises(FileExistsError):
        os.setxattr(bench.mnt / "a", "user.colour", b"blue", os.XATTR_CREATE)
    os.removexattr(bench.mnt / "a", "user.colour")
    assert failure(os.getxattr, bench.mnt / "a", "user.colour") == errno.ENODATA


def test_locks_are_between_processes(bench: Bench) -> None:
    (bench.mnt / "a").touch()
    with (bench.mnt / "a").open("r+b") as first, (bench.mnt / "a").open("r+b") as second:
        fcntl.flock(first, fcntl.LOCK_EX)
        with pytest.raises(BlockingIOError):
            fcntl.flock(second, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_statvfs_is_the_roots(bench: Bench) -> None:
    native, shown = os.statvfs(bench.root), os.statvfs(bench.mnt)
    assert (shown.f_blocks, shown.f_bsize, shown.f_namemax) == (
        native.f_blocks,
        native.f_bsize,
        255,
    )


MAPPING_OF_APPENDER = """
import mmap, os, sys
fd = os.open(sys.argv[1], os.O_RDWR | os.O_APPEND)
with mmap.mmap(fd, 0) as shared:
    shared[0:5] = b"HELLO"
    shared.flush()
os.write(fd, b"!")
"""


def test_a_mapping_of_a_file_open_for_appending_is_written_in_place(bench: Bench) -> None:
    """Its pages were appended to the native file."""
    (bench.mnt / "a").write_bytes(b"hello world")
    command = [sys.executable, "-c", MAPPING_OF_APPENDER, str(bench.mnt / "a")]
    subprocess.run(command, check=True, timeout=30)
    assert (bench.root / "a").read_bytes() == b"HELLO world!"


def test_two_that_append_here_and_in_the_root_overwrite_nothing(bench: Bench) -> None:
    with (bench.mnt / "a").open("ab", buffering=0) as shown:
        shown.write(b"one ")
        with (bench.root / "a").open("ab", buffering=0) as native:
            native.write(b"two ")
        shown.write(b"three")
    assert (bench.root / "a").read_bytes() == b"one two three"


@pytest.mark.parametrize("mode", ["ab", "a+b"])
def test_who_appends_to_what_became_shorter_meanwhile_leaves_no_zeros(
    bench: Bench, mode: str
) -> None:
    """The kernel has yet to hear how long the file is."""
    (bench.mnt / "a").write_bytes(b"a long line")
    with (bench.mnt / "a").open(mode, buffering=0) as shown:
        assert (bench.mnt / "a").stat().st_size == len(b"a long line")
        (bench.root / "a").write_bytes(b"short ")
        shown.write(b"and more")
    assert (bench.root / "a").read_bytes() == b"short and more"


MAPPING = """
import mmap, sys
with open(sys.argv[1], "r+b") as file:
    with mmap.mmap(file.fileno(), 0) as shared:
        shared[0:5] = b"HELLO"
        shared.flush()
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY) as private:
        private[0:5] = b"other"
        assert bytes(private[:5]) == b"other"
"""


def test_shared_and_private_mappings(bench: Bench) -> None:
    (bench.mnt / "a").write_bytes(b"hello world")
    subprocess.run([sys.executable, "-c", MAPPING, bench.mnt / "a"], check=True, timeout=30)
    assert (bench.root / "a").read_bytes() == b"HELLO world"


def test_a_fault_of_ours_is_eio_and_the_mount_lives(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    (bench.root / "a").touch()

    def broken(parent: int, name: bytes) -> None:
        raise ValueError("a bug")

    bench.arena.ino_for = broken  # type: ignore[method-assign]
    assert failure((bench.mnt / "a").stat) == errno.EIO
    assert [record.getMessage() for record in caplog.records] == [
        "The mount failed to lookup: ValueError('a bug')."
    ]
    del bench.arena.ino_for
    assert (bench.mnt / "a").read_bytes() == b""


@pytest.mark.parametrize("by_root", [True, False])
def test_who_writes_to_a_setuid_file_takes_that_away_unless_it_is_root(
    bench: Bench, by_root: bool
) -> None:
    """Writes go past the kernel's page cache, and so past what the kernel does about that."""
    shown, real = bench.mnt / "file", bench.root / "file"
    fd = os.open(shown, os.O_WRONLY | os.O_CREAT, 0o755)
    try:
        [handle] = bench.view.call(
            bench.view.served.handles.files, bench.arena.overlay.peek(bench.arena.root_ino, b"file")
        )
        handle.by_root = by_root
        shown.chmod(0o4755)
        os.write(fd, b"x")
        assert stat.S_IMODE(real.stat().st_mode) == (0o4755 if by_root else 0o755)
    finally:
        os.close(fd)
    if os.geteuid() == 0:  # what was setuid before it was opened, the kernel looks after
        real.chmod(0o4755)
        until(lambda: stat.S_IMODE(shown.stat().st_mode) == 0o4755, "it is setuid again")
        shown.write_text("by root")
        assert stat.S_IMODE(real.stat().st_mode) == 0o4755


def test_what_is_written_past_the_page_cache_is_read_through_it(bench: Bench) -> None:
    content = os.urandom(4 * 1024 * 1024)
    (bench.mnt / "big").write_bytes(content)
    assert (bench.root / "big").read_bytes() == content
    with (bench.mnt / "big").open("ab") as file:
        file.write(b"more")
    with (bench.mnt / "big").open("r+b") as file:
        file.seek(10)
        file.write(b"in between")
    wanted = bytearray(content + b"more")
    wanted[10:20] = b"in between"
    assert (bench.mnt / "big").read_bytes() == bytes(wanted) == (bench.root / "big").read_bytes()
