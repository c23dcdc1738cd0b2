"""What programs that watch the mount have already been told of each inode.

A change that a program made through the mount is told by the kernel itself, long before the
index hears of it. So that nobody hears of it twice, what the kernel has seen done is noted here,
and so is what we tell; a change of the index that leaves things as they were noted is no news.

Only a memory: an inode that is not in it, because it was dropped or never noted, is told of once
too often at worst.
"""

import os
import stat
from collections import OrderedDict
from dataclasses import dataclass

import pyfuse3

from realizefs.model.limits import WITNESSED_MAX


@dataclass(frozen=True, slots=True)
class Stamp:
    """How a thing looks; of a directory, whose size and time follow its contents, only `mode`."""

    mode: int
    size: int = 0
    mtime_ns: int = 0

    @staticmethod
    def of(entry: pyfuse3.EntryAttributes) -> "Stamp":
        """Of attributes as they are answered."""
        if stat.S_ISDIR(entry.st_mode):
            return Stamp(entry.st_mode)
        return Stamp(entry.st_mode, entry.st_size, entry.st_mtime_ns)

    @staticmethod
    def of_native(file: os.stat_result) -> "Stamp":
        """Of a file that is shown as it is."""
        return Stamp(file.st_mode, file.st_size, file.st_mtime_ns)

    def has_content_of(self, other: "Stamp") -> bool:
        """Whether it may be taken that the bytes are the same."""
        return (self.size, self.mtime_ns) == (other.size, other.mtime_ns)


GONE = Stamp(0)
"""There is nothing any more."""


class Witness:
    """The last stamps by kernel inode, the longest untouched dropped first. Trio thread only."""

    def __init__(self, limit: int = WITNESSED_MAX) -> None:
        self._limit = limit
        self._stamps: OrderedDict[int, Stamp] = OrderedDict()

    def last(self, ino: int) -> Stamp | None:
        """What watchers know of an inode; None if we don't know what they know."""
        return self._stamps.get(ino)

    def note(self, ino: int, stamp: Stamp) -> None:
        """Watchers know this by now, or are about to."""
        self._stamps[ino] = stamp
        self._stamps.move_to_end(ino)
        if len(self._stamps) > self._limit:
            self._stamps.popitem(last=False)

    def drop(self, ino: int) -> None:
        """Nobody can be watching it: what is told next is told in full."""
        self._stamps.pop(ino, None)
