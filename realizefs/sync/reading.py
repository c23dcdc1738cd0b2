"""Blobs that stay open from one read to the next.

To find the blob of a content, open its file and close it again costs more than a read of what is in
it. So a blob that was read stays open until it wasn't read for some seconds, or too many others
were. That changes nothing for anybody else: one that is evicted, or becomes a real file, does so in
the hands of its readers, and the next read finds what is there then. Only somebody who must have a
file to himself (unrealize, by a lease) would find us in his way, so what may become real is let go.
"""

from collections import OrderedDict

import trio

from realizefs.model.ids import Digest, Inode
from realizefs.store.blob import Blob, State
from realizefs.store.blobs import Blobs

HELD_MAX = 64
"""Blobs, each with one file descriptor: files that are read at random at the same time."""

LOOK_SECONDS = 2.0
"""Seconds between looks; who wasn't read between two of them is closed."""


class Reading:
    """The blobs that readers of one arena use, the least recently read first. Trio thread."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs
        self._held: OrderedDict[tuple[Inode, Digest], Blob] = OrderedDict()
        self._read: set[tuple[Inode, Digest]] = set()
        self._wake = trio.Event()

    def open(self, ino: Inode, digest: Digest) -> Blob | None:
        """The blob of that content, if there is one; the caller closes it."""
        blob = self._blobs.open_existing(ino, digest)
        if blob is not None and blob.state is State.STORING:
            self._hold((ino, digest), blob)
        return blob

    def let_go(self, ino: Inode, digest: Digest) -> None:
        """Somebody wants the blob for himself."""
        self._read.discard((ino, digest))
        held = self._held.pop((ino, digest), None)
        if held is not None:
            held.close()

    async def run(self) -> None:
        """Let go of what isn't read any more, until cancelled; then of all."""
        try:
            while True:
                await self._wake.wait()
                await trio.sleep(LOOK_SECONDS)
                for key in [one for one in self._held if one not in self._read]:
                    self.let_go(*key)
                self._read.clear()
                if not self._held:
                    self._wake = trio.Event()
        finally:
            for key in list(self._held):
                self.let_go(*key)

    def _hold(self, key: tuple[Inode, Digest], blob: Blob) -> None:
        self._read.add(key)
        held = self._held.get(key)
        if held is not blob:  # the first, or another one since the last was evicted
            if held is not None:
                held.close()
            blob.hold()
            self._held[key] = blob
            self._wake.set()
        self._held.move_to_end(key)
        if len(self._held) > HELD_MAX:
            self.let_go(*next(iter(self._held)))
