"""The system calls that keep file access inside a directory, and that Python has no name for.

openat2 (Linux 5.6) resolves a whole path below a directory fd in the kernel: with RESOLVE_BENEATH
and RESOLVE_NO_SYMLINKS no path, and no symlink that somebody swaps in meanwhile, leads out of it
(R7). renameat2 renames without replacing, or exchanges two names atomically.
"""

import ctypes
import errno
import os
import struct
from collections.abc import Callable
from functools import cache

from realizefs.model.errors import StoreFault
from realizefs.model.paths import PATH_BYTES_MAX

RENAME_NOREPLACE = 1
"""Fail with EEXIST where the new name is taken."""
RENAME_EXCHANGE = 2
"""Swap the two names; both must exist."""
RENAME_WHITEOUT = 4
"""Overlay filesystems only; refused by callers."""

OPENAT2_TRIES_MAX = 64
"""Tries of openat2: EAGAIN means that a rename raced with the path walk, which ends soon."""

_SYS_OPENAT2 = 437  # the same on every architecture: newer than the unified numbering
_RESOLVE_NO_MAGICLINKS = 0x02
_RESOLVE_NO_SYMLINKS = 0x04
_RESOLVE_BENEATH = 0x08
_RESOLVE = _RESOLVE_BENEATH | _RESOLVE_NO_SYMLINKS | _RESOLVE_NO_MAGICLINKS
_OPEN_HOW_BYTES = 24

_Call = Callable[..., int]


@cache
def _syscall() -> _Call:
    """libc's syscall(), typed for openat2; CDLL releases the GIL for slow disks."""
    function = ctypes.CDLL(None, use_errno=True).syscall
    function.argtypes = (
        ctypes.c_long,
        ctypes.c_int,
        ctypes.c_char_p,
        ctypes.c_char_p,
        ctypes.c_size_t,
    )
    function.restype = ctypes.c_long
    return function


@cache
def _renameat2() -> _Call:
    function = ctypes.CDLL(None, use_errno=True).renameat2
    function.argtypes = (
        ctypes.c_int,
        ctypes.c_char_p,
        ctypes.c_int,
        ctypes.c_char_p,
        ctypes.c_uint,
    )
    return function


def openat2(directory: int, path: bytes, flags: int, mode: int = 0) -> int:
    """Open `path` below the fd `directory`, close-on-exec, never through a symlink.

    The last component may be a symlink only with O_PATH|O_NOFOLLOW, which opens the link itself.
    A path longer than one system call takes is gone in steps.
    OSErrors: ELOOP where a symlink is in the way, EXDEV where the path leads out.
    """
    if len(path) <= PATH_BYTES_MAX:
        return _openat2(directory, path, flags, mode)
    first, rest = _cut(path)
    step = openat2(directory, first, os.O_PATH | os.O_DIRECTORY)
    try:
        return openat2(step, rest, flags, mode)
    finally:
        os.close(step)


def _cut(path: bytes) -> tuple[bytes, bytes]:
    """As much of a path as one system call takes, and the rest; ENAMETOOLONG for a long name."""
    at = path.rfind(b"/", 0, PATH_BYTES_MAX + 1)
    if at <= 0:
        raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG), path)
    return path[:at], path[at + 1 :]


def _openat2(directory: int, path: bytes, flags: int, mode: int) -> int:
    how = struct.pack("=QQQ", flags | os.O_CLOEXEC, mode, _RESOLVE)
    call = _syscall()
    for _ in range(OPENAT2_TRIES_MAX):
        fd = call(_SYS_OPENAT2, directory, path, how, _OPEN_HOW_BYTES)
        if fd >= 0:
            return fd
        code = ctypes.get_errno()
        if code not in (errno.EAGAIN, errno.EINTR):
            break
    if code == errno.ENOSYS:
        raise StoreFault("This kernel lacks openat2; RealizeFS needs Linux 5.6 or newer.")
    raise OSError(code, os.strerror(code), path)


def renameat2(
    old_directory: int, old: bytes, new_directory: int, new: bytes, flags: int = 0
) -> None:
    """Rename the name `old` in one directory to the name `new` in another; OSError if it fails.

    `old` and `new` are single names (or paths that the program itself made).
    """
    if _renameat2()(old_directory, old, new_directory, new, flags) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), old, None, new)
