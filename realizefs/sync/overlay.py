"""Inodes of native things that the index doesn't know (yet).

A file just created in the root has an inode for the kernel before the scanner has hashed it, and
fifos, sockets and devices never get into the index at all. The overlay gives them inodes from
the arena's own range; when the scanner indexes a path it takes the overlay's inode over, so the
kernel sees no change. Lost with the process, as is the mount that knew them.

Touched by the trio thread and by the recording worker thread, hence the lock.
"""

import threading
from collections.abc import Callable, Iterable

from realizefs.model import paths
from realizefs.model.ids import Inode

LEFT_MAX = 10_000
"""Names remembered that something was renamed from, or deleted at: those of a few seconds. One
forgotten too soon may cost the renamed file its inode."""

IDLE_MAX = 10_000
"""Inodes kept that the kernel has dropped: what is native keeps its number until it is indexed, a
few seconds, however often the kernel asks; of fifos and the like as far as this goes."""


class Overlay:
    """(parent, name) ↔ inode for what only exists natively.

    Bounded by what the kernel remembers, plus IDLE_MAX, plus what the scanner is just indexing.
    """

    def __init__(self, allocate: Callable[[], Inode]) -> None:
        self._allocate = allocate
        self._lock = threading.Lock()
        self._inode: dict[tuple[Inode, bytes], Inode] = {}
        self._place: dict[Inode, tuple[Inode, bytes]] = {}
        self._left: dict[tuple[Inode, bytes], None] = {}
        self._idle: dict[Inode, None] = {}

    def __bool__(self) -> bool:
        return bool(self._place)

    def ino_of(self, parent: Inode, name: bytes) -> Inode:
        """The inode of this place; a new one the first time."""
        with self._lock:
            known = self._inode.get((parent, name))
            if known is None:
                known = self._allocate()
                self._inode[parent, name] = known
                self._place[known] = (parent, name)
                self._left.pop((parent, name), None)
            self._idle.pop(known, None)
            return known

    def claim(
        self, parent: Inode, name: bytes, allocate: Callable[[], Inode], seen: Inode | None
    ) -> Inode | None:
        """The inode with which the scanner is to index this place, which had the inode `seen` when
        it was looked at; None if another thing has been renamed there since. Whoever looks it up
        before the commit is answered the same."""
        with self._lock:
            known = self._inode.get((parent, name))
            if known != seen:
                return None
            if known is None:
                known = self._inode[parent, name] = allocate()
                self._place[known] = (parent, name)
            return known

    def peek(self, parent: Inode, name: bytes) -> Inode | None:
        """The inode of this place if it has one here."""
        with self._lock:
            return self._inode.get((parent, name))

    def was_left(self, parent: Inode, name: bytes) -> bool:
        """Whether something unindexed was renamed from this place lately, or deleted there, and
        nothing known made there."""
        with self._lock:
            return (parent, name) in self._left

    def places_of(self, inodes: Iterable[Inode]) -> dict[Inode, tuple[Inode, bytes]]:
        """(parent, name) of those of these that are here, as of one moment."""
        with self._lock:
            return {ino: self._place[ino] for ino in inodes if ino in self._place}

    def place(self, ino: Inode) -> tuple[Inode, bytes] | None:
        """(parent, name) of an inode of the overlay."""
        with self._lock:
            return self._place.get(ino)

    def path(self, ino: Inode, indexed: Callable[[Inode], bytes | None]) -> bytes | None:
        """The path of an inode of the overlay; `indexed` gives paths of inodes of the index."""
        names: list[bytes] = []
        at = ino
        while (place := self.place(at)) is not None:
            at, name = place
            names.append(name)
        if not names:
            return None
        path = indexed(at)
        if path is None:
            return None
        for name in reversed(names):
            path = paths.join(path, name)
        return path

    def move(self, ino: Inode, parent: Inode, name: bytes) -> bool:
        """Follow a native rename; False if the inode isn't one of the overlay."""
        with self._lock:
            old = self._place.pop(ino, None)
            if old is None:
                return False
            self._inode.pop(old, None)
            self._note_left(old)
            self._left.pop((parent, name), None)
            replaced = self._inode.pop((parent, name), None)
            if replaced is not None:
                self._place.pop(replaced, None)
                self._idle.pop(replaced, None)
            self._inode[parent, name] = ino
            self._place[ino] = (parent, name)
            return True

    def exchange(self, here: tuple[Inode, bytes], there: tuple[Inode, bytes]) -> None:
        """Follow a native exchange of two names, as far as what has them is the overlay's."""
        with self._lock:
            moved = {there: self._inode.pop(here, None), here: self._inode.pop(there, None)}
            for place, ino in moved.items():
                if ino is not None:
                    self._inode[place] = ino
                    self._place[ino] = place
                    self._left.pop(place, None)
                elif any(moved.values()):
                    self._note_left(place)

    def release(self, ino: Inode) -> None:
        """The kernel doesn't know it any more, and may ask for its name again."""
        with self._lock:
            if ino not in self._place:
                return
            self._idle[ino] = None
            if len(self._idle) > IDLE_MAX:
                self._drop(next(iter(self._idle)))

    def leave(self, ino: Inode) -> None:
        """It is deleted; who has seen it before that, and records it only now, is to look again."""
        with self._lock:
            place = self._place.get(ino)
            self._drop(ino)
            if place is not None:
                self._note_left(place)

    def forget(self, ino: Inode) -> None:
        """The index has it now, or it is gone."""
        with self._lock:
            self._drop(ino)

    def _note_left(self, place: tuple[Inode, bytes]) -> None:
        self._left[place] = None
        if len(self._left) > LEFT_MAX:
            del self._left[next(iter(self._left))]

    def _drop(self, ino: Inode) -> None:
        self._idle.pop(ino, None)
        place = self._place.pop(ino, None)
        if place is not None and self._inode.get(place) == ino:
            del self._inode[place]
