"""How things stand when a user changes a name: asked before anything of that is queued."""

from realizefs.model.ids import Inode
from realizefs.model.versions import Kind, Version
from realizefs.sync.context import Context
from realizefs.sync.look import kind_of
from realizefs.sync.pending import Place
from realizefs.sync.wholly_real import is_wholly_real


class Standing:
    """Of the entries of one arena. Trio thread."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._store = context.store
        self._names = context.names

    def whereabouts(self, ino: Inode) -> tuple[bytes, Place | None]:
        """Path and place; no place for the root and for what has no name any more."""
        with self._store.env.read() as txn:
            path, place = self._names.path(txn, ino), self._names.place(txn, ino)
        return (path, place) if path is not None else (b"", None)

    def is_indexed(self, ino: Inode) -> bool:
        """Whether the index has it, or will by the time that what is queued now is recorded."""
        covered = self._names.pending.covers_inode(ino)
        if covered is not None and covered.places[ino] is not None:
            return True
        with self._store.env.read() as txn:
            return self._store.tree.entry(txn, ino) is not None

    def is_itself(self, ino: Inode, path: bytes) -> bool:
        """Whether the native thing that has moved to `path`, if any, is the entry's: of one that
        isn't real here it isn't, but of a directory, or while a job makes it."""
        native = self._store.root.fingerprint_if_any(path)
        if native is None or ino in self._context.in_hand:
            return True
        with self._store.env.read() as txn:
            entry, real = self._store.tree.entry(txn, ino), self._store.real.get(txn, ino)
        if entry is None or real is not None:
            return True
        return entry.version.kind is kind_of(native.mode) is Kind.DIRECTORY

    def is_unreal_file(self, ino: Inode | None) -> bool:
        """Whether no native file is the entry's, or is just being made. A directory is its own, known
        to be here or not."""
        if ino is None or ino in self._context.in_hand:
            return False
        with self._store.env.read() as txn:
            entry, real = self._store.tree.entry(txn, ino), self._store.real.get(txn, ino)
        return entry is not None and real is None and entry.version.kind is not Kind.DIRECTORY

    def is_whole(self, ino: Inode, path: bytes, *, marks: bool) -> bool:
        """Whether nothing of it would be lost with what is queued; see `wholly_real`."""
        with self._store.env.read() as txn:
            if self._store.tree.entry(txn, ino) is None:
                return True  # only natively there, or gone, and a mark is on the file
            return is_wholly_real(self._store, txn, ino, path, marks=marks)

    def seen(self, ino: Inode | None) -> Version | None:
        """What its user sees there, as far as the index knows it."""
        if ino is None:
            return None
        with self._store.env.read() as txn:
            entry = self._store.tree.entry(txn, ino)
        return entry.version if entry is not None else None

    def is_directory(self, path: bytes) -> bool:
        """Whether there natively is one."""
        native = self._store.root.fingerprint_if_any(path)
        return native is not None and kind_of(native.mode) is Kind.DIRECTORY
