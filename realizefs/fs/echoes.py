"""Answers to the hand: as if it had done what has happened already. Nothing changes by them.

Each request is held against what is true at this moment, not when the event was queued: what is
no longer so is refused, the hand's call fails, and nobody hears of it. For what is gone the
kernel must be shown something that it can take away: a made-up inode, never seen again.
"""

import errno
import itertools
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager

import pyfuse3

from realizefs.fs import attrs, items
from realizefs.fs.events import Event
from realizefs.fs.inodes import Place
from realizefs.fs.items import Item
from realizefs.fs.served import Served

MADE_UP_FIRST = 2**63
"""Inodes that are only shown to the hand; no arena and no view has such ones."""


class Echoes:
    """`hand` is the process id that is answered so."""

    def __init__(self, served: Served) -> None:
        self._served = served
        self._made_up = itertools.count(MADE_UP_FIRST)
        self._staged: Event | None = None
        self.hand: int | None = None
        self.answered = 0

    def are_for(self, ctx: pyfuse3.RequestContext) -> bool:
        """Whether it is the hand that asks."""
        return ctx.pid == self.hand

    @contextmanager
    def staging(self, event: Event) -> Iterator[None]:
        """The hand is about to perform this."""
        self._staged = event
        try:
            yield
        finally:
            self._staged = None

    def found(self, place: Place) -> pyfuse3.EntryAttributes | None:
        """What the hand is to find under a name; None for what everybody finds."""
        event = self._staged
        if event is None:
            return None
        if place == event.place and event.kind in ("create", "rename"):
            return _nothing()
        source = event.source or (event if event.kind == "remove" else None)
        if source is None or place != source.place or _now(source) is not None:
            return None
        if event.kind == "remove":
            return self._something(event.mode)
        item = _now(event)
        return self._entry(event, item) if item is not None else None

    def came(self, place: Place) -> pyfuse3.EntryAttributes:
        """The hand made what is there."""
        event = self._expect("create", place)
        item = _now(event)
        if item is None:
            raise items.missing(event.name)
        return self._entry(event, item)

    def went(self, place: Place) -> None:
        """The hand removed what isn't there."""
        event = self._expect("remove", place)
        if _now(event) is not None:
            raise items.missing(event.name)

    def moved(self, old: Place, new: Place) -> None:
        """The hand renamed what has the new name."""
        event = self._expect("rename", new)
        source = event.source
        if source is None or source.place != old or _now(source) or _now(event) is None:
            raise items.missing(event.name)

    def _expect(self, kind: str, place: Place) -> Event:
        event = self._staged
        if event is None or event.kind != kind or event.place != place:
            raise PermissionError(errno.EPERM, "not what was asked of the hand")
        self.answered += 1
        return event

    def _entry(self, event: Event, item: Item) -> pyfuse3.EntryAttributes:
        return self._served.entry(item, event.directory, event.name)

    def _something(self, mode: int) -> pyfuse3.EntryAttributes:
        entry = _nothing()
        entry.st_ino = next(self._made_up)
        entry.st_mode = stat.S_IFMT(mode) | stat.S_IRWXU
        entry.st_uid, entry.st_gid = os.geteuid(), os.getegid()  # the hand's too
        return entry


def _now(event: Event) -> Item | None:
    """What has the name at this moment."""
    return items.child(event.directory.arena, event.directory.ino, event.name)


def _nothing() -> pyfuse3.EntryAttributes:
    entry = attrs.of_nothing()
    entry.entry_timeout = 0
    return entry
