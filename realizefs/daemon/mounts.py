"""The one mount of a daemon: pyfuse3 has one FUSE session per process."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import trio

from realizefs.daemon.failures import first_of
from realizefs.fs import mountpoints
from realizefs.model.errors import AlreadyRunning, NotFound, RealizeError, StoreFault
from realizefs.model.limits import MOUNT_SECONDS

log = logging.getLogger(__name__)


class MountRun(Protocol):
    """Mounts and serves; started once the mount is there, returns when somebody unmounted it,
    unmounts when cancelled (fs.mount.Mount.run)."""

    def __call__(
        self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> Awaitable[None]: ...


@dataclass(slots=True, eq=False)
class Mounted:
    """The mount that is up: `arena` is the name of the one it shows, None for the household."""

    directory: Path
    arena: str | None
    ended: trio.Event = field(default_factory=trio.Event)


class Mounts:
    """Mounts and unmounts, one at a time. `on_end` is called when a mount that was up is gone."""

    def __init__(self, on_end: Callable[[], None]) -> None:
        self._on_end = on_end
        self.current: Mounted | None = None

    async def mount(self, nursery: trio.Nursery, mounted: Mounted, run: MountRun) -> None:
        """Mount; returns once it is there, and it then lives in `nursery`.

        Raises AlreadyRunning for a second one, Misuse or StoreFault where it can't be.
        """
        if self.current is not None:
            raise AlreadyRunning(
                f"This daemon has its mount at {self.current.directory}, and can have only one; "
                "unmount that first, or use another --home."
            )
        self.current = mounted
        try:
            with trio.move_on_after(MOUNT_SECONDS) as waiting:
                await nursery.start(self._carry, mounted, run)
            if waiting.cancelled_caught:
                raise StoreFault(f"The mount at {mounted.directory} did not answer in time.")
        except BaseException:
            self.current = None
            raise

    async def unmount(self, directory: Path) -> None:
        """Unmount what is at `directory`; NotFound if it isn't ours, Busy if it is in use."""
        mounted = self.current
        if mounted is None or mounted.directory != directory:
            raise NotFound(f"{directory} is not mounted by this daemon.")
        await trio.to_thread.run_sync(mountpoints.unmount, directory)
        await mounted.ended.wait()

    async def _carry(
        self,
        mounted: Mounted,
        run: MountRun,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        up = False
        failure: BaseException | None = None
        try:
            async with trio.open_nursery() as inner:
                await inner.start(run)
                up = True
                task_status.started()
        except* (RealizeError, OSError) as errors:
            failure = first_of(errors)
        finally:
            if up:
                self.current = None
            mounted.ended.set()
        if failure is not None and not up:
            raise failure
        if failure is not None:
            log.error("The mount at %s failed: %s", mounted.directory, failure)
        self._on_end()


def clear_stale_mount(directory: Path) -> None:
    """Take away a mount of ours whose daemon is dead; blocking. Misuse if one is there, alive."""
    if mountpoints.is_mounted(directory):
        mountpoints.prepare(directory)
        log.warning("Took away the mount that a dead daemon left at %s.", directory)
