"""The user's own `user.*` attributes and ACLs, taken along where a file becomes real or unreal.

Natively they are the file's; of what is unreal the table has them (`store.attributes`). They stay
on this machine. Where the filesystem, or the kind of file, has none, they are left behind.
"""

import errno
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from realizefs.model import acls
from realizefs.store.realfile import Root

OWN = b"user."
RESERVED = b"user.realize."
"""Ours: marks, and what is derived."""

_NONE_THERE = (errno.ENOTSUP, errno.EPERM, errno.EACCES, errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
"""Also where the native file is gone by now: then nothing comes of what is done with it."""


def is_own(name: bytes) -> bool:
    """Whether it is neither ours nor the kernel's."""
    return (name.startswith(OWN) and not name.startswith(RESERVED)) or name in acls.NAMES


def native_attributes(root: Root, path: bytes) -> dict[bytes, bytes]:
    """Those of a real file or directory; none of what can't have any."""
    found: dict[bytes, bytes] = {}
    try:
        for name in root.listxattr(path):
            if is_own(name):
                found[name] = root.getxattr(path, name)
    except OSError as error:
        if error.errno not in (*_NONE_THERE, errno.ENODATA):
            raise
    return found


def write_attributes(root: Root, path: bytes, attributes: Mapping[bytes, bytes]) -> None:
    """Add them to something that was just made at `path`; an ACL changes its mode."""
    for name, value in attributes.items():
        with _where_there_are_any():
            root.setxattr(path, name, value)


def write_fd_attributes(fd: int, attributes: Mapping[bytes, bytes]) -> None:
    """Make an open file, which may once have been real, have these and no others; before its mode is
    set, which an ACL changes."""
    with _where_there_are_any():
        for known in os.listxattr(fd):
            if is_own(os.fsencode(known)) and os.fsencode(known) not in attributes:
                os.removexattr(fd, known)
    for name, value in attributes.items():
        with _where_there_are_any():
            os.setxattr(fd, name, value)


@contextmanager
def _where_there_are_any() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in _NONE_THERE:
            raise
