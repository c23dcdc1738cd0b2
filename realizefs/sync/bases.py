"""The old bytes of what is being fetched anew: whole blocks are taken from them, and deltas made.

A base is the real file or the blob of an older content of the same entry. Nothing that it gives is
trusted: what is taken is compared with the digest of its block in the new content, and what a delta
makes of it is, too. So it may change or be evicted at any time. A real file is open only while
something is taken from it: who has it open keeps it in the root (see store.lease).
"""

import os
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from realizefs.model.errors import StoreFault
from realizefs.model.ids import NO_DIGEST, Digest, Inode
from realizefs.model.limits import BASES_MAX, DELTA_SLACK_BYTES
from realizefs.model.versions import Version
from realizefs.store.arena import ArenaStore
from realizefs.store.blob import Blob
from realizefs.store.hashing import block_size


class Base:
    """An older content: a blob, open, or else what `opened` opens. Its methods block."""

    def __init__(
        self, blob: Blob | None, size: int, digests: bytes, opened: Callable[[], int] = lambda: -1
    ) -> None:
        self.fd = -1 if blob is None else blob.fd
        self.size = size
        self.users = 0
        self.dropped = False
        self._blob = blob
        self._opened = opened
        block = block_size(size)
        self._places = {
            digests[at : at + 32]: at // 32 * block for at in range(0, len(digests), 32)
        }

    def place_of(self, digest: bytes) -> int | None:
        """Where it has the block with this digest, if it has."""
        return self._places.get(digest)

    def read(self, start: int, length: int) -> bytes:
        """Bytes there, fewer or none where some are missing."""
        try:
            if self._blob is not None:
                return self._blob.read(start, length) or b""
            return os.pread(self.fd, length, start)
        except (OSError, StoreFault):
            return b""  # a bad disk is no reason not to fetch

    def around(self, start: int, end: int) -> bytes:
        """The bytes in which those of [start, end) of the new content may be found again; none past
        its end, of which nothing is known over there."""
        if start >= self.size:
            return b""
        first = max(start - DELTA_SLACK_BYTES, 0)
        last = min(end + DELTA_SLACK_BYTES, self.size)
        return self.read(first, last - first)

    def enter(self) -> None:
        """One more uses it; it may turn out to have nothing."""
        self.users += 1
        if self._blob is None and self.users == 1:
            self.fd = self._opened()

    def leave(self) -> None:
        """One fewer."""
        self.users -= 1
        if self._blob is None and not self.users and self.fd >= 0:
            os.close(self.fd)
            self.fd = -1
        if self.dropped and not self.users:
            self.close()

    def close(self) -> None:
        """Nobody uses it any more."""
        if self._blob is not None:
            self._blob.close()


class Bases:
    """The bases of one arena; bounded by BASES_MAX and by those in use. Trio thread."""

    def __init__(self, store: ArenaStore) -> None:
        self._store = store
        self._bases: OrderedDict[tuple[Inode, Digest], Base | None] = OrderedDict()

    @contextmanager
    def using(self, ino: Inode, path: bytes, content: Digest) -> Iterator[Base | None]:
        """The base for fetching that content, if there is one."""
        key = (ino, content)
        if key not in self._bases:
            self._bases[key] = self._open(ino, path, content)
        self._bases.move_to_end(key)
        base = self._bases[key]
        if base is None:
            self._trim()
            yield None
            return
        base.enter()
        try:
            self._trim()
            yield base
        finally:
            base.leave()

    def lend(self, ino: Inode, version: Version, path: bytes) -> None:
        """Of this content, another real file that has it is the base."""
        with self._store.env.read() as txn:
            digests = self._store.blocks.get(txn, version.hash) or version.hash
        self.forget(ino, version.hash)
        opened = partial(self._open_real, path)
        self._bases[ino, version.hash] = Base(None, version.size, digests, opened)

    def has(self, ino: Inode, content: Digest) -> bool:
        """Whether there is an old content to take from, as far as is known."""
        return self._bases.get((ino, content)) is not None

    def forget(self, ino: Inode, content: Digest) -> None:
        """That content is complete."""
        self._drop(self._bases.pop((ino, content), None))

    def close(self) -> None:
        """Forget all."""
        for base in self._bases.values():
            self._drop(base)
        self._bases.clear()

    def _trim(self) -> None:
        while len(self._bases) > BASES_MAX:
            self._drop(self._bases.popitem(last=False)[1])

    def _drop(self, base: Base | None) -> None:
        if base is not None:
            base.dropped = True
            if not base.users:
                base.close()

    def _open(self, ino: Inode, path: bytes, content: Digest) -> Base | None:
        store = self._store
        with store.env.read() as txn:
            real, row = store.real.get(txn, ino), store.blobs.find(txn, ino)
            old = NO_DIGEST
            if real is not None and real.hash and real.hash != content:
                old = real.hash
            elif row is not None and row.hash != content:
                old, real = row.hash, None
            digests = (store.blocks.get(txn, old) or b"") if old else b""
        if not old:
            return None
        if real is not None:
            return Base(None, real.fingerprint.size, digests, partial(self._open_real, path))
        blob = store.blobs.open_existing(ino, old)
        if blob is not None and not blob.ranges:  # of which its row may not know yet
            blob.close()
            blob = None
        return None if blob is None else Base(blob, blob.size, digests)

    def _open_real(self, path: bytes) -> int:
        try:
            return self._store.root.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return -1
