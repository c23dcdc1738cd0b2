"""The trash as commands use it, whatever is mounted over the root; and purging it in time."""

import errno
import os
from datetime import UTC, datetime
from functools import partial

import trio

from realizefs.model import paths
from realizefs.model.limits import TRASH_SECONDS_DEFAULT
from realizefs.sync.bell import Bell
from realizefs.sync.context import Context
from realizefs.sync.made import note_made
from realizefs.sync.patience import patiently
from realizefs.sync.rootwork import RootWork
from realizefs.sync.trash import Trash, Trashed

PURGE_SECONDS_MAX, PURGE_SECONDS_MIN = 6 * 3600.0, 60.0
"""Seconds between looks for what is too old: a quarter of what is kept, within these."""


class Trashcan:
    """Of one arena; trio thread."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._trash = Trash(context.store.root, context.clock)
        self._work = RootWork(context.store, self._trash)
        self._keep_seconds = TRASH_SECONDS_DEFAULT
        self._changed = Bell()

    def keep(self, seconds: float) -> None:
        """How long what is in it is kept."""
        self._keep_seconds = seconds
        self._changed.ring()

    async def run(self) -> None:
        """Remove what is too old, until cancelled."""
        while True:
            seen, keep = self._changed.count, self._keep_seconds
            purge = partial(trio.to_thread.run_sync, self._trash.purge, keep)
            await patiently(purge, f"Emptying the trash of {self._context.name}")
            with trio.move_on_after(min(max(keep / 4, PURGE_SECONDS_MIN), PURGE_SECONDS_MAX)):
                await self._changed.after(seen)

    async def listed(self) -> tuple[list[Trashed], int, int]:
        """The newest files in it, how many there are, and their bytes."""
        return await trio.to_thread.run_sync(self._trash.newest)

    async def empty(self, older_seconds: float = 0.0) -> tuple[int, int]:
        """Remove what is older than that; how many files, and their bytes."""
        return await trio.to_thread.run_sync(self._trash.purge, older_seconds)

    async def has(self, path: bytes) -> bool:
        """Whether there is something of `path`, or below it."""
        return bool(await trio.to_thread.run_sync(self._trash.find, path))

    async def restore(self, path: bytes, since_ns: int = 0, *, beside: bool = True) -> list[bytes]:
        """Move the newest file of `path`, and of every path below it, back into the root; the paths
        that they have now. Where something is at the old name, it comes `beside` that, or stays.

        Each is one rename, after which the scanner records it: a crash leaves a plain file in the
        root, which the next scan finds.
        """
        await self._context.names_committed()
        found = await trio.to_thread.run_sync(self._trash.find, path, since_ns)
        restored = []
        for one in found:
            for made, entry in await trio.to_thread.run_sync(self._work.make_parents, one.path):
                note_made(self._context, made, entry)
            at = await trio.to_thread.run_sync(self._restore, one, beside)
            if at is not None:
                self._context.on_touched(at)
                restored.append(at)
        return restored

    def _restore(self, one: Trashed, beside: bool) -> bytes | None:
        for name in self._names(one) if beside else [one.path]:
            if self._is_known(name):
                continue
            try:
                self._trash.restore(one, name)
            except FileExistsError:
                continue
            return name
        if not beside:
            return None
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), paths.show(one.path))

    def _names(self, one: Trashed) -> list[bytes]:
        above, name = paths.split(one.path)
        when = datetime.fromtimestamp(one.when_ns / 1e9, UTC).strftime("%Y-%m-%d %H.%M.%S")
        dates = [when, *(f"{when} {number}" for number in range(2, 100))]
        others = [paths.noted_name(name, f"restored {date}") for date in dates]
        return [one.path, *(paths.join(above, other) for other in others)]

    def _is_known(self, path: bytes) -> bool:
        """Whether something is there, be it unreal."""
        with self._context.store.env.read() as txn:
            entry = self._context.store.tree.entry_at(txn, path)
        return entry is not None and not entry.version.deleted
