"""Reading an unreal file: bytes of the version that its handle is pinned to (R4).

Between an edit at the holder and its announcement the version that is pinned is gone already. A
handle of which no byte was given yet then goes on to the new version, once that is announced; its
reader is told an error only if it has seen something else before.

What the kernel may have given of its page cache counts as given, and the page cache is one per
inode: while another handle fills it with the old version, none goes on to the new one.

The kernel has the size of the old version, and asks for one at each `read` of a program only if it
was told that it changed: so it is told first, and a larger version follows. Of a smaller one, what
was asked for before is answered by an error, the end among it: a short answer to a request from
before a notice doesn't set the size (fuse_read_update_size), and zeros up to the old one would be
read. It reads ahead of its own accord; what fails of that it repeats page by page as the program
needs it, and a short answer to one of those sets the size.
"""

import trio

from realizefs.fs import items
from realizefs.fs.handles import UnrealFile
from realizefs.fs.served import Served
from realizefs.model.errors import Unreachable, VersionGone
from realizefs.model.limits import PROGRESS_SECONDS
from realizefs.model.versions import Kind, Version


async def read(served: Served, handle: UnrealFile, start: int, length: int) -> bytes:
    """Up to `length` bytes; fewer only at the end of the file."""
    asked_of = handle.version
    notices = handle.notices if served.kernel_is_told() else None
    deadline: float | None = None
    while True:
        version = handle.version
        if version is not asked_of:
            await _size_told(served, handle, asked_of)
        size = max(0, min(length, version.size - start))
        if size < length:
            _check_end(handle, start, notices)
        try:
            data = await handle.arena.read(handle.ino, version, start, size) if size else b""
        except (VersionGone, Unreachable) as error:
            if deadline is None:
                deadline = trio.current_time() + PROGRESS_SECONDS
            waits = isinstance(error, VersionGone)
            if not await _goes_on(served, handle, version, deadline if waits else -1):
                raise
            continue
        if handle.version is version:  # else another read of this handle has gone on meanwhile
            if size < length:
                _check_end(handle, start, notices)
                handle.shrunk = False
            handle.given = handle.given or size > 0
            return data


async def _size_told(served: Served, handle: UnrealFile, asked_of: Version) -> None:
    """The kernel is told that the size is another; an error to what it asked for when that was
    larger. No page is in its way: none was given (see `subscription`)."""
    with trio.move_on_after(PROGRESS_SECONDS) as waiting:
        await served.kernel_told()
    smaller = not handle.direct and handle.version.size < asked_of.size
    if waiting.cancelled_caught or smaller:
        raise VersionGone("The new version is smaller, which the kernel has yet to see.")


def _check_end(handle: UnrealFile, start: int, notices: int | None) -> None:
    """An error where a short answer would not be the true end for the kernel, too.

    While it has the size of a larger version, it takes the first that it gets for the end, so that
    must be the one which has it, and no notice may have come since it asked (None: one was due).
    """
    if handle.shrunk and (start > handle.version.size or notices != handle.notices):
        raise VersionGone("The new version ends before what was asked for.")


async def _goes_on(served: Served, handle: UnrealFile, gone: Version, deadline: float) -> bool:
    """Whether the handle is pinned to another version by now; waits for that to be announced."""
    with trio.move_on_at(deadline):
        seen = served.news.count
        while not handle.given and handle.version is gone and _newer(handle) is None:
            await served.news.after(seen)
            seen = served.news.count
    if handle.version is not gone:
        return True
    new = _newer(handle)
    if handle.given or new is None or not _has_pages_alone(served, handle, new):
        return False
    handle.version = new
    if not handle.direct:
        handle.shrunk = handle.shrunk or new.size < gone.size
        served.lookups.keep_pages(served.kernel_ino(handle.arena, handle.ino), new.hash)
    return True


def _newer(handle: UnrealFile) -> Version | None:
    """The current version, if it is another one, and unreal."""
    try:
        item = items.find(handle.arena, handle.ino)
    except FileNotFoundError:
        return None
    if item.stat is not None or item.version.kind is not Kind.FILE:
        return None
    return item.version if item.version.hash != handle.version.hash else None


def _has_pages_alone(served: Served, handle: UnrealFile, new: Version) -> bool:
    """Whether nobody else fills the page cache with something else than this handle would."""
    others = (one for one in served.handles.files(handle.ino) if one is not handle)
    return handle.direct or all(
        one.direct or (isinstance(one, UnrealFile) and one.version.hash == new.hash)
        for one in others
    )
