"""Following native changes in an arena root: inotify, and scans for what it can't watch.

The kernel bounds how many folders may be watched. Where that is too few for a root, what there are
watches for is followed, everything is scanned every RESCAN_SECONDS, and the user is told what to
do about it; with each scan it is tried anew. Everything is scanned once a day in any case, as Syncthing
does each hour: what no event told, or was lost on its way, isn't missing until the next start.
"""

import logging
from collections.abc import Callable, Sequence
from math import inf
from typing import Protocol

import trio

from realizefs.model.errors import RootGone, StoreFault
from realizefs.store.watch import RootEvent, RootWatch
from realizefs.sync.context import Context
from realizefs.sync.due import CALM_SECONDS, TICK_SECONDS
from realizefs.sync.presence import check_still_present

log = logging.getLogger(__name__)

DEBOUNCE_SECONDS = 0.02
"""Quiet time after a create, close, rename or delete: groups what one command does."""

DEBOUNCE_WRITING_SECONDS = 1.0
"""Quiet time after a write without close: a file is hashed when its writer pauses."""

RESCAN_SECONDS = 60.0
"""Seconds between scans where inotify can't watch everything."""

RESCAN_SECONDS_WATCHED = 24 * 3600.0
"""Seconds between scans where it can."""


class Heard(Protocol):
    """Who is told of what happens: of paths and how long they are to be quiet, and then of directories
    that have left their place or have another name."""

    def touched(self, path: bytes, delay: float) -> None:
        """Something may have changed there."""

    def left(self, path: bytes) -> None:
        """The directory that was there isn't any more."""

    def renamed(self, old: bytes, new: bytes) -> None:
        """A directory was renamed."""


class Following:
    """Of one arena: `heard` hears of it, `scan` asks for a scan of everything."""

    def __init__(self, context: Context, heard: Heard, scan: Callable[[], None]) -> None:
        self._context = context
        self._heard = heard
        self._scan = scan
        self._watch: RootWatch | None = None
        self._telling = trio.Lock()
        self._waiting = trio.CancelScope()  # for the next scan

    def __contains__(self, directory: bytes) -> bool:
        """Whether whatever changes in this very directory is seen."""
        return self._watch is not None and directory in self._watch

    async def begin(self) -> None:
        """Watch everything; what changes from now on is heard of by `run`."""
        try:
            self._watch = RootWatch(self._context.store.root)
            await trio.to_thread.run_sync(self._watch.add_tree, b"")
        except StoreFault as error:
            self._is_not_enough(error)
        else:
            self._context.watching = ""

    async def run(self) -> None:
        """Until cancelled, or RootGone where everything is gone (R8); who is done with it closes it."""
        while True:
            # What was read and not told yet at that moment is found by the scan.
            with trio.move_on_after(
                RESCAN_SECONDS if self._context.watching else RESCAN_SECONDS_WATCHED
            ) as self._waiting:
                await self._follow()
            async with self._telling:  # nobody reads what is closed
                self.close()
                await self.begin()
            self._scan()

    async def _follow(self) -> None:
        """Returns never."""
        if self._watch is None:
            await trio.sleep_forever()
        clock, read = self._context.clock, -inf
        while self._watch is not None:
            await trio.lowlevel.wait_readable(self._watch.fd)
            if clock.now() - read < CALM_SECONDS:
                await trio.sleep(TICK_SECONDS)  # one thread call for all that one command does
            await self.caught_up()
            read = clock.now()

    async def caught_up(self) -> None:
        """Return once all is told that has happened before this was called, as far as it is watched.
        RootGone where everything is gone (R8)."""
        if self._watch is None:
            return
        try:
            await self._hear(self._watch)
        except RootGone:
            raise
        except StoreFault as error:
            self._has_lost(error)

    def _has_lost(self, error: StoreFault) -> None:
        """A new folder is one too many, and events are lost: what waits for the next scan ends at once,
        the first time."""
        known = bool(self._context.watching)
        self._is_not_enough(error)
        if not known:
            self._waiting.cancel()

    async def _hear(self, watch: RootWatch) -> None:
        """Tell what has happened; in its order, whoever asks. StoreFault where events are lost."""
        async with self._telling:
            if watch is not self._watch:
                return  # closed meanwhile: the scan that comes next finds it
            events = await trio.to_thread.run_sync(watch.read)
            self._context.tell_seen(events)
            await self._tell(events)
            if any(event.kind == "overflow" for event in events):
                await self._look_at_all()

    async def _look_at_all(self) -> None:
        """Directories, too, may have come and gone unheard of. StoreFault where they can't be watched."""
        try:
            if self._watch is not None:
                await trio.to_thread.run_sync(self._watch.add_tree, b"")
        finally:
            self._scan()  # what changes from now on is heard of

    async def _tell(self, events: Sequence[RootEvent]) -> None:
        left: dict[int, bytes] = {}
        for event in events:
            if event.kind == "overflow":
                continue
            if event.kind == "root_gone":
                await check_still_present(self._context)
            else:
                slow = event.kind == "changed"
                self._heard.touched(
                    event.path, DEBOUNCE_WRITING_SECONDS if slow else DEBOUNCE_SECONDS
                )
            if event.is_dir and event.kind in ("gone", "moved_from"):
                self._heard.left(event.path)
            if event.is_dir and event.kind == "moved_from":
                left[event.cookie] = event.path
            elif event.is_dir and event.kind == "moved_to" and event.cookie in left:
                self._heard.renamed(left.pop(event.cookie), event.path)

    def _is_not_enough(self, error: StoreFault) -> None:
        said = f"{error} Until then changes in the root are found every {RESCAN_SECONDS:.0f} s."
        if said != self._context.watching:
            log.warning("%s", said)
        self._context.watching = said

    def close(self) -> None:
        """Nothing is watched any more; again is harmless."""
        if self._watch is not None:
            self._watch.close()
            self._watch = None
