"""What an inode is at this moment: real (a native file is there) or unreal (only the index).

The native file is the truth (DESIGN 7.1): where it exists, it is what the mount shows, whatever
the index says. An entry that the index believes real while the native file is gone is neither:
it is hidden until the scanner has found out what happened (R8).
"""

import errno
import os
import stat
from dataclasses import dataclass

from realizefs.fs.port import Arena
from realizefs.model import paths
from realizefs.model.entries import Entry
from realizefs.model.ids import Inode
from realizefs.model.versions import Kind, Version

_ABSENT = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}
"""ENOTDIR, ELOOP: a directory of the index is natively a file or a symlink by now."""


@dataclass(frozen=True, slots=True)
class Item:
    """An inode of an arena that exists: `stat` of its native file, None if it is unreal; `entry` of
    the index, always of what is unreal."""

    arena: Arena
    ino: Inode
    path: bytes
    entry: Entry | None
    stat: os.stat_result | None

    @property
    def version(self) -> Version:
        """The current version; only unreal items always have one."""
        assert self.entry is not None, "an unreal item is one that the index knows"
        return self.entry.version

    @property
    def is_directory(self) -> bool:
        """As the mount shows it."""
        if self.stat is not None:
            return stat.S_ISDIR(self.stat.st_mode)
        return self.version.kind is Kind.DIRECTORY


def find(arena: Arena, ino: Inode) -> Item:
    """What the inode is now; raises FileNotFoundError."""
    path = arena.path(ino)
    native = native_stat(arena, path)
    if native is not None:
        return Item(arena, ino, path, None, native)
    entry = arena.node(ino).entry
    if entry is None or (
        ino != arena.root_ino and (entry.version.deleted or not is_shown(arena, ino, native=None))
    ):
        raise missing(path)
    return Item(arena, ino, path, entry, None)


def child(arena: Arena, parent: Inode, name: bytes) -> Item | None:
    """What is called `name` in a directory; None if nothing. A reserved name is nothing."""
    path = place(arena, parent, name)
    if paths.is_reserved(path):
        return None
    native = native_stat(arena, path)
    if native is not None:  # what the index has of it besides costs a read, and nobody asks
        return Item(arena, native_ino(arena, parent, name), path, None, native)
    entry = arena.unreal_child(parent, name)
    return Item(arena, entry.ino, path, entry, None) if entry is not None else None


def at(arena: Arena, path: bytes) -> Item:
    """What is at a path; raises FileNotFoundError."""
    ino = arena.root_ino
    for name in paths.components(path):
        item = child(arena, ino, name)
        if item is None:
            raise missing(path)
        ino = item.ino
    return find(arena, ino)


def native_ino(arena: Arena, parent: Inode, name: bytes) -> Inode:
    """The inode of something native.

    Never that of a tombstone: the file that was deleted may still be open, and what is made under
    its name is another file.
    """
    return arena.ino_for(parent, name) or arena.overlay.ino_of(parent, name)


def taken_unreal(arena: Arena, parent: Inode, name: bytes) -> bool:
    """Whether the index has something of that name; of native things it says nothing."""
    return _live_entry(arena, parent, name) is not None and child(arena, parent, name) is not None


def place(arena: Arena, parent: Inode, name: bytes) -> bytes:
    """The path of a name in a directory; ENAMETOOLONG where Linux wouldn't take it."""
    if len(name) > paths.NAME_BYTES_MAX:  # the kernel lets FUSE decide, up to 1,024
        raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
    return paths.join(arena.path(parent), name)


def native_stat(arena: Arena, path: bytes) -> os.stat_result | None:
    """lstat in the arena root; None if nothing is there."""
    try:
        found = arena.store.root.lstat(path)
    except OSError as error:
        if error.errno in _ABSENT:
            return None
        raise
    return found if found.st_nlink else None  # it left the root while it was looked at


def has_children(arena: Arena, ino: Inode) -> bool:
    """Whether a directory shows anything that isn't native: rmdir decides about the rest."""
    path = arena.path(ino)
    return any(
        is_shown(arena, dirent.ino, native=native_stat(arena, paths.join(path, dirent.name)))
        for dirent in arena.children(ino)
        if not dirent.deleted
    )


def is_shown(arena: Arena, ino: Inode, *, native: os.stat_result | None) -> bool:
    """Whether a live entry is visible, its native file given."""
    return native is not None or not arena.believed_real([ino])


def missing(path: bytes) -> FileNotFoundError:
    """ENOENT for a path."""
    return FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)


def _live_entry(arena: Arena, parent: Inode, name: bytes) -> Entry | None:
    ino = arena.ino_for(parent, name)
    if ino is None:
        return None
    try:
        entry = arena.node(ino).entry
    except FileNotFoundError:
        return None  # it went between the two reads
    return None if entry is None or entry.version.deleted else entry
