"""What is done to a file that stays in the root: a new name, or other permissions and another mtime.

Both are done to the very file that the caller knows, by its fingerprint: what a user puts in its place
at that moment must never pass for it. Callers index the fingerprint that `stamp` returns, and no other.
"""

import os
from contextlib import ExitStack

from realizefs.model.entries import Fingerprint
from realizefs.model.errors import Busy
from realizefs.model.paths import show, split
from realizefs.model.versions import LOCAL_MODE
from realizefs.store.fingerprint import NEVER_INDEXED, fingerprint_of, same_but_renamed
from realizefs.store.lease import NO_WRITERS, lease
from realizefs.store.openat import RENAME_NOREPLACE
from realizefs.store.realfile import Root


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

    Returns its fingerprint then; NEVER_INDEXED where somebody has it open for writing, who may just
    have written what the mtime no longer tells. Nobody else can open it for that meanwhile.
    """
    with ExitStack() as stack:
        fd, is_readable = _open(root, path)
        stack.callback(os.close, fd)
        _check(fd, expected, path)
        alone = True
        if is_readable:
            try:
                stack.enter_context(lease(fd, NO_WRITERS, show(path)))
            except Busy:
                alone = False
            _check(fd, expected, path)
        itself = f"/proc/self/fd/{fd}"  # an O_PATH descriptor has no other way
        os.chmod(itself, mode | (expected.mode & LOCAL_MODE))
        os.utime(itself, ns=(os.fstat(fd).st_atime_ns, mtime_ns))
        if is_readable:
            os.fsync(fd)
        return fingerprint_of(os.fstat(fd)) if alone else NEVER_INDEXED


def _open(root: Root, path: bytes) -> tuple[int, bool]:
    """And whether it is open for reading: who may not read his own file may change its attributes."""
    try:
        return root.open(path, os.O_RDONLY | os.O_NONBLOCK), True
    except PermissionError:
        return root.open(path, os.O_PATH), False


def _check(fd: int, expected: Fingerprint, path: bytes) -> None:
    if not same_but_renamed(fingerprint_of(os.fstat(fd)), expected):
        raise _changed(path)


def _changed(path: bytes) -> Busy:
    return Busy(f'"{show(path)}" changed just now; it will be looked at again.')
