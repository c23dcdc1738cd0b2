"""setattr: mode, owner, times and size, of what is real, unreal, or open without a name."""

import errno
import os
import stat

import pyfuse3

from realizefs.fs import content
from realizefs.fs.handles import File, RealFile
from realizefs.fs.items import Item
from realizefs.fs.port import Arena
from realizefs.fs.served import Served
from realizefs.model.ids import Inode


async def set_attributes(
    served: Served,
    arena: Arena,
    ino: Inode,
    wanted: tuple[pyfuse3.EntryAttributes, pyfuse3.SetattrFields],
    ctx: pyfuse3.RequestContext,
) -> None:
    """Change what `wanted` names, by the path of the inode: natively or in the index."""
    new, fields = wanted
    item = served.find(arena, ino)
    if fields.update_size:
        await content.truncate(served, item, new.st_size, ctx)
        item = served.find(arena, ino)
    if item.stat is None:
        await _record(item, new, fields)
        return
    root = arena.store.root
    if fields.update_uid or fields.update_gid:
        root.chown(item.path, *_owner(new, fields))
    if fields.update_mode:
        root.chmod(item.path, stat.S_IMODE(new.st_mode))
        _note_privileges(served, item, new.st_mode)
    if fields.update_atime or fields.update_mtime:
        root.utime_ns(
            item.path,
            new.st_atime_ns if fields.update_atime else None,
            new.st_mtime_ns if fields.update_mtime else None,
        )
    if fields.update_mode or fields.update_mtime:
        served.touched(item)


def _note_privileges(served: Served, item: Item, mode: int) -> None:
    """Who writes next past the page cache, and isn't root, takes the privileges away, as the kernel
    does where it has the pages. The writer isn't known; the opener stands for it."""
    for handle in served.handles.files(served.hardlinks.known_as(item.ino)):
        if isinstance(handle, RealFile):
            handle.privileged = bool(mode & content.PRIVILEGED) and not handle.by_root


async def set_handle_size(served: Served, handle: File, size: int) -> None:
    """ftruncate."""
    if not isinstance(handle, RealFile) or not handle.writable:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
    await content.truncate_fd(served, handle.fd, size)


async def set_orphan(
    served: Served,
    handle: File,
    new: pyfuse3.EntryAttributes,
    fields: pyfuse3.SetattrFields,
) -> None:
    """The same for a file without name, through an open handle; nothing is recorded."""
    if not isinstance(handle, RealFile):
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))
    fd = handle.fd
    if fields.update_size:
        await set_handle_size(served, handle, new.st_size)
    if fields.update_uid or fields.update_gid:
        os.chown(fd, *_owner(new, fields))
    if fields.update_mode:
        os.chmod(fd, stat.S_IMODE(new.st_mode))
    if fields.update_atime or fields.update_mtime:
        now = os.fstat(fd)
        atime = new.st_atime_ns if fields.update_atime else now.st_atime_ns
        mtime = new.st_mtime_ns if fields.update_mtime else now.st_mtime_ns
        os.utime(fd, ns=(atime, mtime))


async def _record(item: Item, new: pyfuse3.EntryAttributes, fields: pyfuse3.SetattrFields) -> None:
    """An unreal thing: mode and mtime are a new version, the owner is fixed, atime isn't kept."""
    if fields.update_uid or fields.update_gid:
        owner = item.arena.store.root.lstat(b"")
        if _owner(new, fields) not in _unchanged(owner):
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM), item.path)
    mode = stat.S_IMODE(new.st_mode) if fields.update_mode else None
    mtime = new.st_mtime_ns if fields.update_mtime else None
    if mode is not None or mtime is not None:
        await item.arena.change_metadata(item.ino, mode, mtime)


def _owner(new: pyfuse3.EntryAttributes, fields: pyfuse3.SetattrFields) -> tuple[int, int]:
    """(uid, gid), -1 for what stays."""
    uid = new.st_uid if fields.update_uid else -1
    return uid, new.st_gid if fields.update_gid else -1


def _unchanged(owner: os.stat_result) -> set[tuple[int, int]]:
    """Every way of asking for the owner that is there already."""
    return {(uid, gid) for uid in (-1, owner.st_uid) for gid in (-1, owner.st_gid)}
