"""A mount from beginning to end: prepare, serve until unmounted or cancelled, clear up.

The order at the end matters. The notifier's thread may be waiting for a lock that a program
holds while it waits for one of our answers, so requests go on being served until that thread has
ended; then the session ends; then, with no thread left that could use it, it is unmounted. The
unmount closes the session's descriptor first, so the kernel answers whoever still waits.
"""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar

import pyfuse3
import trio

from realizefs.core.counting import MountCounts
from realizefs.fs import callers, mountpoints, subscription
from realizefs.fs.answers import Answers
from realizefs.fs.connection import widen
from realizefs.fs.echoes import Echoes
from realizefs.fs.live import Live
from realizefs.fs.notify import FuseKernel, Notifier
from realizefs.fs.sayings import overheard
from realizefs.fs.seen import Seen
from realizefs.fs.served import Served
from realizefs.fs.stalls import Stalls
from realizefs.fs.subscription import Subscription
from realizefs.fs.views import View
from realizefs.model.errors import Misuse, StoreFault
from realizefs.model.limits import FUSE_TASKS_MAX
from realizefs.model.mount_flags import ACL, KERNEL_FLAGS


@dataclass(frozen=True, slots=True)
class MountOptions:
    """`name` is shown as the source of the mount; `flags` of model.mount_flags; `no_fetch` as in
    DESIGN 3.5."""

    name: str
    flags: frozenset[str] = frozenset()
    no_fetch: tuple[str, ...] = callers.NO_FETCH_DEFAULT


class Mount:
    """A view at a mountpoint. pyfuse3 has one session per process, so only one runs at a time."""

    _taken: ClassVar[bool] = False  # mirrors the session that pyfuse3 keeps for the process

    def __init__(
        self,
        view: View,
        mountpoint: Path,
        options: MountOptions,
        counts: MountCounts | None = None,
    ) -> None:
        self.mountpoint = mountpoint.absolute()
        self._options = options
        self._served = Served(
            *(view, callers.comm_names(options.no_fetch), callers.process_umask()),
            acl=ACL in options.flags,
            counts=counts or MountCounts(),
        )
        self._notifier = Notifier(
            FuseKernel(),
            self._served.lookups.known,
            partial(subscription.places_of, self._served),
        )
        self._served.kernel_told = self._notifier.all_told
        self._served.kernel_is_told = self._notifier.is_idle
        self._echoes = Echoes(self._served)
        self._live = Live(self._served, self._notifier, self._echoes)
        self._seen = Seen(self._served, self._notifier)
        self._subscription = Subscription(self._served, self._notifier, self._live, self._seen)

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Mount and serve; returns once unmounted by somebody, unmounts when cancelled.

        `task_status.started()` once the mount is there. Raises Misuse for a second mount in this
        process or a mountpoint that can't be one, StoreFault if the kernel refuses.
        """
        if Mount._taken:
            raise Misuse("This process has a mount already, and can have one only.")
        Mount._taken = True
        try:
            # It may hang in somebody else's mount there; whoever cancels needn't wait for that.
            await trio.to_thread.run_sync(
                mountpoints.prepare, self.mountpoint, abandon_on_cancel=True
            )
            # Mounting waits for nothing that we serve: the kernel's first request is queued.
            operations = self._mount()
            try:
                await self._serve(operations, task_status)
            finally:
                self._subscription.close()
                operations.end()
                # Holds the interpreter for some milliseconds whichever thread it is in.
                pyfuse3.close(unmount=True)
                await self._live.let_go()
        finally:
            Mount._taken = False

    def _mount(self) -> Answers:
        operations = Answers(self._served, self._subscription, self._echoes)
        try:
            with overheard() as said:
                pyfuse3.init(operations, str(self.mountpoint), self._fuse_options())
        except RuntimeError as error:
            pyfuse3.close(unmount=False)
            raise StoreFault(
                f'"{self.mountpoint}" can\'t be mounted: {said.reason or error}.'
            ) from error
        return operations

    async def _serve(self, operations: Answers, task_status: trio.TaskStatus[None]) -> None:
        self._subscription.refresh()
        answering = trio.CancelScope(shield=True)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._answer, answering, nursery.cancel_scope.cancel)
            nursery.start_soon(self._notify, operations.stalls, answering.cancel)
            nursery.start_soon(operations.interrupts.run)
            nursery.start_soon(self._seen.run)
            task_status.started()
            try:
                await trio.sleep_forever()
            finally:
                self._notifier.stop()

    async def _answer(self, scope: trio.CancelScope, ended: Callable[[], None]) -> None:
        self._served.answering.set(True)  # the tasks that answer inherit it
        with scope:
            await pyfuse3.main(max_tasks=FUSE_TASKS_MAX)
        ended()

    async def _notify(self, stalls: Stalls, ended: Callable[[], None]) -> None:
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._attend, stalls)
                await self._notifier.run()
                nursery.cancel_scope.cancel()
        finally:
            ended()

    async def _attend(self, stalls: Stalls) -> None:
        """What needs to know the mount from outside."""
        device = await trio.to_thread.run_sync(mountpoints.device_of, self.mountpoint)
        if device is not None:  # else somebody has unmounted it already
            stalls.allow(await trio.to_thread.run_sync(widen, device))
            await self._live.run(self.mountpoint, device)

    def _fuse_options(self) -> set[str]:
        return {
            *pyfuse3.default_options,
            *(self._options.flags & KERNEL_FLAGS),
            f"fsname={_escaped(f'{mountpoints.FILESYSTEM}:{self._options.name}')}",
            f"subtype={mountpoints.FILESYSTEM}",
        }


def _escaped(name: str) -> str:
    """A name as libfuse's options and /etc/mtab take it: ASCII, without separators."""
    shown = os.fsencode(name).decode("ascii", "backslashreplace")
    return re.sub(r"[^!-~]", "_", shown).replace("\\", "_").replace(",", "_")
