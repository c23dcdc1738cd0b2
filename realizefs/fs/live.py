"""Telling programs that watch the mount of changes that nobody made through it.

From a change to an event, in this order:
    heard       the index changed: is it news to watchers? (see `witness`, `events`)
    reached     the notifier has made the kernel forget what was there before
    looked      the hand has seen who watches; what nobody watches ends here
    performed   the hand makes the system call, one at a time, answered by `echoes`

Nothing waits for the hand but this: where it is held up, by a directory's lock for example,
events gather. It is killed before the mount ends, and answered until it has ended.
"""

import errno
import logging
import math
import os
from dataclasses import replace
from pathlib import Path

import trio

from realizefs.fs import items
from realizefs.fs.arm import Arm, HandLost
from realizefs.fs.echoes import Echoes
from realizefs.fs.events import Event, EventKind, Events
from realizefs.fs.items import Item
from realizefs.fs.notify import Notifier
from realizefs.fs.port import Arena
from realizefs.fs.served import Served
from realizefs.fs.views import Spot
from realizefs.fs.witness import GONE, Stamp
from realizefs.model.changes import Change, ChangeKind
from realizefs.model.ids import Inode

log = logging.getLogger(__name__)

CREATE_TRIES_MAX = 3
"""Tries to create what a program has looked up since the kernel forgot the name."""

REST = 20
"""A look through /proc, 5 to 20 ms, is followed by this many times its duration without one: 5 %
of one core. Only who has just begun to watch hears of things so much later."""

TRUSTED_SECONDS = 10.0
"""Seconds after which who watched may have left, so that it is worth another look."""

_FILE = 0o100600


