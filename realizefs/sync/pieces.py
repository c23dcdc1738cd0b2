"""Pieces of contents on their way: found by the blocks that they bring, and who wants them.

Readers of one block share one piece, and so does a download. A piece that was wanted and isn't any
more is given up, unless its bytes are here already: they are stored. What was started ahead of a
reader is wanted by nobody yet; it is given up when a reader of that content is. Trio thread, but for
`arriving`.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import cast

import trio

from realizefs.model.errors import RealizeError
from realizefs.model.ids import Digest, Inode
from realizefs.model.ranges import Ranges
from realizefs.sync.urgency import Urgency
from realizefs.sync.wanted import Wanted


@dataclass(slots=True, eq=False, weakref_slot=True)
class Piece:
    """Bytes [start, end) on their way: `data` or `error` once `here`; stored once `done`. `scope` ends
    what brings it; `was_read` once somebody came to its end."""

    wanted: Wanted
    start: int
    end: int
    urgency: Urgency
    here: trio.Event = field(default_factory=trio.Event)
    done: trio.Event = field(default_factory=trio.Event)
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)
    users: int = 0
    data: bytes = b""
    kept: bool = False
    bound: bool = True
    was_read: bool = False
    error: RealizeError | None = None

    async def awaited(self, start: int, end: int) -> bytes:
        """What it has of [start, end), once it is here, also if it couldn't be stored since; raises
        its error if it never came."""
        await self.here.wait()
        if self.error is not None and not self.data:
            raise self.error
        return self.part(start, end)

    def part(self, start: int, end: int) -> bytes:
        """What it has of [start, end), for a reader; a buffer that isn't hashable."""
        self.was_read = self.was_read or end >= self.end
        # The kernel's side takes any buffer: of a copy of what is read nobody has anything.
        return cast("bytes", memoryview(self.data)[max(start - self.start, 0) : end - self.start])

    def blocks(self) -> Iterator[tuple[Inode, Digest, int]]:
        """The keys of its blocks."""
        content = (self.wanted.ino, self.wanted.version.hash)
        for start in range(self.start, self.end, self.wanted.block):
            yield (*content, start)


class Pieces:
    """Those of one arena."""

    def __init__(self) -> None:
        self._by_block: dict[tuple[Inode, Digest, int], Piece] = {}

    def __len__(self) -> int:
        return len(self._by_block)

    def bringing(self, wanted: Wanted, start: int) -> Piece | None:
        """The piece that brings the block that starts there."""
        return self._by_block.get((wanted.ino, wanted.version.hash, start))

    def add(self, piece: Piece) -> None:
        """It is on its way; none of its blocks was."""
        self._by_block.update(dict.fromkeys(piece.blocks(), piece))

    def remove(self, piece: Piece) -> None:
        """It isn't any more."""
        for block in piece.blocks():
            if self._by_block.get(block) is piece:  # not another one, since it was given up
                del self._by_block[block]

    def arriving(self, ino: Inode, digest: Digest) -> Ranges:
        """Ranges of a content that are here, and are yet to be stored. Any thread."""
        pairs = {
            (piece.start, piece.end)
            for (of, content, _), piece in tuple(self._by_block.items())
            if of == ino and content == digest and piece.data
        }
        return Ranges(tuple(sorted(pairs)))

    @contextmanager
    def used(self, pieces: Iterable[Piece]) -> Iterator[None]:
        """While somebody wants all of these."""
        held = list(pieces)
        for piece in held:
            self.want(piece)
        try:
            yield
        finally:
            for piece in held:
                self.leave(piece)

    def want(self, piece: Piece) -> None:
        """One more wants it."""
        piece.users += 1

    def leave(self, piece: Piece) -> None:
        """One fewer."""
        piece.users -= 1
        self._give_up_unwanted(piece)

    @contextmanager
    def followed(self, ino: Inode, digest: Digest) -> Iterator[None]:
        """While somebody reads that content: if he is cancelled, what nobody else waits for goes
        no further."""
        try:
            yield
        except trio.Cancelled:
            of_it = [one for key, one in self._by_block.items() if key[:2] == (ino, digest)]
            for piece in of_it:
                self._give_up_unwanted(piece)
            raise

    def _give_up_unwanted(self, piece: Piece) -> None:
        # No await since: whoever comes from now on starts another one.
        if not piece.users and not piece.here.is_set():
            piece.scope.cancel()
            self.remove(piece)
