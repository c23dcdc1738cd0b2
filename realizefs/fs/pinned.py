"""Reading an unreal file: bytes of the version that its handle is pinned to (R4).

Between an edit at the holder and its announcement the version that is pinned is gone already. A
handle of which no byte was given yet then goes on to the new version, once that is announced; its
reader is told an error only if it has seen something else before.

What the kernel may have given of its page cache counts as given, and the page cache is one per
inode: while another handle fills it with the old version, none goes on to the new one. The size
that the kernel believes is corrected by the notice of the new version, and asked for at each read.
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
    deadline: float | None = None
    while True:
        version = handle.version
        size = min(length, version.size - start)
        if size <= 0:
            return b""
        try:
            data = await handle.arena.read(handle.ino, version, start, size)
        except (VersionGone, Unreachable) as error:
            if deadline is None:
                deadline = trio.current_time() + PROGRESS_SECONDS
            waits = isinstance(error, VersionGone)
            if not await _goes_on(served, handle, version, deadline if waits else -1):
                raise
            continue
        if handle.version is version:  # else another read of this handle has gone on meanwhile
            handle.given = True
            return data


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
