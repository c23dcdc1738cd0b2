"""What is done to a file that stays in the root: a new name, or other permissions and another mtime.

Both are done to the very file that the caller knows, by its fingerprint: what a user puts in its place
at that moment must never pass for it. Callers index the fingerprint that `stamp` returns, and no other.
"""

import os
import stat
from contextlib import ExitStack
from dataclasses import replace

from realizefs.model.entries import Fingerprint
from realizefs.model.errors import Busy
from realizefs.model.paths import show, split
from realizefs.model.versions import LOCAL_MODE, SYNCED_MODE
from realizefs.store.fingerprint import NEVER_INDEXED, fingerprint_of, same_but_renamed, unsure
from realizefs.store.lease import NO_WRITERS, lease
from realizefs.store.openat import RENAME_NOREPLACE
from realizefs.store.publish import OTHER_THINGS
from realizefs.store.realfile import Root

COARSE_NS = 2_000_000_000
"""Nanoseconds by which filesystems round mtimes down, at most."""


def move(root: Root, old: bytes, new: bytes, expected: Fingerprint) -> None:
    """Rename what is at `old` to the free name `new`; nothing is synced. Who has it open keeps it.

    Busy if its fingerprint isn't `expected`; FileExistsError where something is.
    """
    if root.fingerprint(old) != expected:
        raise _changed(old)
    root.rename(old, new, RENAME_NOREPLACE)
    # Between the check and the rename it may have been replaced: then that has its own name again.
    if not same_but_renamed(root.fingerprint(new), expected):
        root.rename(new, old, RENAME_NOREPLACE)
        for above in {split(path)[0] for path in (old, new)}:
            root.sync_directory(above)
        raise _changed(old)


def stamp(root: Root, path: bytes, expected: Fingerprint, mode: int, mtime_ns: int) -> Fingerprint:
    """Give the regular file that has this fingerprint, but for ctime, other permission bits, setuid
    and setgid as they are, and that mtime; durable. Busy if it is another, and nothing was done.

    Returns its fingerprint then. Who opens it for writing meanwhile waits. Where somebody has it open for
    that already, its mtime, which tells what he has written, is left alone, and what is returned is
    `unsure`.
    """
    fd, known = _open(root, path, expected)
    try:
        with ExitStack() as held:
            alone = _is_alone(fd, path, held)
            found = os.fstat(fd)
            if not same_but_renamed(fingerprint_of(found), known):
                raise _changed(path)
            os.fchmod(fd, mode | (expected.mode & LOCAL_MODE))
            if alone:
                os.utime(fd, ns=(found.st_atime_ns, mtime_ns))
            now = fingerprint_of(os.fstat(fd))
        os.fsync(fd)  # who opens it for writing needn't wait for the disk
    finally:
        os.close(fd)
    late_ns = (mtime_ns if alone else expected.mtime_ns) - now.mtime_ns
    if now.mode & SYNCED_MODE != mode or not 0 <= late_ns < COARSE_NS:
        return NEVER_INDEXED  # a user's chmod or touch at that moment
    return now if alone else unsure(now)


def _is_alone(fd: int, path: bytes, held: ExitStack) -> bool:
    """Whether nobody has it open for writing, and nobody comes to as long as that is `held`."""
    try:
        held.enter_context(lease(fd, NO_WRITERS, show(path)))
    except (Busy, OSError):  # or the filesystem has no leases: then nobody knows
        return False
    return True


def _open(root: Root, path: bytes, expected: Fingerprint) -> tuple[int, Fingerprint]:
    """To read it, and what it is then: who may not read his own file lets himself, for now."""
    try:
        return root.open(path, os.O_RDONLY | os.O_NONBLOCK), expected
    except PermissionError:
        fd = root.open(path, os.O_PATH)
    except OSError as error:
        if error.errno in OTHER_THINGS:
            raise _changed(path) from None
        raise
    try:
        if not same_but_renamed(fingerprint_of(os.fstat(fd)), expected):
            raise _changed(path)
        itself, readable = f"/proc/self/fd/{fd}", expected.mode | stat.S_IRUSR
        os.chmod(itself, stat.S_IMODE(readable))
        again = os.open(itself, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        return again, replace(expected, mode=readable)
    finally:
        os.close(fd)


def _changed(path: bytes) -> Busy:
    return Busy(f'"{show(path)}" changed just now; it will be looked at again.')
