"""A real mount in this process: trio and pyfuse3 in a thread of their own, the test in its own.

System calls of a test release the interpreter's lock, so the mount can answer them; reading
mapped memory does not: what maps files runs in a subprocess.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import trio

from realizefs.fs import mountpoints
from realizefs.fs.mount import Mount, MountOptions
from realizefs.fs.views import View
from tests.fakes.arena import FakeArena
from tests.fakes.trio_thread import END_SECONDS, Ready, TrioThread
from tests.household.waiting import until

T = TypeVar("T")


ECHO_SECONDS = 100.0
"""Its hand looks for watchers a twentieth of the time at most: a look that took a second is late by twenty."""


class MountedView:
    """Mounted on entering, gone on leaving, whatever happened."""

    def __init__(self, view: View, path: Path, options: MountOptions | None = None) -> None:
        self.path = path
        self._mount = Mount(view, path, options or MountOptions("test"))
        self._trio = TrioThread(self._main)

    def __enter__(self) -> "MountedView":
        self._trio.start()
        self._announce_by(self.call)
        return self

    def _announce_by(self, call: Callable[..., Any]) -> None:
        for arena in self.served.view.arenas():
            if isinstance(arena, FakeArena):
                arena.there = call

    def __exit__(self, *_: object) -> None:
        self._announce_by(lambda change: change())
        hangs = not self._trio.stop()
        if mountpoints.is_mounted(self.path):
            mountpoints.unmount(self.path, lazy=True)
            assert hangs, "the mount ended without unmounting"
        assert not hangs, "the mount didn't end"
        self._trio.raise_failure()

    def wait_ended(self) -> None:
        assert self._trio.wait_ended()

    def call(self, function: Callable[..., T], *args: Any) -> T:
        """Run a function on the trio thread."""
        return self._trio.call(function, *args)

    def settle(self) -> None:
        """Wait until what was announced so far has been told to the kernel, and replies sent."""
        os.statvfs(self.path)  # requests are taken in order: what was closed before is released
        self._told()

    def seen(self) -> None:
        """Wait until what was seen in the root is looked at, and told to the kernel."""
        seen = self._mount._seen
        until(lambda: self.call(lambda: seen.settled), "all is looked at", END_SECONDS)
        self._told()

    def limit_seen(self, limit: int) -> None:
        """So many paths may wait to be looked at."""
        self._mount._seen._limit = limit

    def notices(self) -> int:
        """How many batches of notices the kernel was told."""
        self._told()
        return self._mount._notifier.ticket()

    def drop(self, ino: int) -> None:
        """Make the kernel ask anew for an inode's attributes."""
        self._mount._notifier.inode_changed(ino, attributes_only=True)
        self.settle()

    def drop_name(self, ino: int) -> None:
        """Make the kernel forget the names by which it knows an inode."""
        for place in self.call(self._mount._notifier._places_of, ino):
            self._mount._notifier.name_changed(place)

    def echoed(self) -> None:
        """Wait until watchers have heard of all that was announced so far."""
        live = self._mount._live
        until(lambda: self.call(lambda: live.settled), "watchers to be told", ECHO_SECONDS)

    def forgotten(self) -> None:
        """Have the kernel drop what it knows: by its own means, or where that isn't allowed (or
        would cost others too much), as it does when names are no longer trusted."""
        lookups = self.served.lookups
        for _ in range(4):  # a directory can only go when what is in it has gone
            self.call(self._distrust)
            self._told()
            os.statvfs(self.path)
        until(lambda: self.call(len, lookups) == 1, "the kernel forgets all", END_SECONDS)

    def _told(self) -> None:
        notifier = self._mount._notifier
        self._trio.wait_for(notifier.reached, notifier.ticket())

    def _distrust(self) -> None:
        for ino in self.served.lookups.known():
            for place in self._mount._notifier._places_of(ino):
                self._mount._notifier.name_changed(place)

    @property
    def hand(self) -> int | None:
        """The process by which watchers hear of changes."""
        return self._mount._echoes.hand

    @property
    def echoes(self) -> int:
        """How often something was done again for watchers to hear of."""
        return self._mount._echoes.answered

    @property
    def served(self) -> Any:
        return self._mount._served

    async def _main(self, ready: Ready) -> None:
        async with trio.open_nursery() as nursery:
            await nursery.start(self._mount.run)
            ready()
