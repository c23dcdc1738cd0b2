"""Reading a directory's `.realizeignore`, as it is in the arena root at this moment.

What is there and can't be read might say that something is private, so it counts as ignoring all
that is new below it, and says so.
"""

import errno
import os
import stat
from dataclasses import dataclass

from realizefs.core.ignore import IGNORE_BYTES_MAX, IGNORE_NAME, Judge, Patterns, everything, parse
from realizefs.model.limits import KIB
from realizefs.model.paths import join, show
from realizefs.store.realfile import Root

_NONE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EISDIR, errno.ENXIO)
"""No such file, or no file: as git does, a symlink isn't followed."""


@dataclass(frozen=True, slots=True)
class IgnoreFile:
    """What it says, when it was changed, and a sentence where it can't be read."""

    patterns: Patterns = ()
    mtime_ns: int = 0
    problem: str = ""


def read_ignore_file(root: Root, directory: bytes) -> IgnoreFile:
    """That of a directory; one without patterns if there is none. Blocking."""
    path = join(directory, IGNORE_NAME)
    try:
        fd = root.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in _NONE:
            return IgnoreFile()
        return _unreadable(path, f"can't be read: {os.strerror(error.errno or errno.EIO)}")
    try:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode):
            return IgnoreFile()
        data = os.read(fd, IGNORE_BYTES_MAX + 1)
    except OSError as error:
        return _unreadable(path, f"can't be read: {os.strerror(error.errno or errno.EIO)}")
    finally:
        os.close(fd)
    if len(data) > IGNORE_BYTES_MAX:
        return _unreadable(path, f"has more than {IGNORE_BYTES_MAX // KIB} KiB")
    return IgnoreFile(parse(data), found.st_mtime_ns)


def judge_of(root: Root) -> Judge:
    """A judge of what is ignored at this moment."""
    return Judge(lambda directory: read_ignore_file(root, directory).patterns)


def _unreadable(path: bytes, why: str) -> IgnoreFile:
    problem = f'"{show(path)}" {why}. Nothing new beside or below it is shared until it can be.'
    return IgnoreFile(everything(f"{show(path)} {why}"), 0, problem)
