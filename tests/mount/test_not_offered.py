"""What FUSE in Python has no way to offer is refused as Linux says it is, and leaves nothing."""

import ctypes
import errno
import os
from pathlib import Path

import pytest

from tests.mount.conftest import Bench, failure

KEEP_SIZE, PUNCH_HOLE = 1, 2


def fallocate(fd: int, mode: int) -> int:
    """The errno of the system call, without what the C library would do in its place."""
    libc = ctypes.CDLL(None, use_errno=True)
    start, length = ctypes.c_long(0), ctypes.c_long(4096)
    return ctypes.get_errno() if libc.fallocate(fd, mode, start, length) != 0 else 0


@pytest.fixture(params=["real", "unreal"])
def directory(bench: Bench, request: pytest.FixtureRequest) -> Path:
    if request.param == "real":
        (bench.root / "d").mkdir()
        (bench.root / "d/file").write_bytes(b"bytes" * 2000)
    else:
        bench.view.call(bench.arena.peer_adds, "d/file", b"bytes" * 2000)
    return bench.mnt / "d"


def test_a_file_without_a_name_cannot_be_made(directory: Path) -> None:
    for flags in (os.O_RDWR, os.O_WRONLY | os.O_EXCL):
        assert failure(os.open, directory, flags | os.O_TMPFILE, 0o600) == errno.EOPNOTSUPP
    assert os.listdir(directory) == ["file"]


def test_room_cannot_be_allocated_nor_holes_be_punched(directory: Path) -> None:
    with (directory / "file").open("r+b") as file:
        for mode in (0, KEEP_SIZE, KEEP_SIZE | PUNCH_HOLE):
            assert fallocate(file.fileno(), mode) == errno.EOPNOTSUPP
    assert (directory / "file").read_bytes() == b"bytes" * 2000


def test_ranges_are_copied_all_the_same(directory: Path) -> None:
    with (directory / "file").open("rb") as source, (directory / "copy").open("wb") as copy:
        assert os.copy_file_range(source.fileno(), copy.fileno(), 100_000) == 10_000
    assert (directory / "copy").read_bytes() == b"bytes" * 2000
