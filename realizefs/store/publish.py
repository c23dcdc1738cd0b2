"""The two moves between the root and our own directories, each one atomic rename (DESIGN 7.1).

`put_in` is how content becomes a real file; `take_out` how a real file becomes a blob. Both name
files as (directory fd, name) and are whole after a crash at any point: before the rename nothing
has happened, after it everything has. Both check, under a lease, that the file in the root is
the one that the caller decided about, and put it back if it turns out not to be. What came out of
the root is never deleted before that is known: where a crash or a failing disk leaves it at the
temp name, start-up moves it to the trash (`StateDirectory.empty_temp`).
"""

import errno
import os
import stat
from collections.abc import Callable
from contextlib import ExitStack

from realizefs.model.entries import Fingerprint
from realizefs.model.errors import Busy
from realizefs.store.fingerprint import fingerprint_of, same_but_renamed
from realizefs.store.lease import NO_OTHERS, NO_WRITERS, is_intact, lease
from realizefs.store.openat import RENAME_EXCHANGE, RENAME_NOREPLACE, openat2, renameat2

OTHER_THINGS = (errno.ENOENT, errno.ELOOP, errno.ENXIO)
"""What opening a regular file says where nothing is by now, a symlink, or a socket."""

Place = tuple[int, bytes]
"""A name in an open directory; the fd isn't O_PATH where it is to be synced."""


Keeper = Callable[[Place], None]
"""Takes what was replaced away from where it is given."""


def put_in(
    source: Place,
    target: Place,
    expected: Fingerprint | None,
    shown: str,
    keeper: Keeper | None = None,
) -> Fingerprint:
    """Move `source`, whose bytes the caller has synced, to `target`; durable on return.

    With `expected` None nothing may be there (FileExistsError); else the file that is there must
    have that fingerprint and nobody may have it open for writing, or Busy, and it is replaced
    (directories never are: IsADirectoryError); what it replaces goes to the `keeper`, or away
    without one. Returns the fingerprint of what is there now.
    """
    if expected is None:
        renameat2(*source, *target, RENAME_NOREPLACE)
    else:
        _replace(source, target, expected, shown, keeper)
    result = fingerprint_of(os.lstat(target[1], dir_fd=target[0]))
    os.fsync(target[0])
    return result


def _replace(
    source: Place, target: Place, expected: Fingerprint, shown: str, keeper: Keeper | None
) -> None:
    if stat.S_ISDIR(expected.mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), target[1])
    with ExitStack() as stack:
        fd = -1
        if stat.S_ISREG(expected.mode):
            fd = _open_expected(target, expected, shown)
            stack.callback(os.close, fd)
            stack.enter_context(lease(fd, NO_WRITERS, shown))
        if _fingerprint(target, shown) != expected:
            raise _changed(shown)
        renameat2(*source, *target, RENAME_EXCHANGE)
        # Between the check and the exchange it may have been replaced; since the exchange nobody
        # can find it. So what came out is the truth, and what is wrong goes back in.
        try:
            came_out = _fingerprint(source, shown)
            intact = fd < 0 or is_intact(fd, NO_WRITERS)
            if not intact or not same_but_renamed(came_out, expected):
                raise _changed(shown)
            if keeper is not None and fd >= 0:
                keeper(source)
            else:
                os.unlink(source[1], dir_fd=source[0])
        except BaseException:
            renameat2(*source, *target, RENAME_EXCHANGE)
            os.fsync(target[0])
            raise


def put_directory(
    temporary: Place,
    target: Place,
    mode: int,
    mtime_ns: int | None,
    prepare: Callable[[int], None],
) -> None:
    """Make a directory that has permissions and mtime, and what `prepare` gives its fd, from its
    first moment on; durable. FileExistsError where something is.
    """
    os.mkdir(temporary[1], 0o700, dir_fd=temporary[0])
    try:
        fd = os.open(temporary[1], os.O_RDONLY | os.O_DIRECTORY, dir_fd=temporary[0])
        try:
            prepare(fd)
            os.chmod(fd, mode & 0o7777)
            if mtime_ns is not None:
                os.utime(fd, ns=(mtime_ns, mtime_ns))
            os.fsync(fd)
        finally:
            os.close(fd)
        renameat2(*temporary, *target, RENAME_NOREPLACE)
    except BaseException:
        os.rmdir(temporary[1], dir_fd=temporary[0])
        raise
    os.fsync(target[0])


def take_out(
    source: Place, expected: Fingerprint, target: Place, shown: str, *, alone: bool = True
) -> None:
    """Move the regular file `source` out of the root to the new name `target`; durable on return.

    Busy if its fingerprint isn't `expected`, somebody has it open, or, where it is to be `alone`,
    it has other hard links (a writer through another name would change the blob).

    Where the last fsync fails it has moved all the same, and whoever tries again finds it moved and
    commits that. A power failure may then bring it back: it is in one of the two places in any case,
    and back in the root it is found and is real again.
    """
    fd = _open_expected(source, expected, shown)
    try:
        with lease(fd, NO_OTHERS, shown):
            found = os.fstat(fd)
            if fingerprint_of(found) != expected:
                raise _changed(shown)
            if alone and found.st_nlink != 1:
                raise Busy(f'"{shown}" has other hard links, so it can\'t move to the cache.')
            renameat2(*source, *target, RENAME_NOREPLACE)
            moved = os.lstat(target[1], dir_fd=target[0])
            if moved.st_ino != found.st_ino or not is_intact(fd, NO_OTHERS):
                renameat2(*target, *source, RENAME_NOREPLACE)
                os.fsync(source[0])
                raise Busy(f'"{shown}" was opened by some program just now.')
    finally:
        os.close(fd)
    os.fsync(target[0])
    os.fsync(source[0])


def _open_expected(place: Place, expected: Fingerprint, shown: str) -> int:
    """Open the file for the lease; neither a fifo nor a device put there instead is waited for."""
    try:
        fd = openat2(*place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        if error.errno in OTHER_THINGS:
            raise _changed(shown) from None
        raise
    if fingerprint_of(os.fstat(fd)) != expected:
        os.close(fd)
        raise _changed(shown)
    return fd


def _fingerprint(place: Place, shown: str) -> Fingerprint:
    try:
        return fingerprint_of(os.lstat(place[1], dir_fd=place[0]))
    except FileNotFoundError:
        raise _changed(shown) from None


def _changed(shown: str) -> Busy:
    return Busy(f'"{shown}" changed just now; it will be looked at again.')
