"""A peer with its real arena, mounted: trio in a thread of its own, the test in its own."""

import threading
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

T = TypeVar("T")
END_SECONDS = 20


class MountedPeer:
    """Mounted at `directory`/mnt on entering, gone on leaving, whatever happened."""

    def __init__(self, directory: Path) -> None:
        self.root, self.mnt = directory / "root", directory / "mnt"
        self._directory = directory
        self._ready = threading.Event()
        self._scope = trio.CancelScope()
        self._token: trio.lowlevel.TrioToken | None = None
        self._peer: Peer | None = None
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="mounted peer")

    def __enter__(self) -> "MountedPeer":
        self.root.mkdir(parents=True)
        self._thread.start()
        self._ready.wait(END_SECONDS)
        if self._failure is not None:
            self._thread.join(END_SECONDS)
            raise self._failure
        return self

    def __exit__(self, *_: object) -> None:
        if self._token is not None:
            self._token.run_sync_soon(self._scope.cancel)
        self._thread.join(END_SECONDS)
        if mountpoints.is_mounted(self.mnt):
            mountpoints.unmount(self.mnt, lazy=True)
        assert not self._thread.is_alive(), "the mount didn't end"
        if self._failure is not None:
            raise self._failure

    @property
    def peer(self) -> Peer:
        assert self._peer is not None
        return self._peer

    def call(self, function: Callable[..., T], *arguments: object) -> T:
        """Run a function on the trio thread."""
        assert self._token is not None
        return trio.from_thread.run_sync(function, *arguments, trio_token=self._token)

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

    def _run(self) -> None:
        try:
            trio.run(self._main)
        except BaseException as error:  # noqa: BLE001 - raised in the test's thread
            self._failure = error
        finally:
            self._ready.set()

    async def _main(self) -> None:
        self._token = trio.lowlevel.current_trio_token()
        with self._scope:
            async with running_peer(self._directory, "a", mark=Mark.OWN) as peer:
                self._peer = peer
                mount = Mount(SingleView(peer.arena), self.mnt, MountOptions("test"))
                async with trio.open_nursery() as nursery:
                    await nursery.start(mount.run)
                    self._ready.set()
