"""Writing around the page cache: the same bytes, wherever that can and can't be done."""

import ctypes
import errno
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from realizefs.codec.buffers import Buffers
from realizefs.model.ids import Inode
from realizefs.model.limits import MIB
from realizefs.store import direct
from realizefs.store.blobs import Blobs
from realizefs.store.direct import FILE_BYTES_MIN, PIECE_BYTES_MIN, DirectWriter, pays
from realizefs.store.env import Environment
from tests.unit.store.cached import any_may_go, at_most, version

SIZES = (0, 1, 4095, MIB - 1, MIB, MIB + 1, 3 * MIB + 4096, 9 * MIB + 5000)
STARTS = (0, 512, 4096, 4097, 2 * MIB)


@pytest.fixture
def file(tmp_path: Path) -> Iterator[int]:
    fd = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT)
    yield fd
    os.close(fd)


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[tuple[bool, int]]:
    """Whether each write went around the page cache, and how many bytes it was given."""
    found: list[tuple[bool, int]] = []
    real = os.pwrite

    def pwrite(fd: int, data: memoryview, start: int) -> int:
        found.append((bool(fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_DIRECT), len(data)))
        return real(fd, data, start)

    monkeypatch.setattr(os, "pwrite", pwrite)
    return found


def aligned(size: int) -> memoryview:
    """Random bytes that begin at a page, as those that come over the wire do."""
    view = Buffers().take(size)
    view[:] = os.urandom(size)
    return view


def address(view: memoryview) -> int:
    return ctypes.addressof(ctypes.c_ubyte.from_buffer(view))


def opens_without(code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on nothing can be opened with O_DIRECT."""
    real = os.open

    def opened(path: str, flags: int, *more: int) -> int:
        if flags & os.O_DIRECT:
            raise OSError(code, os.strerror(code))
        return real(path, flags, *more)

    monkeypatch.setattr(os, "open", opened)


@pytest.mark.parametrize("start", STARTS)
def test_the_bytes_are_those(file: int, start: int) -> None:
    writer = DirectWriter()
    for size in SIZES:
        os.ftruncate(file, 0)
        data = os.urandom(size)
        writer.pwrite_all(file, data, start)
        assert os.pread(file, size + 1, start) == data
        assert not any(os.pread(file, start, 0))


def test_what_is_large_and_aligned_goes_directly_and_the_rest_as_usual(
    file: int, written: list[tuple[bool, int]]
) -> None:
    DirectWriter().pwrite_all(file, aligned(9 * MIB + 5000), 4096)
    assert written == [(True, 9 * MIB + 4096), (False, 904)]
    written.clear()
    DirectWriter().pwrite_all(file, bytes(MIB), 100)
    DirectWriter().pwrite_all(file, bytes(MIB - 1), 0)
    assert written == [(False, MIB), (False, MIB - 1)]


def test_what_is_elsewhere_in_memory_goes_by_a_buffer(
    file: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many disks take it from anywhere, as that of this test may."""
    real, found = os.pwrite, list[tuple[bool, int]]()

    def pwrite(fd: int, view: memoryview, start: int) -> int:
        is_direct = bool(fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_DIRECT)
        if is_direct and address(view) % 4096:
            raise OSError(errno.EINVAL, "misaligned")
        found.append((is_direct, len(view)))
        return real(fd, view, start)

    monkeypatch.setattr(os, "pwrite", pwrite)
    data = memoryview(bytearray(os.urandom(9 * MIB + 5001)))[1:]
    assert address(data) % 4096
    DirectWriter().pwrite_all(file, data, 4096)
    assert found == [(True, 4 * MIB), (True, 4 * MIB), (True, MIB + 4096), (False, 904)]
    assert os.pread(file, len(data) + 1, 4096) == data


def test_readers_of_the_descriptor_keep_the_page_cache(file: int) -> None:
    DirectWriter().pwrite_all(file, bytes(MIB), 0)
    assert not fcntl.fcntl(file, fcntl.F_GETFL) & os.O_DIRECT


@pytest.mark.parametrize("code", [errno.EINVAL, errno.EOPNOTSUPP, errno.ENOENT])
def test_a_filesystem_that_can_not_is_written_as_usual(
    file: int, code: int, written: list[tuple[bool, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    opens_without(code, monkeypatch)
    DirectWriter().pwrite_all(file, bytes(2 * MIB), 0)
    assert written == [(False, 2 * MIB)]


def test_larger_blocks_than_ours_are_found_at_the_first_write(
    file: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, data = os.pwrite, os.urandom(2 * MIB + 7)

    def pwrite(fd: int, view: memoryview, start: int) -> int:
        if fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_DIRECT:
            raise OSError(errno.EINVAL, "misaligned")
        return real(fd, view, start)

    monkeypatch.setattr(os, "pwrite", pwrite)
    DirectWriter().pwrite_all(file, data, 0)
    assert os.pread(file, len(data) + 1, 0) == data


def test_a_write_that_is_cut_short_goes_on_where_it_ended(
    file: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, data = os.pwrite, os.urandom(6 * MIB)

    def pwrite(fd: int, view: memoryview, start: int) -> int:
        is_whole = len(view) in (6 * MIB, 4 * MIB)  # at once, and out of the buffer
        return real(fd, view[:5000], start) if is_whole else real(fd, view, start)

    monkeypatch.setattr(os, "pwrite", pwrite)
    monkeypatch.setattr(direct, "_ALIGNMENT", 1)  # the filesystem here may not take 5,000 bytes
    monkeypatch.setattr(os, "O_DIRECT", 0)
    DirectWriter().pwrite_all(file, data, 0)
    assert os.pread(file, len(data) + 1, 0) == data


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_a_full_or_a_bad_disk_is_told(
    file: int, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pwrite(fd: int, view: memoryview, start: int) -> int:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "pwrite", pwrite)
    before = set(os.listdir("/proc/self/fd"))
    with pytest.raises(OSError, match=os.strerror(code)):
        DirectWriter().pwrite_all(file, bytes(MIB), 0)
    assert set(os.listdir("/proc/self/fd")) <= before, "nothing stays open"


@pytest.mark.parametrize("direct", [True, False])
def test_a_blob_is_written_so_where_it_is_asked_for(
    env: Environment, tmp_path: Path, written: list[tuple[bool, int]], direct: bool
) -> None:
    fd = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    blobs = Blobs(env, fd, at_most(2 * FILE_BYTES_MIN))
    blob = blobs.open(Inode(2), version("a", FILE_BYTES_MIN))
    data = aligned(2 * MIB)
    assert blobs.store(blob, MIB, cast("bytes", data), any_may_go, direct=direct)
    assert written == [(direct, len(data))]
    assert blob.read(MIB, len(data)) == bytes(data)
    blob.close()
    blobs.close()
    os.close(fd)


def test_it_pays_for_much_of_a_big_file() -> None:
    assert pays(FILE_BYTES_MIN, PIECE_BYTES_MIN)
    assert not pays(FILE_BYTES_MIN - 1, PIECE_BYTES_MIN)
    assert not pays(FILE_BYTES_MIN, PIECE_BYTES_MIN - 1)
