"""Attributes as the kernel wants them, with how long it may trust them.

Of something real: lstat with our inode number; other programs can change it behind our back, so
it is trusted for as long as nobody can unseen (`_trust`). Of something unreal: from the index, which
tells the kernel of every change, so it is trusted for long. Unreal things belong to the owner of the
arena root, and occupy what the cache holds of them.
"""

import os
import stat
import time
from dataclasses import dataclass

import pyfuse3

from realizefs.fs.handles import File, RealFile
from realizefs.fs.items import Item
from realizefs.fs.views import Synthetic
from realizefs.model import paths
from realizefs.model.entries import Dirent
from realizefs.model.limits import (
    BLOCK_BYTES_MIN,
    KERNEL_CACHE_SECONDS,
    KERNEL_CACHE_SECONDS_REAL,
    KERNEL_CACHE_SECONDS_WATCHED,
    SETTLED_SECONDS,
)
from realizefs.model.versions import Kind, Version

DISK_BLOCK_BYTES = 512
"""The unit of st_blocks."""

_TYPE = {
    Kind.FILE: stat.S_IFREG,
    Kind.DIRECTORY: stat.S_IFDIR,
    Kind.SYMLINK: stat.S_IFLNK,
}


@dataclass(frozen=True, slots=True)
class Facts:
    """What the index knows of an unreal thing, from an entry or from a line of a listing."""

    kind: Kind
    mode: int
    size: int
    mtime_ns: int

    @staticmethod
    def of(source: Version | Dirent) -> "Facts":
        """Of a version or a directory entry."""
        return Facts(source.kind, source.mode, source.size, source.mtime_ns)


def of_item(item: Item, ino: int) -> pyfuse3.EntryAttributes:
    """Of something that exists now, which the kernel calls `ino`."""
    if item.stat is not None:
        entry = of_native(item.stat, ino)
        entry.entry_timeout, entry.attr_timeout = _trust(item, item.stat)
        return entry
    owner = item.arena.store.root.owner()
    cached = item.arena.cached_bytes([item.ino]).get(item.ino, 0)
    return of_unreal(Facts.of(item.version), ino, owner, cached)


def _trust(item: Item, native: os.stat_result) -> tuple[float, float]:
    """Seconds for which the kernel may trust the name and the attributes of something real.

    What may change without an event: what is in a directory that isn't watched, on another file
    system, which may be another machine's, and a file with other names, which may be anywhere. Of
    what has just changed, see SETTLED_SECONDS.
    """
    arena, path = item.arena, item.path
    if native.st_dev != arena.store.root.device or not (
        arena.is_watched(paths.split(path)[0]) if path else True
    ):
        return KERNEL_CACHE_SECONDS_REAL, KERNEL_CACHE_SECONDS_REAL
    alone = arena.is_watched(path) if stat.S_ISDIR(native.st_mode) else native.st_nlink == 1
    if not alone or time.time_ns() - native.st_ctime_ns < SETTLED_SECONDS * 1e9:
        return KERNEL_CACHE_SECONDS_WATCHED, KERNEL_CACHE_SECONDS_REAL
    return KERNEL_CACHE_SECONDS_WATCHED, KERNEL_CACHE_SECONDS_WATCHED


def of_native(native: os.stat_result, ino: int) -> pyfuse3.EntryAttributes:
    """Of a native file, under our inode number."""
    entry = pyfuse3.EntryAttributes()
    entry.st_ino = ino
    entry.entry_timeout = KERNEL_CACHE_SECONDS_REAL
    entry.attr_timeout = KERNEL_CACHE_SECONDS_REAL
    entry.st_mode = native.st_mode
    entry.st_nlink = native.st_nlink
    entry.st_uid = native.st_uid
    entry.st_gid = native.st_gid
    entry.st_rdev = native.st_rdev
    entry.st_size = native.st_size
    entry.st_blksize = native.st_blksize
    entry.st_blocks = native.st_blocks
    entry.st_atime_ns = native.st_atime_ns
    entry.st_mtime_ns = native.st_mtime_ns
    entry.st_ctime_ns = native.st_ctime_ns
    return entry


def of_unreal(
    facts: Facts, ino: int, owner: os.stat_result, cached: int
) -> pyfuse3.EntryAttributes:
    """Of something unreal; `owner` is the stat of the arena root, `cached` bytes on disk."""
    entry = pyfuse3.EntryAttributes()
    entry.st_ino = ino
    entry.entry_timeout = KERNEL_CACHE_SECONDS
    entry.attr_timeout = KERNEL_CACHE_SECONDS
    mode = 0o777 if facts.kind is Kind.SYMLINK else facts.mode & 0o7777
    entry.st_mode = _TYPE[facts.kind] | mode
    entry.st_nlink = 1  # of directories too: 1 says "not counted", as btrfs does
    entry.st_uid = owner.st_uid
    entry.st_gid = owner.st_gid
    entry.st_size = facts.size
    entry.st_blksize = BLOCK_BYTES_MIN
    entry.st_blocks = -(-cached // DISK_BLOCK_BYTES)
    entry.st_atime_ns = facts.mtime_ns
    entry.st_mtime_ns = facts.mtime_ns
    entry.st_ctime_ns = facts.mtime_ns
    return entry


def of_orphan(handle: File, ino: int) -> pyfuse3.EntryAttributes:
    """Of a file that has no name any more but is open."""
    if isinstance(handle, RealFile):
        return of_native(os.fstat(handle.fd), ino)
    owner = handle.arena.store.root.owner()
    entry = of_unreal(Facts.of(handle.version), ino, owner, 0)
    entry.st_nlink = 0
    return entry


def of_synthetic(directory: Synthetic) -> pyfuse3.EntryAttributes:
    """Of a directory above the arenas: anybody may look, nobody may write."""
    entry = pyfuse3.EntryAttributes()
    entry.st_ino = directory.ino
    entry.entry_timeout = KERNEL_CACHE_SECONDS_REAL  # arenas come and go
    entry.attr_timeout = KERNEL_CACHE_SECONDS_REAL
    entry.st_mode = stat.S_IFDIR | 0o555
    entry.st_nlink = 2 + len(directory.children)
    entry.st_uid = os.geteuid()
    entry.st_gid = os.getegid()
    return entry


def of_nothing() -> pyfuse3.EntryAttributes:
    """There is nothing of that name, and the kernel may remember it for a moment.

    Never longer: what overflows the queue of notices is made good for inodes that the kernel
    knows (see notify), and a name that isn't there has none.
    """
    entry = pyfuse3.EntryAttributes()
    entry.st_ino = 0
    entry.entry_timeout = KERNEL_CACHE_SECONDS_REAL
    return entry
