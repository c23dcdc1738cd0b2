"""Native files with several names: one inode for the kernel, though the index has one a name.

The index knows paths, each with an inode of its own, and each is synced as a file of its own. The
kernel must have one inode for one file, or `st_nlink`, page cache and locks are wrong. So the
first inode that the kernel was given for such a file stands for all its names: answers name it,
whichever name was asked for (`shown_as`), and requests for it go to a name that leads to the file
at that moment (`name_of`). The native file, by device and inode number, is what they have in
common.

Only what was seen with several names is remembered: while the kernel knows it, and after that for
LINKED_FILES_MAX files, so that an archiver meets the same number again at the next name.
"""

from dataclasses import dataclass, field

from realizefs.fs import items
from realizefs.fs.items import Item
from realizefs.fs.port import Arena
from realizefs.model.ids import Inode

LINKED_FILES_MAX = 65536
"""Files with several names remembered beyond what the kernel knows: about 20 MB."""

NativeFile = tuple[Inode, int, int]
"""The inode of the arena's root, device and inode number of the native file."""


@dataclass(slots=True, eq=False)
class Linked:
    """One native file: the inode that stands for it, and those of the names seen so far."""

    native: NativeFile
    ino: Inode
    names: set[Inode] = field(default_factory=set)


class Hardlinks:
    """All that were seen by one mount. Trio thread only."""

    def __init__(self) -> None:
        self._files: dict[NativeFile, Linked] = {}
        self._by_name: dict[Inode, Linked] = {}
        self._by_ino: dict[Inode, Linked] = {}
        self._forgotten: dict[Inode, None] = {}

    def __len__(self) -> int:
        return len(self._files)

    def shown_as(self, item: Item) -> Inode:
        """The inode for the kernel of what is called so; notes files with several names."""
        known = item.ino in self._by_name or item.ino in self._by_ino
        if not known and (item.stat is None or item.is_directory or item.stat.st_nlink < 2):
            return item.ino  # the usual
        native = _native(item) if item.stat is not None else None
        kept = self._kept(item.ino, native)
        if kept is not None or native is None or item.stat is None:
            return kept.ino if kept is not None else item.ino
        linked = self._files.get(native)
        if linked is not None and item.ino not in linked.names and not _leads(item.arena, linked):
            self._drop(linked)  # its number now belongs to another file
            linked = None
        if linked is None and item.stat.st_nlink < 2:
            return item.ino
        linked = linked or self._new(native, item.ino)
        linked.names.add(item.ino)
        self._by_name[item.ino] = linked
        self._forgotten.pop(linked.ino, None)
        return linked.ino

    def share(self, item: Item, ino: Inode) -> None:
        """A real file, which the kernel knows as `ino`, is about to get another name."""
        native = _native(item)
        linked = self._files.get(native) or self._new(native, ino)
        linked.names.add(item.ino)
        self._by_name[item.ino] = linked

    def known_as(self, ino: Inode) -> Inode:
        """The inode for the kernel of a name, as far as was seen."""
        linked = self._by_name.get(ino)
        return linked.ino if linked is not None else ino

    def names(self, ino: Inode) -> list[Inode]:
        """The names seen of an inode that the kernel knows; itself, if it is nothing special."""
        linked = self._by_ino.get(ino)
        return sorted(linked.names) if linked is not None else [ino]

    def name_of(self, arena: Arena, ino: Inode) -> Inode:
        """A name that leads to the inode that the kernel knows."""
        linked = self._by_ino.get(ino)
        if linked is None:
            return ino
        found = _leads(arena, linked) or _exists(arena, linked)
        if found is None:
            self._drop(linked)
            return ino
        return found

    def unlinked(self, name: Inode) -> tuple[Inode, bool]:
        """A name is gone: the inode that the kernel knows, and whether it has others."""
        linked = self._by_name.pop(name, None)
        if linked is None:
            return name, False
        linked.names.discard(name)
        if not linked.names:
            self._drop(linked)
        return linked.ino, bool(linked.names)

    def forget(self, ino: Inode) -> list[Inode]:
        """The kernel knows this inode no more; returns the names that nobody needs any more."""
        if ino not in self._by_ino:
            return [ino]
        names = self.names(ino)
        self._forgotten[ino] = None
        if len(self._forgotten) > LINKED_FILES_MAX:
            self._drop(self._by_ino[next(iter(self._forgotten))])
        return names

    def _new(self, native: NativeFile, ino: Inode) -> Linked:
        if ino in self._by_ino:
            self._drop(self._by_ino[ino])
        linked = self._files[native] = self._by_ino[ino] = Linked(native, ino)
        return linked

    def _kept(self, ino: Inode, native: NativeFile | None) -> Linked | None:
        """What a name belongs to of which the file was replaced, or is unreal by now.

        The last name keeps the inode, as a file that never had another does; one of several
        leaves the others.
        """
        for linked in (self._by_name.get(ino), self._by_ino.get(ino)):
            if linked is None or linked.native == native:
                continue
            if linked.names == {ino}:
                return linked
            self._drop(linked)
        return None

    def _drop(self, linked: Linked) -> None:
        if self._files.get(linked.native) is linked:
            del self._files[linked.native]
        self._by_ino.pop(linked.ino, None)
        self._forgotten.pop(linked.ino, None)
        for name in linked.names:
            self._by_name.pop(name, None)


def _native(item: Item) -> NativeFile:
    assert item.stat is not None, "only real files have several names"
    return item.arena.root_ino, item.stat.st_dev, item.stat.st_ino


def _exists(arena: Arena, linked: Linked) -> Inode | None:
    """A name of it that there still is: the kernel may know what is there by no other inode."""
    for name in sorted(linked.names):
        try:
            return items.find(arena, name).ino
        except FileNotFoundError:
            continue
    return None


def _leads(arena: Arena, linked: Linked) -> Inode | None:
    """A name of it that is natively still that file, the one that stands for it first."""
    for name in sorted(linked.names, key=lambda one: one != linked.ino):
        try:
            item = items.find(arena, name)
        except FileNotFoundError:
            continue
        if item.stat is not None and _native(item) == linked.native:
            return name
    return None
