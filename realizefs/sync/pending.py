"""Changes of names that are queued and not committed yet: a layer over the index.

What is wholly real is renamed and deleted natively, and the index follows (DESIGN 7.1). Until it
has, this layer answers for it: which inode a name means, and where an inode is. A later change
covers an earlier one of the same name or inode, and each change is uncovered when it is
committed, as far as no later one has covered it: at that moment the index says the same.

Changed on the trio thread, asked by any thread, hence the lock. Who reads it together with the
index reads it *first*: what leaves it in between is in the index by then.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass

from realizefs.model.ids import Inode

Place = tuple[Inode, bytes]
"""A name in a directory."""


@dataclass(frozen=True, slots=True)
class Cover:
    """One change: names → inodes and inodes → places; None where nothing is there any more."""

    names: Mapping[Place, Inode | None]
    places: Mapping[Inode, Place | None]


class Pending:
    """Bounded by the queue of changes: each covers two names and two inodes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._names: dict[Inode, dict[bytes, Cover]] = {}
        self._places: dict[Inode, Cover] = {}

    def __bool__(self) -> bool:
        return bool(self._places)

    def cover(self, change: Cover) -> None:
        """It is so from now on."""
        with self._lock:
            for parent, name in change.names:
                self._names.setdefault(parent, {})[name] = change
            for ino in change.places:
                self._places[ino] = change

    def uncover(self, change: Cover) -> None:
        """It is in the index now, or never will be."""
        with self._lock:
            for parent, name in change.names:
                names = self._names.get(parent, {})
                if names.get(name) is change:
                    del names[name]
                    if not names:
                        del self._names[parent]
            for ino in change.places:
                if self._places.get(ino) is change:
                    del self._places[ino]

    def covers_name(self, parent: Inode, name: bytes) -> Cover | None:
        """The change that says what is called so."""
        with self._lock:
            return self._names.get(parent, {}).get(name)

    def covers_inode(self, ino: Inode) -> Cover | None:
        """The change that says where this inode is."""
        with self._lock:
            return self._places.get(ino)

    def places(self) -> dict[Inode, Place | None]:
        """Where everything covered is."""
        with self._lock:
            return {ino: change.places[ino] for ino, change in self._places.items()}

    def names_in(self, parent: Inode) -> dict[bytes, Inode | None]:
        """All that is covered in a directory."""
        with self._lock:
            covered = self._names.get(parent, {})
            return {name: change.names[parent, name] for name, change in covered.items()}
