"""Changing names: create, mkdir, symlink, link, mknod, unlink, rmdir, rename.

What is made is made natively in the arena root, in directories that are made native first where
they were unreal. What is removed or renamed is removed or renamed natively where it is real, and
recorded by the arena in every case, which commits that before the call returns unless all of it
was real. Natively first: if we die in between, the scanner finds a native fact, never a record
without one.
"""

import errno
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

import pyfuse3

from realizefs.fs import callers, content, items, making_native
from realizefs.fs.items import Item
from realizefs.fs.port import Arena
from realizefs.fs.served import Served
from realizefs.fs.views import Spot
from realizefs.model import paths
from realizefs.model.ids import Inode
from realizefs.model.versions import Kind

T = TypeVar("T")

_CREATE = os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK

_NATIVE_KINDS = {stat.S_IFIFO, stat.S_IFSOCK, stat.S_IFCHR, stat.S_IFBLK}
"""What mknod makes that is never synced."""


async def create(
    served: Served,
    directory: Spot,
    name: bytes,
    request: tuple[int, int],
    ctx: pyfuse3.RequestContext,
) -> tuple[pyfuse3.FileInfo, pyfuse3.EntryAttributes]:
    """Create and open; `request` is (mode, flags of open)."""
    mode, flags = request
    arena, root = directory.arena, directory.arena.store.root
    native = content.native_flags(flags) | _CREATE
    try:
        path, fd = _natively(
            served, directory, name, lambda at: root.open(at, native, stat.S_IMODE(mode))
        )
    except FileExistsError:
        there = items.child(arena, directory.ino, name)
        if flags & os.O_EXCL or there is None:
            raise
        # It came into being since the kernel looked; being opened may make it real.
        opened = await content.open_file(served, arena, there.ino, flags, ctx)
        return opened, served.entry(items.find(arena, there.ino), directory, name)
    try:
        info = os.fstat(fd)
        if callers.give_to_caller(root, path, info, (stat.S_IMODE(mode), served.umask), ctx):
            info = os.fstat(fd)
        item = Item(arena, items.native_ino(arena, directory.ino, name), path, None, info)
    except BaseException:
        os.close(fd)
        raise
    arena.touched(path)
    opened = await content.adopt(served, item, fd, flags & ~os.O_TRUNC, ctx)
    return opened, served.entry(item, directory, name)


def mkdir(
    served: Served, directory: Spot, name: bytes, mode: int, ctx: pyfuse3.RequestContext
) -> pyfuse3.EntryAttributes:
    """A new native directory."""
    root = directory.arena.store.root
    return _make(
        served, directory, name, mode, ctx, lambda path: root.mkdir(path, stat.S_IMODE(mode))
    )


def symlink(
    served: Served, directory: Spot, name: bytes, target: bytes, ctx: pyfuse3.RequestContext
) -> pyfuse3.EntryAttributes:
    """A new native symlink; its target is never followed here."""
    root = directory.arena.store.root
    return _make(served, directory, name, 0o777, ctx, lambda path: root.symlink(target, path))


def mknod(
    served: Served,
    directory: Spot,
    name: bytes,
    request: tuple[int, int],
    ctx: pyfuse3.RequestContext,
) -> pyfuse3.EntryAttributes:
    """A new regular file, or what stays local: fifo, socket, device. `request`: (mode, rdev)."""
    mode, device = request
    if stat.S_IFMT(mode) not in _NATIVE_KINDS | {stat.S_IFREG, 0}:
        raise _error(errno.EINVAL)
    root = directory.arena.store.root
    return _make(served, directory, name, mode, ctx, lambda path: root.mknod(path, mode, device))


async def link(
    served: Served, file: Spot, directory: Spot, name: bytes, ctx: pyfuse3.RequestContext
) -> pyfuse3.EntryAttributes:
    """Another native name of a file; an unreal one becomes real first."""
    source = await making_native.make_real(served, served.find(file.arena, file.ino), ctx)
    root = directory.arena.store.root
    path, _ = _natively(served, directory, name, lambda at: root.link(source.path, at))
    served.hardlinks.share(source, file.ino)
    directory.arena.touched(path)
    served.touched(source)
    return served.entry(_native_item(directory, name, path), directory, name)


