"""Which inodes the kernel knows: every entry that we answer is one reference, `forget` undoes it.

One dict[int, int] and one of page cache keys: memory is bounded by what the kernel itself holds.
"""

from collections.abc import Hashable, Iterable

from realizefs.model.ids import ROOT_INODE


class Lookups:
    """Lookup counts by kernel inode, and what the kernel's page cache of an inode is of."""

    def __init__(self) -> None:
        self._counts: dict[int, int] = {ROOT_INODE: 1}  # known without having been looked up
        self._pages: dict[int, Hashable] = {}

    def __contains__(self, ino: int) -> bool:
        return ino in self._counts

    def __len__(self) -> int:
        return len(self._counts)

    def add(self, ino: int) -> None:
        """The kernel was answered one entry with this inode."""
        self._counts[ino] = self._counts.get(ino, 0) + 1

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
        return gone

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
