"""A real mount in this process: trio and pyfuse3 in a thread of their own, the test in its own.

System calls of a test release the interpreter's lock, so the mount can answer them; reading
mapped memory does not: what maps files runs in a subprocess.
"""

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import trio

from realizefs.fs import mountpoints
from realizefs.fs.mount import Mount, MountOptions
from realizefs.fs.views import View
from tests.household.waiting import until

T = TypeVar("T")
END_SECONDS = 20


class MountedView:
    """Mounted on entering, gone on leaving, whatever happened."""

    def __init__(self, view: View, path: Path, options: MountOptions | None = None) -> None:
        self.path = path
        self._mount = Mount(view, path, options or MountOptions("test"))
        self._ready = threading.Event()
        self._token: trio.lowlevel.TrioToken | None = None
        self._scope = trio.CancelScope()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="mount")

    def __enter__(self) -> "MountedView":
        self._thread.start()
        self._ready.wait(END_SECONDS)
        if self._failure is not None:
            self._thread.join(END_SECONDS)
            raise self._failure
        return self

    def __exit__(self, *_: object) -> None:
        if self._thread.is_alive() and self._token is not None:
            self._token.run_sync_soon(self._scope.cancel)
        self._thread.join(END_SECONDS)
        hangs = self._thread.is_alive()
        if mountpoints.is_mounted(self.path):
            mountpoints.unmount(self.path, lazy=True)
            assert hangs, "the mount ended without unmounting"
        assert not hangs, "the mount didn't end"
        if self._failure is not None:
            raise self._failure

    def wait_ended(self) -> None:
        self._thread.join(END_SECONDS)
        assert not self._thread.is_alive()

    def call(self, function: Callable[..., T], *args: Any) -> T:
        """Run a function on the trio thread."""
        assert self._token is not None
        return trio.from_thread.run_sync(function, *args, trio_token=self._token)

    def settle(self) -> None:
        """Wait until what was announced so far has been told to the kernel, and replies sent."""
        os.statvfs(self.path)  # requests are taken in order: what was closed before is released
        assert self._mount._notifier.drain(END_SECONDS)

    def drop(self, ino: int) -> None:
        """Make the kernel ask anew for an inode's attributes."""
        self._mount._notifier.inode_changed(ino, attributes_only=True)
        self.settle()

    def echoed(self) -> None:
        """Wait until watchers have heard of all that was announced so far."""
        live = self._mount._live
        until(lambda: self.call(lambda: live.settled), "watchers to be told", END_SECONDS)

    def forgotten(self) -> None:
        """Have the kernel drop what it knows: by its own means, or where that isn't allowed (or
        would cost others too much), as it does when names are no longer trusted."""
        lookups = self.served.lookups
        for _ in range(4):  # a directory can only go when what is in it has gone
            self.call(self._distrust)
            assert self._mount._notifier.drain(END_SECONDS)
            os.statvfs(self.path)
        until(lambda: self.call(len, lookups) == 1, "the kernel forgets all", END_SECONDS)

    def _distrust(self) -> None:
        for ino in self.served.lookups.known():
            place = self._mount._notifier._place_of(ino)
            if place is not None:
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

    def _run(self) -> None:
        try:
            trio.run(self._main)
        except BaseException as error:  # noqa: BLE001 - raised in the test's thread
            self._failure = _only(error)
        finally:
            self._ready.set()

    async def _main(self) -> None:
        self._token = trio.lowlevel.current_trio_token()
        with self._scope:
            async with trio.open_nursery() as nursery:
                await nursery.start(self._mount.run)
                self._ready.set()


def _only(error: BaseException) -> BaseException:
    """What a nursery's group is about, where it is one thing."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error