async def unlink(served: Served, directory: Spot, name: bytes) -> None:
    """Remove a file, symlink or whatever isn't a directory."""
    item = _existing(directory, name)
    if item.is_directory:
        raise _error(errno.EISDIR)
    if item.stat is not None:
        item.arena.store.root.unlink(item.path)
    _nameless(served, item)
    with served.changed_by_kernel():
        await item.arena.remove(item.ino, native=item.stat is not None)


async def rmdir(served: Served, directory: Spot, name: bytes) -> None:
    """Remove an empty directory."""
    item = _existing(directory, name)
    if not item.is_directory:
        raise _error(errno.ENOTDIR)
    if items.has_children(item.arena, item.ino):
        raise _error(errno.ENOTEMPTY)
    if item.stat is not None:
        item.arena.store.root.rmdir(item.path)
    with served.changed_by_kernel():
        await item.arena.remove(item.ino, native=_is_beside_file(item))


def _is_beside_file(directory: Item) -> bool:
    """Whether the index has a file of its name. A directory of that name is this one, whether the
    index knows already that it is here or not."""
    return (
        directory.stat is not None
        and directory.entry is not None
        and directory.entry.version.kind is not Kind.DIRECTORY
    )


async def rename(
    served: Served,
    old: tuple[Spot, bytes],
    new: tuple[Spot, bytes],
    flags: int,
    ctx: pyfuse3.RequestContext,
) -> None:
    """renameat2 with NOREPLACE or EXCHANGE. Unreal files that are exchanged become real first, unless
    they are in a directory that is."""
    if flags not in (0, pyfuse3.RENAME_NOREPLACE, pyfuse3.RENAME_EXCHANGE):
        raise _error(errno.EINVAL)
    if old[0].arena is not new[0].arena:
        raise _error(errno.EXDEV)
    unsure: list[type[OSError]] = [
        FileNotFoundError
    ]  # perhaps one became unreal while it was looked at, or real
    unsure += [FileExistsError] if flags & pyfuse3.RENAME_EXCHANGE else []
    for _ in range(content.OPEN_TRIES_MAX - 1):
        with suppress(*unsure):
            return await _rename(served, old, new, flags, ctx)
    return await _rename(served, old, new, flags, ctx)


async def _rename(
    served: Served,
    old: tuple[Spot, bytes],
    new: tuple[Spot, bytes],
    flags: int,
    ctx: pyfuse3.RequestContext,
) -> None:
    (source, old_name), (target, new_name) = old, new
    item = _existing(source, old_name)
    replaced = items.child(target.arena, target.ino, new_name)
    _check_replaceable(item, replaced, flags)
    if _same_file(item, replaced):
        return  # POSIX: nothing happens to two names of one file
    if flags & pyfuse3.RENAME_EXCHANGE and replaced is not None:
        if not item.is_directory:
            item = await making_native.make_real(served, item, ctx)
        if not replaced.is_directory:
            replaced = await making_native.make_real(served, replaced, ctx)
        # While they were made real another program may have put something else in either place:
        # then it is looked at again what is to be exchanged.
        if not (_is_at(source, old_name, item) and _is_at(target, new_name, replaced)):
            raise items.missing(old_name)
    path = _writable_place(target.arena, target.ino, new_name)
    if item.stat is not None:
        _make_native(served, target)
    if replaced is not None and replaced.stat is not None and flags & pyfuse3.RENAME_EXCHANGE:
        _make_native(served, source)
    _rename_natively(item, replaced, path, flags)
    if replaced is not None and flags & pyfuse3.RENAME_EXCHANGE:
        _called(served, replaced, source, old_name)
    elif replaced is not None:
        _nameless(served, replaced)
    _called(served, item, target, new_name)
    with served.changed_by_kernel():
        over_native = replaced is not None and replaced.stat is not None
        await item.arena.move(item.ino, target.ino, new_name, flags, over_native=over_native)


def _is_at(directory: Spot, name: bytes, item: Item) -> bool:
    found = items.child(directory.arena, directory.ino, name)
    return found is not None and found.ino == item.ino


def _make_native(served: Served, directory: Spot) -> None:
    found = items.find(directory.arena, directory.ino)
    if found.stat is None:
        making_native.make_directory(directory.arena, found, served.umask)


