"""Bytes: open, read, write and close of real files and of pinned versions of unreal ones.

The await argument: a read of a real file that is in the page cache (RWF_NOWAIT) and a small
write are done at once on the trio thread; what may wait for the disk, for its dirty throttling
or for somebody else's lease is done in one of a few worker threads. Reads of unreal files await
the arena, which has the deadlines.

The kernel's page cache is per inode, a handle on an unreal file is of one version. So that no
read ever mixes two (R4), a file is opened past the page cache (direct_io) while another handle
that goes through it is pinned to something else.

What only writes goes past it, too: nobody can map it, its pages would be dropped at the next open
anyway, and the kernel copies them one by one, and before each write asks for the capabilities of
the file. Without that, a write is one request, of 1 MiB if the program writes so much.
"""

import errno
import mmap
import os
import stat
from typing import cast

import pyfuse3
import trio

from realizefs.fs import callers, items, pinned
from realizefs.fs.handles import File, RealFile, UnrealFile
from realizefs.fs.items import Item
from realizefs.fs.port import Arena
from realizefs.fs.served import Served
from realizefs.model.errors import Busy
from realizefs.model.ids import Inode
from realizefs.model.limits import INLINE_WRITE_BYTES_MAX, MIB
from realizefs.model.paths import show
from realizefs.model.versions import Kind
from realizefs.store.pagecache import read_at_once, read_waiting

_SYNC = os.O_SYNC | os.O_DSYNC
_PASSED_ON = os.O_ACCMODE | _SYNC
"""Flags of open that mean the same natively. O_TRUNC is done by hand, O_DIRECT would ask for
aligned memory, O_CREAT and O_EXCL are `create`'s."""

PRIVILEGED = stat.S_ISUID | stat.S_ISGID
"""Bits of the mode that go when the file is written to: the kernel sees to that, by calls of chmod,
where it has the pages."""

_ALWAYS = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NOCTTY

OPEN_TRIES_MAX = 3
"""Tries of an open whose file turns real or unreal meanwhile."""


def native_flags(flags: int) -> int:
    """Of an open's flags those for the native one. Who only writes appends natively: at the end of
    the file as it is, whatever the kernel knows of it. Who may have it mapped can't: its pages would
    be appended, too (see `_place`)."""
    only_writes = flags & os.O_ACCMODE == os.O_WRONLY
    return flags & _PASSED_ON | (flags & os.O_APPEND if only_writes else 0)


async def open_file(
    served: Served, arena: Arena, ino: Inode, flags: int, ctx: pyfuse3.RequestContext
) -> pyfuse3.FileInfo:
    """A handle on the file: native if it is real or to be written, else its current version."""
    writes = flags & os.O_ACCMODE != os.O_RDONLY or bool(flags & os.O_TRUNC)
    for _ in range(OPEN_TRIES_MAX):
        item = served.find(arena, ino)
        if item.stat is None and not writes:
            return _open_unreal(served, item, ctx)
        if item.stat is None:
            await realize(served, item, truncate=bool(flags & os.O_TRUNC), ctx=ctx)
            continue
        try:
            fd = await open_native(served, item, native_flags(flags))
        except FileNotFoundError:
            continue  # became unreal between the stat and the open
        return await adopt(served, item, fd, flags, ctx)
    raise Busy(f'"{show(arena.path(ino))}" keeps changing while it is opened; try again.')


async def open_native(served: Served, item: Item, flags: int, mode: int = 0) -> int:
    """An fd of a native file; waits, in a thread, for whoever has a lease on it."""
    root = item.arena.store.root
    try:
        return root.open(item.path, flags | _ALWAYS | os.O_NONBLOCK, mode)
    except BlockingIOError:
        return await trio.to_thread.run_sync(
            root.open, item.path, flags | _ALWAYS, mode, limiter=served.threads
        )


