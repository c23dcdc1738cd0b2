"""How much of a content one request asks for (`core.striping`), looked up now and then only: it takes
a statfs, and a look at who has it.
"""

import trio

from realizefs.core.striping import piece_bytes
from realizefs.model import limits
from realizefs.model.ids import Digest, Inode
from realizefs.model.versions import Version
from realizefs.store.blobs import Blobs
from realizefs.sync.bases import Bases
from realizefs.sync.sources import Sources
from realizefs.sync.wanted import Wanted

DELTA_PIECE_BYTES = 1 * limits.MIB
"""Bytes that one delta brings at least, however slow the line: each signs as many around them."""

MOMENT_SECONDS = 0.05
"""Seconds that the line may be busy with what somebody may open next."""

PACE_SECONDS = 0.05
"""Seconds for which it is known how large the pieces of a content are to be."""


class Pace:
    """Of one arena. Trio thread."""

    def __init__(self, blobs: Blobs, sources: Sources, bases: Bases) -> None:
        self._blobs = blobs
        self._sources = sources
        self._bases = bases
        self._last: tuple[tuple[Inode, Digest] | None, float, int] = (None, 0.0, 0)

    def piece_bytes(self, wanted: Wanted) -> int:
        """Bytes to ask for at once, whole blocks."""
        content, now = (wanted.ino, wanted.version.hash), trio.current_time()
        of, known_until, size = self._last
        if of == content and now < known_until:
            return size
        size = piece_bytes(self._sources.rate(*content), wanted.block, self._blobs.allowed)
        if self._bases.has(*content):
            size = max(size, DELTA_PIECE_BYTES)
        self._last = content, now + PACE_SECONDS, size
        return size

    def moment(self, ino: Inode, version: Version) -> int:
        """Bytes that come in a moment, whatever the cache takes."""
        rate = self._sources.rate(ino, version.hash)
        return piece_bytes(rate, limits.BLOCK_BYTES_MIN, 1 << 62, MOMENT_SECONDS)
