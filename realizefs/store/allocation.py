"""What a sparse file takes on disk, and giving parts of it back.

Usage is counted in allocated blocks, as the disk does it, not in bytes of content. The kernel's
count includes blocks that are promised but not yet placed (delayed allocation).
"""

import ctypes
import os
from collections.abc import Callable
from functools import cache

STAT_BLOCK_BYTES = 512
"""The unit of st_blocks, whatever the filesystem's own block is."""

_KEEP_SIZE = 0x01
_PUNCH_HOLE = 0x02


def allocated(fd: int) -> int:
    """Bytes of disk that the open file takes."""
    return os.fstat(fd).st_blocks * STAT_BLOCK_BYTES


@cache
def _fallocate() -> Callable[..., int]:
    function = ctypes.CDLL(None, use_errno=True).fallocate64
    function.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)
    return function


def punch_hole(fd: int, start: int, end: int) -> None:
    """Give back the disk blocks within [start, end), which then read as zeros; size stays."""
    if start >= end:
        return
    if _fallocate()(fd, _PUNCH_HOLE | _KEEP_SIZE, start, end - start) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def sync_filesystem(fd: int) -> None:
    """Make durable whatever was written to the filesystem that `fd` is on, names included.

    For many small files it is much cheaper than an fdatasync each: one journal commit.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syncfs(ctypes.c_int(fd)) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