async def adopt(
    served: Served, item: Item, fd: int, flags: int, ctx: pyfuse3.RequestContext
) -> pyfuse3.FileInfo:
    """The handle of a native fd that was just opened with `flags`; truncates if they say so."""
    arena, ino = item.arena, served.hardlinks.shown_as(item)
    writable = flags & os.O_ACCMODE != os.O_RDONLY
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), item.path)
        if flags & os.O_TRUNC and writable:
            await truncate_fd(served, fd, 0)
        elif flags & os.O_TRUNC:  # Linux truncates for readers, too
            await truncate(served, item, 0, ctx)
        info = os.fstat(fd)
    except BaseException:
        os.close(fd)
        raise
    kernel_ino = served.kernel_ino(arena, ino)
    content = (info.st_dev, info.st_ino, info.st_size, info.st_mtime_ns, info.st_ctime_ns)
    keep = served.lookups.keep_pages(kernel_ino, content)
    only_writes = flags & os.O_ACCMODE == os.O_WRONLY and not info.st_mode & PRIVILEGED
    direct = (
        only_writes
        or not served.lookups.is_right(kernel_ino, info)  # the kernel has yet to hear its size
        or any(_has_other_pages(one, info) for one in served.handles.files(ino))
    )
    synchronous = bool(flags & _SYNC)
    append = bool(flags & os.O_APPEND)
    handle = RealFile(arena, ino, item.ino, fd, writable, append, synchronous, direct)
    handle.by_root = ctx.uid == 0
    if writable:
        served.lookups.drop_pages(kernel_ino)
        arena.writing(item.ino)
    return pyfuse3.FileInfo(fh=served.handles.add(handle), keep_cache=keep, direct_io=direct)


def _has_other_pages(handle: File, info: os.stat_result) -> bool:
    """Whether the page cache serves this handle, and it is of something else: a version of when
    the file was unreal, or a file that was replaced since."""
    if handle.direct:
        return False
    return isinstance(handle, UnrealFile) or not os.path.samestat(os.fstat(handle.fd), info)


async def read(served: Served, handle: File, start: int, length: int) -> bytes:
    """Up to `length` bytes; fewer only at the end of the file."""
    data = await _read(served, handle, start, length)
    handle.reader.reads += 1
    handle.reader.bytes += len(data)
    return data


async def _read(served: Served, handle: File, start: int, length: int) -> bytes:
    if isinstance(handle, UnrealFile):
        return await pinned.read(served, handle, start, length)
    buffer = memoryview(bytearray(length))
    got = _read_cached(handle, buffer, start)
    if got < length and start + got < os.fstat(handle.fd).st_size:
        got += await trio.to_thread.run_sync(
            read_waiting, handle.fd, buffer[got:], start + got, limiter=served.threads
        )
    # pyfuse3 takes any buffer and says bytes; a copy of 1 MiB would cost as much as the read.
    return cast("bytes", buffer[:got])


async def write(served: Served, handle: File, start: int, data: bytes) -> int:
    """Bytes written, fewer than given where the disk is full in the middle."""
    if not isinstance(handle, RealFile) or not handle.writable:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    start = _place(handle, start)
    served.lookups.distrust(served.kernel_ino(handle.arena, handle.ino))  # the kernel does, too
    if handle.privileged and handle.direct:
        os.fchmod(handle.fd, stat.S_IMODE(os.fstat(handle.fd).st_mode) & ~PRIVILEGED)
        handle.privileged = False
    if len(data) < INLINE_WRITE_BYTES_MAX and not handle.synchronous:
        return os.pwrite(handle.fd, data, start)
    return await trio.to_thread.run_sync(os.pwrite, handle.fd, data, start, limiter=served.threads)


def _place(handle: RealFile, start: int) -> int:
    """Where a write goes.

    One that appends comes with the end of the file as the kernel knows it. The end is elsewhere if
    another program has appended in the root, or if a shorter version of a peer's has just come: what
    was written behind its end would begin with zeros. Pages of a mapping begin at a page.
    """
    if not handle.append or start % mmap.PAGESIZE == 0:
        return start
    return os.fstat(handle.fd).st_size


