"""Bytes that another file has already: copied by the kernel, which shares them on filesystems that
can (btrfs, XFS), so that an update takes no more disk than what it changes.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Copied:
    """`length` bytes at `start` of a content are those at `at` of the open file `fd`."""

    start: int
    length: int
    fd: int
    at: int


PwriteAll = Callable[[int, bytes | memoryview, int], None]
"""Writes all of some bytes into an open file at an offset; see `pwrite_all`."""


def place(
    fd: int,
    data: bytes | memoryview,
    start: int,
    copied: Sequence[Copied],
    write: PwriteAll,
) -> None:
    """`write` the data at `start`, taking what is `copied` from where it is; in ascending order.

    The other file may change meanwhile, so what was copied is compared with `data` afterwards.
    """
    view, at = memoryview(data), 0
    for each in copied:
        begin = each.start - start
        part = view[begin : begin + each.length]
        if _copy(fd, each) and os.pread(fd, each.length, each.start) == part:
            write(fd, view[at:begin], start + at)
            at = begin + each.length
    write(fd, view[at:], start + at)


def _copy(fd: int, each: Copied) -> bool:
    left, source, target = each.length, each.at, each.start
    while left:
        try:
            count = os.copy_file_range(each.fd, fd, left, source, target)
        except OSError:
            return False  # between filesystems that can't, or a bad disk: it is written instead
        if not count:
            return False
        left, source, target = left - count, source + count, target + count
    return True


def pwrite_all(fd: int, data: bytes | memoryview, start: int) -> None:
    """Write all of it; OSErrors pass through."""
    view = memoryview(data)
    while view:
        written = os.pwrite(fd, view, start)
        view, start = view[written:], start + written


def has_data(fd: int, start: int, end: int) -> bool:
    """Whether the file has bytes, and not only a hole, somewhere in [start, end)."""
    try:
        return os.lseek(fd, start, os.SEEK_DATA) < end
    except OSError:
        return False  # ENXIO: nothing but a hole
