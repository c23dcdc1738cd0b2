"""From what was seen in an arena root to notices for the kernel, long before it is indexed.

The kernel trusts what is real for KERNEL_CACHE_SECONDS_WATCHED, if it is in a directory that is
watched. So whatever is seen there is compared with what the kernel was told last (`Lookups.told`):
what it was told is right after most of what is seen, since most is done through the mount.

Looking takes some 15 us a path, and one command may touch thousands: they wait here, each once,
and are looked at a few at a time, other tasks in between. What was seen and not looked at yet is
looked at as it is by then, so nothing is lost by waiting; beyond KERNEL_NOTICES_MAX the kernel is
made to forget all.
"""

import stat
from collections.abc import Sequence

import trio

from realizefs.fs import items
from realizefs.fs.notify import Notifier
from realizefs.fs.port import Arena
from realizefs.fs.served import Served
from realizefs.model import paths
from realizefs.model.ids import Inode
from realizefs.model.limits import KERNEL_NOTICES_MAX
from realizefs.model.versions import Kind
from realizefs.store.watch import RootEvent

SLICE = 32
"""Paths looked at without a pause: half a millisecond."""

_NAMES = {"created", "gone", "moved_from", "moved_to"}
"""Events by which a name came or went, and its directory changed."""

_ALL = {"overflow", "root_gone", "unmounted"}
"""Events after which nothing is known."""

Where = tuple[Arena, bytes]
"""A path in an arena."""


class Seen:
    """The paths that wait, and the task that looks at them. Trio thread only."""

    def __init__(self, served: Served, notifier: Notifier, limit: int = KERNEL_NOTICES_MAX) -> None:
        self._served = served
        self._notifier = notifier
        self._limit = limit
        self._waiting: dict[Where, bool] = {}
        self._wake = trio.Event()
        self._busy = False

    @property
    def settled(self) -> bool:
        """Whether all was looked at."""
        return not self._waiting and not self._busy

    def heard(self, arena: Arena, events: Sequence[RootEvent]) -> None:
        """inotify saw these."""
        for event in events:
            if event.kind in _ALL:
                self._distrust_all()
                continue
            named, where = event.kind in _NAMES, (arena, event.path)
            self._waiting[where] = named or self._waiting.get(where, False)
            if named:
                self._waiting.setdefault((arena, paths.split(event.path)[0]), False)
        if len(self._waiting) > self._limit:
            self._distrust_all()
        if self._waiting:
            self._wake.set()

    def _distrust_all(self) -> None:
        self._waiting.clear()
        self._served.lookups.distrust_all()
        self._notifier.all_changed()

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await self._wake.wait()
            self._wake = trio.Event()
            directories: dict[Where, Inode | None] = {}
            while self._waiting:
                self._busy = True
                for where in list(self._waiting)[:SLICE]:
                    named = self._waiting.pop(where, None)
                    if named is not None:  # else all are forgotten by now
                        self._look(where, directories, named=named)
                await trio.lowlevel.checkpoint()
            self._busy = False

    # No await below: what is compared, and what the kernel was told, are of one moment.

    def _look(self, where: Where, directories: dict[Where, Inode | None], *, named: bool) -> None:
        arena, path = where
        if not path:
            self._compare(where, arena.root_ino)
            return
        above, name = paths.split(path)
        if (arena, above) not in directories:
            directories[arena, above] = _inode_at(arena, above)
        parent = directories[arena, above]
        if parent is None or self._served.kernel_ino(arena, parent) not in self._served.lookups:
            return  # the kernel knows nothing in there
        ino = arena.ino_for(parent, name)
        if ino is not None and self._served.kernel_ino(arena, ino) in self._served.lookups:
            self._compare(where, ino, (parent, name))
        elif named:
            self._came(where, (parent, name))

    def _compare(self, where: Where, ino: Inode, place: tuple[Inode, bytes] | None = None) -> None:
        """What the kernel knows is there, or was."""
        arena, path = where
        known = self._served.kernel_ino(arena, ino)
        native = items.native_stat(arena, path)
        if self._served.lookups.is_right(known, native):
            return
        self._served.lookups.distrust(known)
        self._notifier.inode_changed(known, attributes_only=True)
        if place is not None and self._is_other(where, place, native is not None):
            self._notifier.name_changed((self._served.kernel_ino(arena, place[0]), place[1]))

    def _is_other(self, where: Where, place: tuple[Inode, bytes], is_real: bool) -> bool:
        """Whether nothing is there any more, or something of another kind than the index says."""
        item = items.child(where[0], *place)
        if item is None:
            return True
        entry = where[0].node(item.ino).entry
        return (
            is_real
            and entry is not None
            and item.is_directory != (entry.version.kind is Kind.DIRECTORY)
        )

    def _came(self, where: Where, place: tuple[Inode, bytes]) -> None:
        """What the kernel doesn't know, and may believe not to be there."""
        arena, path = where
        native = items.native_stat(arena, path)
        if native is None:
            return
        self._notifier.name_changed((self._served.kernel_ino(arena, place[0]), place[1]))
        if native.st_nlink > 1 and not stat.S_ISDIR(native.st_mode):
            self._distrust_all()  # another name of a file that may be known, and no event says so


def _inode_at(arena: Arena, path: bytes) -> Inode | None:
    at = arena.root_ino
    for name in paths.components(path):
        known = arena.ino_for(at, name)
        if known is None:
            return None
        at = known
    return at
