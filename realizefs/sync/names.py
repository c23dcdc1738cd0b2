"""Which inode a name means and where an inode is, at this moment, for those who look.

Three sources, the first that knows it: what is queued for the index (`pending`), the index, what
only exists natively (`overlay`). Everything that decides and records asks the index alone.
"""

from collections.abc import Sequence
from dataclasses import replace

from realizefs.model import paths
from realizefs.model.entries import Dirent, Entry
from realizefs.model.ids import Inode
from realizefs.model.marks import Mark
from realizefs.store.arena import ArenaStore
from realizefs.store.marks import Marked
from realizefs.store.txn import Txn
from realizefs.sync.overlay import Overlay
from realizefs.sync.pending import Pending, Place


class Names:
    """The names of one arena. The trio thread, but for `children`."""

    def __init__(self, store: ArenaStore, overlay: Overlay) -> None:
        self._store = store
        self._overlay = overlay
        self.pending = Pending()

    def lookup(self, parent: Inode, name: bytes) -> Inode | None:
        """The inode called so: of a live entry, else of something native."""
        with self._store.env.read() as txn:
            return self.find(txn, parent, name)

    def find(self, txn: Txn, parent: Inode, name: bytes) -> Inode | None:
        """The same within a transaction."""
        covered = self.pending.covers_name(parent, name)
        if covered is not None:
            return covered.names[parent, name] or self._overlay.peek(parent, name)
        dirent = self._store.tree.lookup(txn, parent, name)
        live = dirent is not None and not dirent.deleted
        if dirent is not None and live and self._is_at(dirent.ino, (parent, name)):
            return dirent.ino
        return self._overlay.peek(parent, name)

    def _is_at(self, ino: Inode, place: Place) -> bool:
        """Whether an inode is still where the index has it: it may have been renamed or deleted
        just before that was committed."""
        covered = self.pending.covers_inode(ino)
        if covered is not None:
            return covered.places[ino] == place
        return (self._overlay.place(ino) or place) == place

    def resolve(self, path: bytes) -> Inode | None:
        """The inode at a path."""
        at = self._store.tree.root
        for name in paths.components(path):
            known = self.lookup(at, name)
            if known is None:
                return None
            at = known
        return at

    def place(self, txn: Txn, ino: Inode) -> Place | None:
        """Where an inode is; None for the root and for what has no name."""
        covered = self.pending.covers_inode(ino)
        if covered is not None:
            return covered.places[ino]
        return self._overlay.place(ino) or self._store.tree.place(txn, ino)

    def path(self, txn: Txn, ino: Inode) -> bytes | None:
        """The path of an inode; None if it has none, or nobody knows it."""
        if not self.pending and not self._overlay:
            path = self._store.tree.path(txn, ino)
            if path is not None:
                return path
        names: list[bytes] = []
        at = ino
        while at != self._store.tree.root:
            place = self.place(txn, at)
            if place is None or len(names) > paths.PATH_BYTES_MAX:
                return None
            at, name = place
            names.append(name)
        return b"/".join(reversed(names))

    def entry(self, txn: Txn, ino: Inode) -> Entry | None:
        """The entry of an inode, at the place where it is; None once it is on its way out."""
        covered = self.pending.covers_inode(ino)
        entry = self._store.tree.entry(txn, ino)
        if covered is None or entry is None:
            return entry
        place = covered.places[ino]
        return replace(entry, parent=place[0], name=place[1]) if place is not None else None

    def children(self, parent: Inode) -> Sequence[Dirent]:
        """The entries in a directory, tombstones included, by name. Any thread."""
        covered = self.pending.names_in(parent)
        moved = self.pending.places()
        with self._store.env.read() as txn:
            known = list(self._store.tree.children(txn, parent))
            if (
                moved or self._overlay
            ):  # see `_is_at`; looked up, as what is ignored may be a million
                places = {**self._overlay.places_of(one.ino for one in known), **moved}
                known = [
                    one
                    for one in known
                    if one.ino not in places or places[one.ino] == (parent, one.name)
                ]
            if not covered:
                return known
            dirents = [one for one in known if one.name not in covered]
            for name, ino in covered.items():
                entry = self._store.tree.entry(txn, ino) if ino is not None else None
                if entry is not None:
                    dirents.append(_dirent(name, entry))
        return sorted(dirents, key=lambda one: one.name)

    def marked(self, txn: Txn, entry: Entry, default: Mark) -> Marked:
        """The mark in force for an entry, and why, by the path as it is now."""
        mark, source = self._inherited(txn, entry.ino, default)
        return self._store.marks.ruled(txn, entry, mark, source)

    def _inherited(self, txn: Txn, ino: Inode, default: Mark) -> tuple[Mark, Inode | None]:
        if not self.pending:
            return self._store.marks.inherited(txn, ino, default)
        at = ino
        for _ in range(paths.PATH_BYTES_MAX):
            mark = self._store.marks.get(txn, at)
            if mark is not None:
                return mark, at
            place = self.place(txn, at)
            if place is None:
                break
            at = place[0]
        return default, None


def _dirent(name: bytes, entry: Entry) -> Dirent:
    version = entry.version
    return Dirent(
        name,
        entry.ino,
        version.kind,
        version.deleted,
        version.mode,
        version.size,
        version.mtime_ns,
    )
