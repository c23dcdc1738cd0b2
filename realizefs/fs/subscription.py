"""From the arenas' changes to notices for the kernel.

Called on the trio thread after a change is committed. A handler reads the state and answers
without an await in between, so an answer from before a change is on its way to the kernel before
its notice is queued; the kernel orders the two by the directory's lock and by attribute versions
(fuse_lookup holds i_rwsem; fc->attr_version).
"""

from collections.abc import Callable

from realizefs.fs import items
from realizefs.fs.items import Item
from realizefs.fs.live import Live
from realizefs.fs.notify import Notifier, Place
from realizefs.fs.port import Arena
from realizefs.fs.served import Served
from realizefs.fs.views import Spot
from realizefs.model.changes import Change, ChangeKind
from realizefs.model.ids import Inode
from realizefs.model.versions import Kind


class Subscription:
    """Listens to every arena that the mount shows."""

    def __init__(self, served: Served, notifier: Notifier, live: Live) -> None:
        self._served = served
        self._notifier = notifier
        self._live = live
        self._listening: list[tuple[Arena, Callable[[Change], None]]] = []

    def refresh(self) -> None:
        """Listen to arenas that were added meanwhile too; at most ARENAS_MAX of them."""
        heard = {id(arena) for arena, _ in self._listening}
        for arena in self._served.view.arenas():
            if id(arena) not in heard:
                listener = self._listener(arena)
                arena.listeners.append(listener)
                self._listening.append((arena, listener))

    def close(self) -> None:
        """Stop listening."""
        for arena, listener in self._listening:
            arena.listeners.remove(listener)
        self._listening.clear()

    def _listener(self, arena: Arena) -> Callable[[Change], None]:
        return lambda change: self._heard(arena, change)

    def _heard(self, arena: Arena, change: Change) -> None:
        served = self._served
        for listing in served.handles.listings(change.parent):
            listing.changed(change.name)
        ino = served.kernel_ino(arena, change.ino)
        parent = served.kernel_ino(arena, change.parent)
        known = ino in served.lookups
        item = _item(arena, change.ino) if known else None
        gone = known and item is None  # at any change: a real file goes after its entry
        tells = not served.renaming.get()
        if (gone or change.what is ChangeKind.ENTRY) and parent in served.lookups:
            place = parent, change.name
            if gone:
                served.lookups.deleted(ino, directory=_is_directory(arena, change.ino))
            if tells and (gone or not served.lookups.means(place, ino)):
                self._notifier.name_changed(place, ino if gone else 0)
        if known and tells:
            # The pages of a real file are dropped by the kernel itself when it sees another mtime
            # or size (FUSE_AUTO_INVAL_DATA), and kept where we were those who wrote it.
            real = item is not None and item.stat is not None
            only = change.what is ChangeKind.ATTRIBUTES or real
            self._notifier.inode_changed(ino, attributes_only=only)
        self._live.heard(arena, change)


def place_of(served: Served, ino: int) -> Place | None:
    """Where a kernel inode is in its arena now; None for roots and what is gone."""
    try:
        place = served.view.spot(ino)
        if not isinstance(place, Spot):
            return None
        entry = place.arena.node(place.ino).entry
    except FileNotFoundError:
        return None
    if entry is None or place.ino == place.arena.root_ino:
        return None
    return served.kernel_ino(place.arena, entry.parent), entry.name


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
