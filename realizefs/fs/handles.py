"""What is open: native files, pinned versions of unreal files, directories.

A handle outlives its path: a file that is unlinked, or renamed over, while open becomes an
orphan, and its inode is answered from the handle until the last one is closed.
"""

import errno
import os
from dataclasses import dataclass, field
from typing import TypeVar

from realizefs.core.counting import Reader
from realizefs.fs.port import Arena
from realizefs.fs.snapshots import Reading
from realizefs.model.ids import Inode
from realizefs.model.limits import STALE_NAMES_MAX
from realizefs.model.versions import Version


@dataclass(slots=True, eq=False)
class RealFile:
    """An open native file: what the kernel calls `ino`, opened by the inode of a `name` of it.

    `direct` if it bypasses the kernel's page cache; `nowait` until its filesystem turns out not to
    know RWF_NOWAIT; `privileged` once the file was made setuid or setgid while it was open by
    others than root.
    """

    arena: Arena
    ino: Inode
    name: Inode
    fd: int
    writable: bool
    append: bool = False
    synchronous: bool = False
    direct: bool = False
    nowait: bool = True
    by_root: bool = False
    privileged: bool = False
    reader: Reader = field(default_factory=Reader)
    """who reads, for what is counted"""


@dataclass(slots=True, eq=False)
class UnrealFile:
    """One version of an unreal file (R4); `direct` if it bypasses the kernel's page cache, `given`
        once a byte of the version may have been read, `shrunk` from when it went on to a smaller version
    until the kernel is answered where that ends. `notices` were queued for the kernel meanwhile."""

    arena: Arena
    ino: Inode
    version: Version
    direct: bool = False
    given: bool = False
    shrunk: bool = False
    notices: int = 0
    reader: Reader = field(default_factory=Reader)
    """who reads, for what is counted"""


@dataclass(slots=True, eq=False)
class Listing:
    """An open directory of an arena: `reading` has the snapshot of its names.

    `stale` collects names that changed since, `distrusted` says that there were too many: what is
    answered of those isn't cached. `fd` of the native directory, -1 if there is none.
    """

    arena: Arena
    ino: Inode
    reading: Reading = field(default_factory=Reading)
    fd: int = -1
    served: bool = False
    stale: set[bytes] = field(default_factory=set)
    distrusted: bool = False

    def changed(self, name: bytes) -> None:
        """A change of this name was announced."""
        if len(self.stale) < STALE_NAMES_MAX:
            self.stale.add(name)
        else:
            self.distrusted = True


@dataclass(slots=True, eq=False)
class HouseholdListing:
    """An open directory above the arenas: (name, kernel inode) pairs."""

    ino: int
    entries: list[tuple[bytes, int]]


@dataclass(slots=True, eq=False)
class Echo:
    """A file that the hand has opened for writing; nothing is read or written (see echoes)."""


File = RealFile | UnrealFile
Handle = RealFile | UnrealFile | Listing | HouseholdListing | Echo
T = TypeVar("T")


class Handles:
    """All handles by the number that the kernel knows, and by inode. Trio thread only."""

    def __init__(self) -> None:
        self._handles: dict[int, Handle] = {}
        self._files: dict[Inode, list[File]] = {}
        self._listings: dict[Inode, list[Listing]] = {}
        self._orphans: set[Inode] = set()
        self._last = 0

    def __len__(self) -> int:
        return len(self._handles)

    def add(self, handle: Handle) -> int:
        """The number of a new handle; never used twice."""
        self._last += 1
        self._handles[self._last] = handle
        if isinstance(handle, RealFile | UnrealFile):
            self._files.setdefault(handle.ino, []).append(handle)
        elif isinstance(handle, Listing):
            self._listings.setdefault(handle.ino, []).append(handle)
        return self._last

    def file(self, fh: int) -> File:
        """The open file of that number; EBADF if there is none."""
        handle = self._handles.get(fh)
        if isinstance(handle, RealFile | UnrealFile):
            return handle
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))

    def directory(self, fh: int) -> Listing | HouseholdListing:
        """The open directory of that number; EBADF if there is none."""
        handle = self._handles.get(fh)
        if isinstance(handle, Listing | HouseholdListing):
            return handle
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))

    def remove(self, fh: int) -> Handle:
        """Forget a handle and return it; its fd is the caller's to close."""
        handle = self._handles.pop(fh)
        if isinstance(handle, RealFile | UnrealFile):
            if not _drop(self._files, handle.ino, handle):
                self._orphans.discard(handle.ino)
        elif isinstance(handle, Listing):
            _drop(self._listings, handle.ino, handle)
        return handle

    def files(self, ino: Inode) -> list[File]:
        """The open files of an inode."""
        return self._files.get(ino, [])

    def nothing_cached(self, ino: Inode) -> bool:
        """Whether the kernel has no page of an inode: its pages were dropped at an open of a
        handle that goes through them, and no such handle was given a byte yet."""
        cached = [one for one in self.files(ino) if not one.direct]
        return bool(cached) and not any(isinstance(one, RealFile) or one.given for one in cached)

    def noticed(self, ino: Inode) -> None:
        """The kernel is about to be told that something of an inode has changed."""
        for one in self.files(ino):
            if isinstance(one, UnrealFile):
                one.notices += 1

    def listings(self, ino: Inode) -> list[Listing]:
        """The open listings of a directory."""
        return self._listings.get(ino, [])

    def orphan(self, ino: Inode) -> None:
        """The name of this inode is gone; what is open of it goes on."""
        if ino in self._files:
            self._orphans.add(ino)

    def found(self, ino: Inode) -> None:
        """This inode has a name again, or still: another hard link."""
        self._orphans.discard(ino)

    def orphaned(self, ino: Inode) -> File | None:
        """An open handle of an inode without name, the writable one if there is one."""
        if ino not in self._orphans:
            return None
        files = self._files[ino]
        writable = (one for one in files if isinstance(one, RealFile) and one.writable)
        return next(writable, files[0])

    def numbers(self) -> list[int]:
        """Of all that is open."""
        return list(self._handles)

    def get(self, fh: int) -> Handle:
        """Whatever has that number; EBADF if nothing has."""
        handle = self._handles.get(fh)
        if handle is None:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        return handle


def _drop(table: dict[Inode, list[T]], ino: Inode, handle: T) -> bool:
    """Take one handle out; returns whether others are left."""
    left = [one for one in table[ino] if one is not handle]
    if left:
        table[ino] = left
    else:
        del table[ino]
    return bool(left)
