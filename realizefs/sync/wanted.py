"""What is fetched, and whether bytes are it."""

from dataclasses import dataclass

import trio

from realizefs.model import limits, paths
from realizefs.model.errors import WrongBytes
from realizefs.model.ids import Digest, Inode
from realizefs.model.versions import Version
from realizefs.store.hashing import check_block, hash_bytes

CHECK_INLINE_BYTES_MAX = 256 * limits.KIB
"""Bytes hashed on the trio thread: a tenth of a millisecond."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One version of one path, with the digests of its blocks; b"" of a file of one block."""

    ino: Inode
    path: bytes
    version: Version
    block: int
    digests: bytes

    def digest(self, at: int) -> Digest:
        """The digest of the block at `at`."""
        if not self.digests:
            return self.version.hash
        number = at // self.block
        return Digest(self.digests[32 * number : 32 * number + 32])

    async def check(self, start: int, end: int, data: bytes, peer: str) -> None:
        """Every block of [start, end) against its digest; raises WrongBytes naming the peer."""
        if len(data) > CHECK_INLINE_BYTES_MAX:
            good = await trio.to_thread.run_sync(self.is_good, start, end, data)
        else:
            good = self.is_good(start, end, data)
        if not good:
            raise WrongBytes(f'{peer} sent wrong bytes for "{paths.show(self.path)}" at {start}.')

    def is_good(self, start: int, end: int, data: bytes) -> bool:
        """Whether these are bytes [start, end), whole blocks."""
        if len(data) != end - start:
            return False
        if not self.digests:
            return hash_bytes(data) == self.version.hash
        view = memoryview(data)
        return all(
            check_block(view[at : at + self.block], self.digest(start + at))
            for at in range(0, len(data), self.block)
        )
