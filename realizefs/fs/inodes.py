"""Which inodes the kernel knows: every entry that we answer is one reference, `forget` undoes it.

By inode: a count, the name that it was last answered under (and before that, of a file with
several), what its cached pages are of, and the time of the last change of what the kernel was told,
as far as it still trusts that. Memory is bounded by what the kernel itself holds.
"""

import os
import stat
from collections.abc import Hashable, Iterable

from realizefs.model.ids import ROOT_INODE

UNREAL = -1
"""The time of change of what has none."""

OTHER_NAMES_MAX = 100
"""Names of one file that are remembered beside the last, 10 KB; who has more may see one for a
minute that is gone, where too much has changed for a notice each (see notify)."""

Place = tuple[int, bytes]
"""A name in a directory: (kernel inode of the directory, name)."""


class Lookups:
    """Lookup counts by kernel inode, and what the kernel's page cache of an inode is of."""

    def __init__(self) -> None:
        self._counts: dict[int, int] = {ROOT_INODE: 1}  # known without having been looked up
        self._pages: dict[int, Hashable] = {}
        self._places: dict[int, Place] = {}
        self._others: dict[int, dict[Place, None]] = {}  # before that, of files with several names
        self._generations: dict[int, int] = {}
        self._told: dict[int, int] = {}
        self._kinds: dict[int, int] = {ROOT_INODE: stat.S_IFDIR}  # of all but regular files

    def __contains__(self, ino: int) -> bool:
        return ino in self._counts

    def __len__(self) -> int:
        return len(self._counts)

    def add(self, ino: int, place: Place | None = None, *, linked: bool = False) -> None:
        """The kernel was answered one entry with this inode, called so; `linked` if it is a file
        with several names, of which it may have others."""
        self._counts[ino] = self._counts.get(ino, 0) + 1
        if place is not None:
            self._call(ino, place, linked=linked)

    def _call(self, ino: int, place: Place, *, linked: bool) -> None:
        before = self._places.get(ino, place)
        self._places[ino] = place
        if before != place and (linked or ino in self._others):
            others = self._others.setdefault(ino, {})
            others[before] = None
            if len(others) > OTHER_NAMES_MAX:
                del others[next(iter(others))]

    def deleted(self, ino: int, *, directory: bool) -> None:
        """The kernel is told that this has no name any more.

        A deleted directory is dead to the kernel. Should it come back under its inode while a
        program still has it open, it must be another one.
        """
        self._places.pop(ino, None)
        if directory:
            self._generations[ino] = self.generation(ino) + 1

    def generation(self, ino: int) -> int:
        """What tells the inode that is answered now from dead ones with its number."""
        return self._generations.get(ino, 0)

    def moved(self, ino: int, place: Place) -> None:
        """The kernel has renamed it."""
        if ino in self._counts:
            self._call(ino, place, linked=False)

    def places(self, ino: int) -> list[Place]:
        """The names that the kernel may have for it, as far as is known."""
        last = self._places.get(ino)
        others = list(self._others.get(ino, {}))
        return others if last is None or last in others else [*others, last]

    def means(self, place: Place, ino: int) -> bool:
        """Whether the kernel, if it knows a name, has it for this very inode.

        To drop such a name would do harm: who is in a directory without a name has no getcwd.
        """
        return self._places.get(ino) == place

    def forget(self, inodes: Iterable[tuple[int, int]]) -> list[int]:
        """The kernel dropped so many references; returns the inodes it no longer knows."""
        gone = []
        for ino, count in inodes:
            left = self._counts.get(ino, 0) - count
            if left > 0:
                self._counts[ino] = left
                continue
            if self._counts.pop(ino, None) is not None:
                gone.append(ino)
            self._pages.pop(ino, None)
            self._places.pop(ino, None)
            self._others.pop(ino, None)
            self._generations.pop(ino, None)
            self._told.pop(ino, None)
            self._kinds.pop(ino, None)
        return gone

    def told(self, ino: int, native: os.stat_result | None, mode: int) -> None:
        """The kernel is answered attributes: those of `native`, None for something unreal."""
        self._told[ino] = native.st_ctime_ns if native is not None else UNREAL
        if not stat.S_ISREG(mode):
            self._kinds[ino] = stat.S_IFMT(mode)
        elif ino in self._kinds:
            del self._kinds[ino]

    def is_of_kind(self, ino: int, mode: int) -> bool:
        """Whether the kernel has this inode as a file, directory or whatever `mode` says."""
        return self._kinds.get(ino, stat.S_IFREG) == stat.S_IFMT(mode)

    def is_right(self, ino: int, native: os.stat_result | None) -> bool:
        """Whether all that the kernel trusts of attributes is what they are now.

        That a change was heard of is known by its time; where that has the grain of a tick, what
        changes twice within one is trusted for a second only (SETTLED_SECONDS).
        """
        told = self._told.get(ino)
        return told is None or (native is not None and told == native.st_ctime_ns)

    def distrust(self, ino: int) -> None:
        """The kernel drops attributes: it has changed them itself, or is about to be told to."""
        self._told.pop(ino, None)

    def distrust_all(self) -> None:
        """The same of every inode."""
        self._told.clear()

    def known(self) -> list[int]:
        """All inodes that the kernel knows now."""
        return list(self._counts)

    def keep_pages(self, ino: int, content: Hashable) -> bool:
        """Whether cached pages are of `content`, which is opened now, and may be kept."""
        if ino not in self._counts:
            return False
        kept = self._pages.get(ino) == content
        self._pages[ino] = content
        return kept

    def drop_pages(self, ino: int) -> None:
        """What the page cache has of this inode is no longer known."""
        self._pages.pop(ino, None)
