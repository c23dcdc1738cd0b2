"""From the arenas' changes to notices for the kernel.

Called on the trio thread after a change is committed. A handler reads the state and answers
without an await in between, so an answer from before a change is on its way to the kernel before
its notice is queued; the kernel orders the two by the directory's lock and by attribute versions
(fuse_lookup holds i_rwsem; fc->attr_version).
"""

from collections.abc import Callable, Sequence
from functools import partial

from realizefs.fs import items
from realizefs.fs.items import Item
from realizefs.fs.live import Live
from realizefs.fs.notify import Notifier, Place
from realizefs.fs.port import Arena
from realizefs.fs.seen import Seen
from realizefs.fs.served import Served
from realizefs.fs.views import Spot
from realizefs.model.changes import Change, ChangeKind
from realizefs.model.ids import Inode
from realizefs.model.versions import Kind
from realizefs.store.watch import RootEvent

Listener = Callable[[Change], None]
Watcher = Callable[[Sequence[RootEvent]], None]


class Subscription:
    """Listens to every arena that the mount shows."""

    def __init__(self, served: Served, notifier: Notifier, live: Live, seen: Seen) -> None:
        self._served = served
        self._notifier = notifier
        self._live = live
        self._seen = seen
        self._listening: list[tuple[Arena, Listener, Watcher]] = []

    def refresh(self) -> None:
        """Listen to arenas that were added meanwhile too; at most ARENAS_MAX of them."""
        heard = {id(arena) for arena, _, _ in self._listening}
        for arena in self._served.view.arenas():
            if id(arena) not in heard:
                listener, watcher = partial(self._heard, arena), partial(self._seen.heard, arena)
                arena.listeners.append(listener)
                arena.watchers.append(watcher)
                self._listening.append((arena, listener, watcher))

    def close(self) -> None:
        """Stop listening."""
        for arena, listener, watcher in self._listening:
            arena.listeners.remove(listener)
            arena.watchers.remove(watcher)
        self._listening.clear()

    def _heard(self, arena: Arena, change: Change) -> None:
        served = self._served
        for listing in served.handles.listings(change.parent):
            listing.changed(change.name)
        ino = served.kernel_ino(arena, change.ino)
        parent = served.kernel_ino(arena, change.parent)
        known = ino in served.lookups
        heeded = known or parent in served.lookups
        item = _item(arena, change.ino) if heeded else None
        gone = known and item is None  # at any change: a real file goes after its entry
        tells = not served.renaming.get()
        if (gone or change.what is ChangeKind.ENTRY) and parent in served.lookups:
            place = parent, change.name
            if gone:
                served.lookups.deleted(ino, directory=_is_directory(arena, change.ino))
            if tells and (gone or not served.lookups.means(place, ino)):
                self._notifier.name_changed(place, ino if gone else 0)
        if known and tells:
            self._inode_changed(ino, item, change)
        self._live.heard(arena, change, item)
        served.news.ring()

    def _inode_changed(self, ino: int, item: Item | None, change: Change) -> None:
        """The pages of a real file are dropped by the kernel itself when it sees another mtime or
        size (FUSE_AUTO_INVAL_DATA), and kept where we were those who wrote it. Of what was made
        through the mount, and is indexed now, it knows all. Where it has no pages yet, but may have
        asked for some, the notice would wait for these, and they for it (see pinned)."""
        native = item.stat if item is not None else None
        if native is not None and self._served.lookups.is_right(ino, native):
            return
        self._served.lookups.distrust(ino)
        only = (
            change.what is ChangeKind.ATTRIBUTES
            or native is not None
            or self._served.handles.nothing_cached(change.ino)
        )
        self._served.handles.noticed(change.ino)
        self._notifier.inode_changed(ino, attributes_only=only)


def places_of(served: Served, ino: int) -> list[Place]:
    """Where the kernel has an inode, else where it is in its arena now; none for roots and what is
    gone."""
    known = served.lookups.places(ino)
    if known:
        return known
    try:
        place = served.view.spot(ino)
        if not isinstance(place, Spot):
            return []
        entry = place.arena.node(place.ino).entry
    except FileNotFoundError:
        return []
    if entry is None or place.ino == place.arena.root_ino:
        return []
    return [(served.kernel_ino(place.arena, entry.parent), entry.name)]


def _is_directory(arena: Arena, ino: Inode) -> bool:
    """Of something that is gone."""
    try:
        entry = arena.node(ino).entry
    except FileNotFoundError:
        return False
    return entry is not None and entry.version.kind is Kind.DIRECTORY


def _item(arena: Arena, ino: Inode) -> Item | None:
    try:
        return items.find(arena, ino)
    except FileNotFoundError:
        return None
