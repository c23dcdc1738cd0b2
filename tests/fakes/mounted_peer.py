"""A peer with its real arena, mounted: trio in a thread of its own, the test in its own."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import trio

from realizefs.fs import mountpoints
from realizefs.fs.mount import Mount, MountOptions
from realizefs.fs.views import SingleView
from realizefs.model.marks import Mark
from tests.fakes.blocking import Block
from tests.fakes.peer import Peer, running_peer
from tests.fakes.trio_thread import Ready, TrioThread

T = TypeVar("T")


class MountedPeer:
    """Mounted at `directory`/mnt on entering, gone on leaving, whatever happened."""

    def __init__(self, directory: Path) -> None:
        self.root, self.mnt = directory / "root", directory / "mnt"
        self._directory = directory
        self._peer: Peer | None = None
        self._trio = TrioThread(self._main)

    def __enter__(self) -> "MountedPeer":
        self.root.mkdir(parents=True)
        self._trio.start()
        return self

    def __exit__(self, *_: object) -> None:
        ended = self._trio.stop()
        if mountpoints.is_mounted(self.mnt):
            mountpoints.unmount(self.mnt, lazy=True)
        assert ended, "the mount didn't end"
        self._trio.raise_failure()

    @property
    def peer(self) -> Peer:
        assert self._peer is not None
        return self._peer

    def call(self, function: Callable[..., T], *arguments: object) -> T:
        """Run a function on the trio thread."""
        return self._trio.call(function, *arguments)

    def block(self) -> Block:
        """Hold the database's writer until the block is ended."""
        block = Block(self.peer.arena)
        self.call(block.begin)
        block.wait_begun()
        return block

    def pending(self) -> bool:
        """Whether anything is left to index, decide or do."""
        status = self.call(self.peer.arena.status)
        return bool(status["pending"]) or bool(self.peer.arena.context.names.pending)

    async def _main(self, ready: Ready) -> None:
        async with running_peer(self._directory, "a", mark=Mark.OWN) as peer:
            self._peer = peer
            mount = Mount(SingleView(peer.arena), self.mnt, MountOptions("test"))
            async with trio.open_nursery() as nursery:
                await nursery.start(mount.run)
                ready()