class Live:
    """The events, and the task that has the hand perform them."""

    def __init__(self, served: Served, notifier: Notifier, echoes: Echoes) -> None:
        self._served = served
        self._notifier = notifier
        self._echoes = echoes
        self._events = Events()
        self._wake = trio.Event()
        self._arm: Arm | None = None
        self._busy = False
        self._lost = False
        self._watched: set[int] | None = set()
        self._next_look = 0.0

    @property
    def settled(self) -> bool:
        """Whether nothing is to be told."""
        return not self._busy and not len(self._events)

    def heard(self, arena: Arena, change: Change, item: Item | None) -> None:
        """The index changed, and the notifier knows; `item` is what is there now."""
        served = self._served
        if not change.name or self._lost:
            return
        directory = Spot(arena, change.parent)
        place, ino = served.place(directory, change.name), served.kernel_ino(arena, change.ino)
        if place[0] not in served.lookups and ino not in served.lookups:
            served.witness.drop(ino)  # nobody watches where the kernel knows nothing
            return
        now = GONE if item is None else self._stamp(item)
        before = served.witness.last(ino)
        served.witness.note(ino, now)
        if served.answering.get() or (now == before and change.source is None):
            return
        kind = _news(change, before, now)
        if kind is None or (kind == "create" and _is_leaving(arena, change.ino)):
            return
        mode = now.mode or (before.mode if before else 0) or _FILE
        ticket = self._notifier.ticket()
        event = Event(kind, directory, change.name, place, ino, mode, change.content, ticket=ticket)
        if change.source is not None:
            event = self._moved(event, Spot(arena, change.source[0]), change.source[1])
        self._add(event)

    def _moved(self, event: Event, directory: Spot, name: bytes) -> Event:
        """Of what is at one place now, and was at the other."""
        place = self._served.place(directory, name)
        gone = replace(event, kind="remove", directory=directory, name=name, place=place)
        return replace(event, kind="rename", source=gone)

    def _stamp(self, item: Item) -> Stamp:
        if item.stat is None or item.is_directory:
            return Stamp.of(self._served.attributes(item))
        return Stamp.of_native(item.stat)

    def _add(self, event: Event) -> None:
        self._events.add(event)
        self._wake.set()

    async def run(self, mountpoint: Path, device: int) -> None:
        """Perform events until cancelled or the hand is lost."""
        try:
            self._arm = await Arm.reach(mountpoint, device)
            self._echoes.hand = self._arm.pid
            while True:
                await self._something_to_do()
                self._busy = True
                await self._tell(self._arm)
                self._busy = False
        except HandLost as error:
            log.warning("Programs that watch the mount no longer hear of changes: %s.", error)
            self._lost, self._events = True, Events()
        finally:
            self._busy = False
            await self.let_go()

    async def _something_to_do(self) -> None:
        """Wait for news, or for the time of the next look if something waits for that."""
        deadline = self._next_look if len(self._events) else math.inf
        with trio.move_on_at(deadline):
            await self._wake.wait()
        self._wake = trio.Event()

    async def let_go(self) -> None:
        """Kill the hand. If it hangs, again when the mount has ended, which ends it."""
        if self._arm is not None and await self._arm.kill():
            self._arm = self._echoes.hand = None

    async def _tell(self, arm: Arm) -> None:
        """What is known to be watched is told at once; for the rest the hand has to look first."""
        ticket = self._notifier.ticket()
        await self._notifier.reached(ticket)
        now = trio.current_time()
        if now > self._next_look + TRUSTED_SECONDS:
            self._watched = set()
        await self._perform_watched(arm, ticket)
        if not len(self._events) or now < self._next_look:
            return
        self._watched = await arm.look()
        end = trio.current_time()
        self._next_look = end + REST * (end - now)
        await self._perform_watched(arm, ticket)
        self._events.take(ticket)  # nobody watches these

    async def _perform_watched(self, arm: Arm, ticket: int) -> None:
        for event in self._events.take(ticket, self._is_watched):
            await self._perform(arm, event)

    def _is_watched(self, event: Event) -> bool:
        return self._watched is None or bool(event.inodes & self._watched)

    async def _perform(self, arm: Arm, event: Event) -> None:
        event = self._as_of_now(event)
        request = self._request(event)
        if request is None:
            return  # its directory is gone, and who watches that was told so
        with self._echoes.staging(event):
            failure = await arm.do(request)
        if failure == errno.EEXIST and event.tries < CREATE_TRIES_MAX:
            # A program looked it up since the kernel forgot it; others still are to hear of it.
            self._notifier.name_changed(event.place)
            again = replace(event, ticket=self._notifier.ticket(), tries=event.tries + 1)
            self._add(again)
        elif failure:
            log.debug("Watchers didn't hear of %r: %s.", event.name, os.strerror(failure))

    def _as_of_now(self, event: Event) -> Event:
        """A rename of which one half is no longer there is the other half."""
        if event.source is None:
            return event
        if (
            self._path(event.directory) is None
            or items.child(event.directory.arena, event.directory.ino, event.name) is None
        ):
            return event.source
        if self._path(event.source.directory) is None:
            return replace(event, kind="create", source=None)
        return event

    def _request(self, event: Event) -> tuple[bytes, ...] | None:
        """What the hand is asked; None where its directory is gone."""
        path = self._path(event.directory)
        if path is None:
            return None
        if event.source is not None:
            old = self._path(event.source.directory)
            return (
                (b"rename", old, event.source.name, path, event.name) if old is not None else None
            )
        mode = (b"%d" % event.mode,) if event.kind in ("create", "remove") else ()
        return event.kind.encode(), path, event.name, *mode

    def _path(self, directory: Spot) -> bytes | None:
        try:
            return self._served.view.path(directory)
        except FileNotFoundError:
            return None


def _news(change: Change, before: Stamp | None, now: Stamp) -> EventKind | None:
    """What a change is to watchers who knew `before` (None: what that is, we don't know)."""
    entry = change.what is ChangeKind.ENTRY
    if change.source is not None and now is not GONE:
        return "rename"
    if now is GONE:
        return "remove" if before is not None or entry else None
    if before is None and not entry:
        return "modify" if change.what is ChangeKind.CONTENT else "attributes"
    if before is None or before is GONE:
        return "create"
    return "attributes" if now.has_content_of(before) else "modify"


def _is_leaving(arena: Arena, ino: Inode) -> bool:
    """Whether it is on its way out: natively there still, and deleted for the index."""
    try:
        entry = arena.node(ino).entry
    except FileNotFoundError:
        return False
    return entry is not None and entry.version.deleted
