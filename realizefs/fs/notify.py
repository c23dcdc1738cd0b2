"""Telling the kernel what it should no longer trust.

An invalidation can block: the kernel wants the lock of a directory, or of a page, that a program
holds while it waits for one of *our* answers. So one worker thread tells, and the trio thread
only queues. The queue is keyed by what is invalidated, so repeated changes of one thing are one
notice, and bounded: beyond KERNEL_NOTICES_MAX it is dropped and one sweep over every inode that
the kernel knows takes its place. Nothing is lost by that: what the kernel trusts for long
belongs to an inode that it knows (attributes, pages, the names it was found by), and what it
trusts without an inode (that a name does *not* exist) it trusts for a second (attrs.of_nothing).
"""

import errno
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import pyfuse3
import trio

from realizefs.model.limits import KERNEL_NOTICES_MAX

log = logging.getLogger(__name__)

Place = tuple[int, bytes]
"""A name in a directory: (kernel inode of the directory, name)."""

SWEEP_BATCH = 256
"""Inodes looked at on the trio thread at a time during a sweep: about 2 ms."""


class Kernel(Protocol):
    """The two notices; both may block, and raise OSError (ENOENT: the kernel doesn't know it)."""

    def forget_inode(self, ino: int, *, attributes_only: bool) -> None:
        """Drop attributes, and with them cached pages."""
        ...

    def forget_name(self, place: Place, deleted: int) -> None:
        """Drop a name; if it was of inode `deleted` (0: none), tell inotify that it is gone."""
        ...


class FuseKernel:
    """The kernel behind this process's FUSE session."""

    def forget_inode(self, ino: int, *, attributes_only: bool) -> None:
        pyfuse3.invalidate_inode(ino, attr_only=attributes_only)

    def forget_name(self, place: Place, deleted: int) -> None:
        pyfuse3.invalidate_entry(*place, deleted)


@dataclass(slots=True)
class _Queue:
    inodes: dict[int, bool] = field(default_factory=dict)
    """inode → attributes only"""
    names: dict[Place, int] = field(default_factory=dict)
    """place → deleted inode or 0"""
    sweep: bool = False

    def __len__(self) -> int:
        return len(self.inodes) + len(self.names)

    def __bool__(self) -> bool:
        return self.sweep or len(self) > 0


class Notifier:
    """The queue and its thread. `known` lists the inodes that the kernel knows, `places_of` where
    one is; both are called on the trio thread."""

    def __init__(
        self,
        kernel: Kernel,
        known: Callable[[], list[int]],
        places_of: Callable[[int], list[Place]],
        limit: int = KERNEL_NOTICES_MAX,
    ) -> None:
        self._kernel = kernel
        self._known = known
        self._places_of = places_of
        self._limit = limit
        self._queue = _Queue()
        self._wake = threading.Condition()
        self._stopping = False
        self._taken = 0
        self._done = 0
        self._progress = trio.Event()

    def inode_changed(self, ino: int, *, attributes_only: bool) -> None:
        """Attributes, and unless only they, the content of an inode are different now."""
        with self._wake:
            if self._queue.sweep:
                return  # will be part of it
            before = self._queue.inodes.get(ino, True)
            self._queue.inodes[ino] = before and attributes_only
            self._bound()

    def name_changed(self, place: Place, deleted: int = 0) -> None:
        """A name means something else now; nothing, if the inode it meant is `deleted`."""
        with self._wake:
            self._queue.names[place] = deleted
            self._bound()

    def all_changed(self) -> None:
        """Nothing that the kernel knows may be trusted."""
        with self._wake:
            self._queue = _Queue(sweep=True)
            self._bound()

    def ticket(self) -> int:
        """What `reached` takes to wait for all that was queued so far."""
        with self._wake:
            return self._taken + (1 if self._queue else 0)

    async def reached(self, ticket: int) -> None:
        """Wait until the kernel was told of what was queued before the ticket."""
        while self._done < ticket:
            await self._progress.wait()

    def is_idle(self) -> bool:
        """Whether the kernel was told of everything."""
        return self._done >= self.ticket()

    async def all_told(self) -> None:
        """Wait until the kernel was told of what is queued now."""
        await self.reached(self.ticket())

    async def run(self) -> None:
        """Tell until `stop` and the queue is empty; not cancellable, the thread may be waiting."""
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(self._tell_all, limiter=trio.CapacityLimiter(1))

    def stop(self) -> None:
        """End the thread; requests must be answered until it has ended."""
        with self._wake:
            self._stopping = True
            self._queue = _Queue()
            self._wake.notify_all()

    def _bound(self) -> None:
        if len(self._queue) > self._limit:
            self._queue = _Queue(sweep=True)
        if not self._stopping:
            self._wake.notify_all()

    def _tell_all(self) -> None:
        while (batch := self._next()) is not None:
            for place, deleted in batch.names.items():
                self._name(place, deleted)
            for ino, attributes_only in batch.inodes.items():
                self._inode(ino, attributes_only=attributes_only)
            if batch.sweep:
                self._sweep()
            trio.from_thread.run_sync(self._advance)

    def _advance(self) -> None:
        """On the trio thread: a batch was told."""
        self._done += 1
        progress, self._progress = self._progress, trio.Event()
        progress.set()

    def _next(self) -> _Queue | None:
        with self._wake:
            self._wake.wait_for(lambda: self._queue or self._stopping)
            if self._stopping:
                return None
            batch, self._queue = self._queue, _Queue()
            self._taken += 1
            return batch

    def _sweep(self) -> None:
        inodes = trio.from_thread.run_sync(self._known)
        for start in range(0, len(inodes), SWEEP_BATCH):
            if self._stopping:
                return
            batch = inodes[start : start + SWEEP_BATCH]
            places = trio.from_thread.run_sync(self._places_of_each, batch)
            for ino, named in zip(batch, places, strict=True):
                for place in named:
                    self._name(place, 0)
                self._inode(ino, attributes_only=False)

    def _places_of_each(self, inodes: list[int]) -> list[list[Place]]:
        return [self._places_of(ino) for ino in inodes]

    def _name(self, place: Place, deleted: int) -> None:
        if self._stopping:
            return
        try:
            self._kernel.forget_name(place, deleted)
        except OSError as error:
            if deleted and error.errno in (errno.ENOTEMPTY, errno.EBUSY):
                self._name(place, 0)  # something is mounted or cached below: forget it quietly
            else:
                _explain(error, place)

    def _inode(self, ino: int, *, attributes_only: bool) -> None:
        if self._stopping:
            return
        try:
            self._kernel.forget_inode(ino, attributes_only=attributes_only)
        except OSError as error:
            _explain(error, ino)


def _explain(error: OSError, what: object) -> None:
    """ENOENT is the usual: the kernel has dropped it by itself. ENOSYS: it has yet to greet us,
    and knows nothing."""
    if error.errno not in (errno.ENOENT, errno.ENOSYS):
        log.warning("The kernel refused to drop what it caches of %r: %s.", what, error.strerror)