def _called(served: Served, item: Item, directory: Spot, name: bytes) -> None:
    served.lookups.moved(served.kernel_ino(item.arena, item.ino), served.place(directory, name))


def _nameless(served: Served, item: Item) -> None:
    """What is open of it goes on without this name; its other names go on anyway."""
    ino, has_others = served.hardlinks.unlinked(item.ino)
    if not has_others:
        served.handles.orphan(ino)


def _same_file(item: Item, replaced: Item | None) -> bool:
    if replaced is None or item.stat is None or replaced.stat is None:
        return False
    return os.path.samestat(item.stat, replaced.stat)


def _check_replaceable(item: Item, replaced: Item | None, flags: int) -> None:
    if replaced is None:
        if flags & pyfuse3.RENAME_EXCHANGE:
            raise _error(errno.ENOENT)
        return
    if flags & pyfuse3.RENAME_NOREPLACE:
        raise _error(errno.EEXIST)
    if flags & pyfuse3.RENAME_EXCHANGE:
        return
    if replaced.is_directory and not item.is_directory:
        raise _error(errno.EISDIR)
    if item.is_directory and not replaced.is_directory:
        raise _error(errno.ENOTDIR)
    if replaced.is_directory and items.has_children(replaced.arena, replaced.ino):
        raise _error(errno.ENOTEMPTY)


def _rename_natively(item: Item, replaced: Item | None, path: bytes, flags: int) -> None:
    root = item.arena.store.root
    if flags & pyfuse3.RENAME_EXCHANGE and replaced is not None:
        exchange_natively(item, replaced)
    elif item.stat is not None:
        root.rename(item.path, path, flags)
    elif replaced is not None and replaced.stat is not None:
        # The unreal takes the name of something real, which goes as rename would make it go.
        (root.rmdir if replaced.is_directory else root.unlink)(path)


def exchange_natively(item: Item, other: Item) -> None:
    """An unreal directory isn't there: its place is free."""
    root = item.arena.store.root
    if item.stat is not None and other.stat is not None:
        root.rename(item.path, other.path, pyfuse3.RENAME_EXCHANGE)
    elif item.stat is not None:
        root.rename(item.path, other.path, pyfuse3.RENAME_NOREPLACE)
    elif other.stat is not None:
        root.rename(other.path, item.path, pyfuse3.RENAME_NOREPLACE)


def _make(
    served: Served,
    directory: Spot,
    name: bytes,
    mode: int,
    ctx: pyfuse3.RequestContext,
    native: Callable[[bytes], None],
) -> pyfuse3.EntryAttributes:
    """What `native` makes at a path, given to the caller and announced."""
    root = directory.arena.store.root
    path, _ = _natively(served, directory, name, native)
    callers.give_to_caller(root, path, root.lstat(path), (stat.S_IMODE(mode), served.umask), ctx)
    directory.arena.touched(path)
    return served.entry(_native_item(directory, name, path), directory, name)


def _natively(
    served: Served, directory: Spot, name: bytes, call: Callable[[bytes], T]
) -> tuple[bytes, T]:
    """The path of a free name, and what `call` made there; its directory is made native first
    where it wasn't."""
    arena = directory.arena
    path = _writable_place(arena, directory.ino, name)
    if items.taken_unreal(arena, directory.ino, name):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path)
    try:
        return path, call(path)
    except FileNotFoundError:
        making_native.make_directory(arena, items.find(arena, directory.ino), served.umask)
        return path, call(path)


def _native_item(directory: Spot, name: bytes, path: bytes) -> Item:
    arena = directory.arena
    ino = items.native_ino(arena, directory.ino, name)
    return Item(arena, ino, path, None, arena.store.root.lstat(path))


def _existing(directory: Spot, name: bytes) -> Item:
    item = items.child(directory.arena, directory.ino, name)
    if item is None:
        raise items.missing(name)
    return item


def _writable_place(arena: Arena, parent: Inode, name: bytes) -> bytes:
    """The path of a name that a user may take."""
    path = items.place(arena, parent, name)
    if paths.is_reserved(path):
        raise _error(errno.EPERM)
    return path


def _error(number: int) -> OSError:
    return OSError(number, os.strerror(number))
