"""What the filesystem of a directory can do, tried with files that have no name."""

import errno
import fcntl
import os
from pathlib import Path

from realizefs.model.diagnosis import Features
from realizefs.store.allocation import allocated

FICLONE = 0x40049409
"""ioctl of linux/fs.h: share all blocks of another file."""

_SPARSE_BYTES = 1 << 20
_NO_SUCH_FEATURE = {errno.EOPNOTSUPP, errno.ENOTTY, errno.EINVAL, errno.ENOSYS, errno.EXDEV}


def features(directory: int) -> Features:
    """Of the filesystem that an open directory is on; OSError where nothing can be made there."""
    one = _unnamed(directory)
    try:
        other = _unnamed(directory)
        try:
            disk = os.fstatvfs(directory)
            return Features(
                xattrs=_has_xattrs(one),
                sparse=_is_sparse(other),
                reflinks=_clones(one, other),
                free=disk.f_bavail * disk.f_frsize,
                size=disk.f_blocks * disk.f_frsize,
                filesystem=filesystem(directory),
            )
        finally:
            os.close(other)
    finally:
        os.close(one)


def filesystem(fd: int) -> str:
    """The type of the filesystem that something open is on, as /proc/self/mountinfo has it; "" where
    that doesn't say."""
    information = Path(f"/proc/self/fdinfo/{fd}").read_text(encoding="ascii")
    ids = [line.split()[1] for line in information.splitlines() if line.startswith("mnt_id:")]
    for line in Path("/proc/self/mountinfo").read_bytes().splitlines():
        before, _, after = line.partition(b" - ")
        if before.split()[0].decode() in ids:
            return after.split()[0].decode("ascii", "replace")
    return ""


def _unnamed(directory: int) -> int:
    """A new file there, which is gone when it is closed."""
    flags = os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC
    try:
        return os.open(".", flags, 0o600, dir_fd=directory)
    except OSError as error:
        if error.errno not in {errno.EOPNOTSUPP, errno.EISDIR}:
            raise
    name = f"probe-{os.getpid()}-{os.urandom(8).hex()}"
    fd = os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=directory)
    os.unlink(name, dir_fd=directory)
    return fd


def _has_xattrs(fd: int) -> bool:
    try:
        os.setxattr(fd, b"user.realize.probe", b"1")
    except OSError as error:
        if error.errno not in {errno.EOPNOTSUPP, errno.ENOTSUP}:
            raise
        return False
    return True


def _is_sparse(fd: int) -> bool:
    os.ftruncate(fd, _SPARSE_BYTES)
    return allocated(fd) < _SPARSE_BYTES


def _clones(source: int, target: int) -> bool:
    os.pwrite(source, b"\0" * 4096, 0)
    try:
        fcntl.ioctl(target, FICLONE, source)
    except OSError as error:
        if error.errno not in _NO_SUCH_FEATURE:
            raise
        return False
    return True
