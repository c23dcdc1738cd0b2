"""Extended attributes: the interface of marks (DESIGN 3.3), and the user's own.

`user.realize.mark` is what was set on this very path. The derived ones are read-only (EPERM) and
never listed, so that `cp -a`, `tar --xattrs` and `rsync -X` don't copy state; the rest of
`user.realize.` is reserved (EPERM, ENODATA). Other `user.*` attributes are the native file's own,
or kept in the database where it is unreal, and stay on this machine. So do POSIX ACLs in a mount with
`-o acl`; what is unreal keeps the one that it had, and takes no new one. Other namespaces aren't
supported (ENOTSUP), and `ls -l`, told so once, asks of no further file; only for capabilities,
which the kernel asks for before it writes, the answer is that there are none (ENODATA).
"""

import errno
import os

import pyfuse3

from realizefs.fs import items
from realizefs.fs.items import Item
from realizefs.fs.port import Arena
from realizefs.model import acls
from realizefs.model.ids import Inode
from realizefs.model.marks import Mark
from realizefs.sync.own_attributes import OWN, RESERVED

MARK = b"user.realize.mark"
CAPABILITY = b"security.capability"


def check_namespace(name: bytes, *, acl: bool) -> None:
    """Raise ENODATA or ENOTSUP for a name that nothing here can have."""
    if not name.startswith(OWN) and not (acl and name in acls.NAMES):
        raise _error(errno.ENODATA if name == CAPABILITY else errno.ENOTSUP)


def check_writable(name: bytes, *, acl: bool) -> None:
    """Raise EPERM or ENOTSUP for what nobody may set or remove."""
    if name == MARK or (acl and name in acls.NAMES):
        return
    if name.startswith(RESERVED):
        raise _error(errno.EPERM)
    if not name.startswith(OWN):
        raise _error(errno.ENOTSUP)


def get(arena: Arena, ino: Inode, name: bytes) -> bytes:
    """The value; ENODATA where there is none."""
    if name.startswith(RESERVED):
        return _get_reserved(arena, ino, name)
    item = items.find(arena, ino)
    if item.stat is not None:
        return _native(item, name)
    value = arena.attributes(item.ino).get(name)
    if value is None:
        raise _error(pyfuse3.ENOATTR)
    return acls.with_mode(value, item.version.mode) if name == acls.ACCESS else value


async def put(arena: Arena, ino: Inode, name: bytes, value: bytes) -> None:
    """Set one; BadMark (EINVAL) for an unknown mark, and nothing is changed."""
    if name == MARK:
        mark = Mark.parse(value)
        items.find(arena, ino)
        await arena.set_mark(ino, mark)
        return
    item = items.find(arena, ino)
    if item.stat is not None:
        arena.store.root.setxattr(item.path, name, value)
        arena.touched(item.path)  # an ACL changes the mode, too
    elif name in acls.NAMES:
        raise _error(errno.ENOTSUP)
    else:
        await arena.set_attribute(item.ino, name, value)


async def remove(arena: Arena, ino: Inode, name: bytes) -> None:
    """Remove one; ENODATA where there is none."""
    if name == MARK:
        if arena.explicit_mark(ino) is None:
            raise _error(pyfuse3.ENOATTR)
        await arena.set_mark(ino, None)
        return
    item = items.find(arena, ino)
    if item.stat is not None:
        arena.store.root.removexattr(item.path, name)
        arena.touched(item.path)
        return
    if name not in arena.attributes(item.ino):
        raise _error(pyfuse3.ENOATTR)
    await arena.set_attribute(item.ino, name, None)


def names(arena: Arena, ino: Inode) -> list[bytes]:
    """Those that a copy should take along: the user's own, and an explicit mark."""
    item = items.find(arena, ino)
    listed = [MARK] if arena.explicit_mark(ino) is not None else []
    if item.stat is None:
        listed += [one for one in arena.attributes(item.ino) if one.startswith(OWN)]
    else:
        listed += [one for one in _native_names(item) if not one.startswith(RESERVED)]
    return listed


def _get_reserved(arena: Arena, ino: Inode, name: bytes) -> bytes:
    if name == MARK:
        mark = arena.explicit_mark(ino)
        value = mark.value if mark else ""
    else:
        value = _derived(arena, ino, name)
    if not value:
        raise _error(pyfuse3.ENOATTR)
    return value.encode()


def _derived(arena: Arena, ino: Inode, name: bytes) -> str:
    items.find(arena, ino)
    description = arena.describe(ino)
    match name:
        case b"user.realize.mark.effective":
            return description.mark.value
        case b"user.realize.status":
            return description.status
        case b"user.realize.hash":
            return description.hash.hex()
        case b"user.realize.peers":
            return "\n".join(f"{peer} {held}" for peer, held in description.holders)
    return ""


def _native_names(item: Item) -> list[bytes]:
    try:
        found = item.arena.store.root.listxattr(item.path)
    except OSError as error:
        if error.errno == errno.ENOTSUP:
            return []  # the root's filesystem has none
        raise
    return [one for one in found if one.startswith(OWN)]


def _native(item: Item, name: bytes) -> bytes:
    try:
        return item.arena.store.root.getxattr(item.path, name)
    except OSError as error:
        if error.errno == errno.ENOTSUP and name in acls.NAMES:
            raise _error(pyfuse3.ENOATTR) from error  # the kernel would let nobody in
        raise


def _error(number: int) -> OSError:
    return OSError(number, os.strerror(number))
