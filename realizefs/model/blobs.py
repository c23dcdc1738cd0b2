"""Blob rows: what the database knows of the locally held bytes of one version of one file."""

from dataclasses import dataclass

from realizefs.model.ids import BlobId, Digest, Inode
from realizefs.model.ranges import NO_RANGES, Ranges


@dataclass(frozen=True, slots=True)
class BlobRow:
    """The blob `id`, holding `ranges` of the content `hash` (`size` bytes) of entry `ino`.

    `verified`: all of it was compared with `hash`. `protected`: kept, never evicted. `outdated`:
    the entry has another content by now; the first to be evicted. `stamp` orders blobs by
    use, a larger one being later, and is unique. `usage` is the allocated bytes when last flushed.
    `window`: it hasn't proved yet that it is used more than others (`core.evict`).
    """

    id: BlobId
    ino: Inode
    hash: Digest
    size: int
    ranges: Ranges = NO_RANGES
    verified: bool = False
    protected: bool = False
    outdated: bool = False
    stamp: int = 0
    usage: int = 0
    window: bool = False

    @property
    def complete(self) -> bool:
        """Whether every byte is here."""
        return self.ranges.covers(0, self.size)
