"""Pieces in memory for who reads them just now: those that are written around the page cache.

What is fetched ahead of somebody who streams a big file goes to him through the page cache of the
mount. Written the usual way it would be in memory once more, as pages of the cache's file, which
nobody reads; where memory is fresh, taking those pages was half of the reader's processor time. So
it goes straight to the disk (`store.direct`), and stays here until he has had it.
"""

from collections import deque

import trio

from realizefs.model.ids import Digest, Inode
from realizefs.model.limits import MIB
from realizefs.sync.pieces import Piece

RECENT_BYTES_MAX = 32 * MIB
"""Bytes in memory for the readers of one arena: twice what is fetched ahead of one."""

LOOK_SECONDS = 2.0
"""Seconds between looks; what wasn't read between two of them goes, and is read from the disk."""


class Recent:
    """Those of one arena, the oldest first. Trio thread."""

    def __init__(self, most: int = RECENT_BYTES_MAX) -> None:
        self._most = most
        self._pieces: deque[Piece] = deque()
        self._read: set[Piece] = set()
        self._wake = trio.Event()

    @property
    def kept_bytes(self) -> int:
        """Bytes of all of them."""
        return sum(piece.end - piece.start for piece in self._pieces)

    def keep(self, piece: Piece) -> bool:
        """Whether there is room for its bytes, after those that were read to their end."""
        need = piece.end - piece.start
        while self.kept_bytes + need > self._most:
            had = next((one for one in self._pieces if one.was_read), None)
            if had is None:
                return False
            self._pieces.remove(had)
            self._read.discard(had)
        self._pieces.append(piece)
        self._read.add(piece)  # it is new
        self._wake.set()
        return True

    def find(self, ino: Inode, digest: Digest, start: int, end: int) -> list[Piece]:
        """The pieces that together have all of [start, end) of a content, in order; none if some of it
        is elsewhere. Whoever asks reads so far, wherever from."""
        found, at = list[Piece](), start
        for piece in self._of(ino, digest):
            if piece.start < end and start < piece.end:
                self._read.add(piece)
                piece.was_read = piece.was_read or piece.end <= end
            if piece.start <= at < min(piece.end, end):
                found.append(piece)
                at = piece.end
        return found if at >= end else []

    def until(self, piece: Piece) -> int:
        """Up to where all is here that follows it."""
        end = piece.end
        for one in self._of(piece.wanted.ino, piece.wanted.version.hash):
            if one.start <= end:
                end = max(end, one.end)
        return end

    def _of(self, ino: Inode, digest: Digest) -> list[Piece]:
        """Those of a content, in order."""
        pieces = (one for one in self._pieces if one.wanted.ino == ino)
        return sorted((one for one in pieces if one.wanted.version.hash == digest), key=_start)

    async def run(self) -> None:
        """Let go of what isn't read any more, until cancelled."""
        while True:
            await self._wake.wait()
            await trio.sleep(LOOK_SECONDS)
            self._pieces = deque(piece for piece in self._pieces if piece in self._read)
            self._read.clear()
            if not self._pieces:
                self._wake = trio.Event()


def _start(piece: Piece) -> int:
    return piece.start
