"""Setting a mark: on the native file, so that it stays with it, and in the table.

The xattr goes first: after a crash in between the next scan finds it and sets the table.
"""

import errno
import os

import trio

from realizefs.model.entries import Fingerprint, Node
from realizefs.model.errors import BadMark, NotFound
from realizefs.model.marks import Mark
from realizefs.model.paths import show
from realizefs.store.realfile import Root
from realizefs.sync.batch import Batch
from realizefs.sync.context import Context
from realizefs.sync.local import follow_ctime
from realizefs.sync.record import MARK_XATTR, set_mark

_NO_XATTRS = (errno.ENOTSUP, errno.EPERM, errno.EACCES)


async def change_mark(context: Context, node: Node, mark: Mark | None) -> None:
    """Set or clear the mark of a node; committed on return."""
    stats = await trio.to_thread.run_sync(_mark_native, context.store.root, node.path, mark)
    if node.entry is None:  # made just now: the scanner takes the mark over from the xattr
        if stats is None:
            raise NotFound(f'"{show(node.path)}" does not exist.')
        context.on_touched(node.path)
        return

    def record(batch: Batch) -> None:
        if stats is not None:
            follow_ctime(batch, node.ino, *stats)
        set_mark(batch, node.ino, mark)

    await context.commit(record)


def _mark_native(
    root: Root, path: bytes, mark: Mark | None
) -> tuple[Fingerprint, Fingerprint] | None:
    """Fingerprints before and after; None where there is no native file."""
    try:
        before = root.fingerprint(path)
    except OSError:
        return None
    write_mark(root, path, mark)
    root.sync(path)  # else a power failure takes the xattr away, and the next scan the mark
    return before, root.fingerprint(path)


def native_mark(root: Root, path: bytes) -> Mark | None:
    """The mark on a native thing that isn't indexed yet."""
    try:
        return Mark.parse(root.getxattr(path, MARK_XATTR))
    except (OSError, BadMark):
        return None


def write_mark(root: Root, path: bytes, mark: Mark | None) -> None:
    """Make the xattr say `mark`; a filesystem or kind of file without xattrs has the table."""
    try:
        if mark is not None:
            root.setxattr(path, MARK_XATTR, mark.value.encode())
        else:
            root.removexattr(path, MARK_XATTR)
    except OSError as error:
        if error.errno != errno.ENODATA and error.errno not in _NO_XATTRS:
            raise


def write_fd_mark(fd: int, mark: Mark | None) -> None:
    """The same for an open file that is about to be published."""
    try:
        if mark is not None:
            os.setxattr(fd, MARK_XATTR, mark.value.encode())
        else:
            os.removexattr(fd, MARK_XATTR)
    except OSError as error:
        if error.errno != errno.ENODATA and error.errno not in _NO_XATTRS:
            raise