async def sync(served: Served, handle: File, *, data_only: bool) -> None:
    """Make what was written durable; nothing to do for unreal files."""
    if isinstance(handle, RealFile):
        call = os.fdatasync if data_only else os.fsync
        await trio.to_thread.run_sync(call, handle.fd, limiter=served.threads)


def release(served: Served, fh: int) -> None:
    """Close a handle; what was written is to be indexed."""
    orphan = served.handles.orphaned(served.handles.file(fh).ino) is not None
    handle = served.handles.remove(fh)
    if not isinstance(handle, RealFile):
        return
    os.close(handle.fd)
    if not handle.writable:
        return
    served.lookups.drop_pages(served.kernel_ino(handle.arena, handle.ino))
    handle.arena.written(handle.name, None if orphan else _path_of(handle.arena, handle.name))
    for name in served.hardlinks.names(handle.ino):
        path = _path_of(handle.arena, name)
        if name != handle.name and path is not None:
            handle.arena.touched(path)


async def truncate(served: Served, item: Item, size: int, ctx: pyfuse3.RequestContext) -> None:
    """Set the size of a file by its name; an unreal one becomes real first."""
    if item.is_directory:
        raise OSError(errno.EISDIR, os.strerror(errno.EISDIR), item.path)
    fd = await _open_to_truncate(served, item, size, ctx)
    try:
        await truncate_fd(served, fd, size)
    finally:
        os.close(fd)
    served.touched(item)


async def _open_to_truncate(
    served: Served, item: Item, size: int, ctx: pyfuse3.RequestContext
) -> int:
    for _ in range(OPEN_TRIES_MAX):
        if item.stat is None:
            await realize(served, item, truncate=size == 0, ctx=ctx)
        try:
            return await open_native(served, item, os.O_WRONLY)
        except FileNotFoundError:
            item = items.find(item.arena, item.ino)  # became unreal, again
    raise Busy(f'"{show(item.path)}" keeps changing while it is truncated; try again.')


async def truncate_fd(served: Served, fd: int, size: int) -> None:
    """ftruncate; in a thread where many blocks have to be freed."""
    if os.fstat(fd).st_size - size > MIB:
        await trio.to_thread.run_sync(os.ftruncate, fd, size, limiter=served.threads)
    else:
        os.ftruncate(fd, size)


def _open_unreal(served: Served, item: Item, ctx: pyfuse3.RequestContext) -> pyfuse3.FileInfo:
    _check_may_fetch(served, item, ctx)
    version = item.version
    if version.kind is not Kind.FILE:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), item.path)
    direct = any(
        isinstance(one, RealFile) or (not one.direct and one.version.hash != version.hash)
        for one in served.handles.files(item.ino)
    )
    kernel_ino = served.kernel_ino(item.arena, item.ino)
    keep = not direct and served.lookups.keep_pages(kernel_ino, version.hash)
    handle = UnrealFile(item.arena, item.ino, version, direct, given=keep)
    return pyfuse3.FileInfo(fh=served.handles.add(handle), keep_cache=keep, direct_io=direct)


async def realize(
    served: Served, item: Item, *, truncate: bool, ctx: pyfuse3.RequestContext
) -> None:
    """Make an unreal file real: complete, or empty if it is to be truncated anyway."""
    if not truncate:
        _check_may_fetch(served, item, ctx)
    await item.arena.make_real(item.ino, truncate)


def _check_may_fetch(served: Served, item: Item, ctx: pyfuse3.RequestContext) -> None:
    """EACCES for a program that must not cause downloads (DESIGN 3.5)."""
    if not served.no_fetch or item.arena.cached_complete(item.ino):
        return
    if callers.is_one_of(served.no_fetch, ctx.pid):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), item.path)


def _path_of(arena: Arena, name: Inode) -> bytes | None:
    try:
        return arena.path(name)
    except FileNotFoundError:
        return None  # removed by another program or a peer


def _read_cached(handle: RealFile, buffer: memoryview, start: int) -> int:
    """Bytes that the page cache has, without waiting for the disk."""
    if not handle.nowait:
        return 0
    got = read_at_once(handle.fd, buffer, start)
    handle.nowait = got is not None
    return got or 0
