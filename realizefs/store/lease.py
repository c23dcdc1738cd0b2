"""Leases: knowing that nobody else has a file open, and noticing who opens it meanwhile.

A lease (fcntl F_SETLEASE) is granted only while no other open file description conflicts. When
somebody opens the file afterwards, that open waits in the kernel until the lease is dropped, and
F_GETLEASE stops answering with the type that was granted. So: take the lease, move the file out
of the other's reach, ask whether the lease is intact. If it is, nobody holds or is getting a
descriptor; else move it back before dropping the lease, and they notice nothing.
O_PATH descriptors and inotify watches don't count as open.
"""

import errno
import fcntl
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from realizefs.model.errors import Busy

NO_WRITERS = fcntl.F_RDLCK
"""Nobody has it open for writing; our descriptor must be read-only."""
NO_OTHERS = fcntl.F_WRLCK
"""Nobody else has it open at all."""


@contextmanager
def lease(fd: int, kind: int, shown: str) -> Iterator[None]:
    """Hold a lease of `kind` on the regular file `fd`; Busy, naming `shown`, if it is in use.

    OSErrors pass: EACCES for a file of another user, EINVAL where the filesystem has no leases.
    """
    # The default signal on a break is SIGIO, which ends the process; SIGURG is ignored by default.
    fcntl.fcntl(fd, fcntl.F_SETSIG, signal.SIGURG)
    try:
        fcntl.fcntl(fd, fcntl.F_SETLEASE, kind)
    except OSError as error:
        if error.errno != errno.EAGAIN:
            raise
        raise Busy(f'"{shown}" is open in some program.') from None
    try:
        yield
    finally:
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)


def is_free(fd: int, kind: int, shown: str) -> bool:
    """Whether a lease of `kind` would be granted now."""
    try:
        with lease(fd, kind, shown):
            return True
    except Busy:
        return False


def is_intact(fd: int, kind: int) -> bool:
    """Whether nobody has asked for the file since the lease of `kind` was granted."""
    return fcntl.fcntl(fd, fcntl.F_GETLEASE) == kind
