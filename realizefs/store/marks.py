"""Marks as they were set, per inode, and the mark in force, inherited along the path.

By inode, so that a mark follows a local rename and a path costs nothing. Whatever is asked about a
path is asked about the inode that is there. Setting one never walks what is below (see
`DirtySet.mark_subtree`).
"""

from collections.abc import Iterator

from realizefs.model import paths
from realizefs.model.errors import BadMark, StoreFault
from realizefs.model.ids import Inode
from realizefs.model.marks import Mark
from realizefs.store.keys import inode_of, pack_u64
from realizefs.store.schema import MARK
from realizefs.store.tree import Tree
from realizefs.store.txn import Txn


class Marks:
    """Inode or path → Mark; all within the caller's transaction.

    `default` is always the arena's own, from its configuration, which isn't kept here.
    """

    def __init__(self, tree: Tree) -> None:
        self._tree = tree

    def get(self, txn: Txn, ino: Inode) -> Mark | None:
        """The mark set on this very inode; None where it is inherited."""
        value = txn.get(MARK, pack_u64(ino))
        return _mark(value) if value is not None else None

    def set(self, txn: Txn, where: Inode | bytes, mark: Mark | None) -> bool:
        """Insert or replace, None as `clear`; False, and nothing is done, for a path that isn't
        known."""
        ino = self._inode(txn, where)
        if ino is None:
            return False
        if mark is None:
            self.clear(txn, ino)
        else:
            txn.put(MARK, pack_u64(ino), mark.value.encode())
        return True

    def clear(self, txn: Txn, where: Inode | bytes) -> bool:
        """Inherit again; whether there was a mark."""
        ino = self._inode(txn, where)
        return ino is not None and txn.delete(MARK, pack_u64(ino))

    def effective(self, txn: Txn, ino: Inode, default: Mark) -> tuple[Mark, Inode | None]:
        """The mark in force and whose it is: the entry's own, else of the nearest directory
        above that has one, else (`default`, None)."""
        if not txn.count(MARK):
            return default, None
        at: Inode | None = ino
        while at is not None:
            mark = self.get(txn, at)
            if mark is not None:
                return mark, at
            at = self._tree.parent(txn, at)
        return default, None

    def for_path(self, txn: Txn, path: bytes, default: Mark) -> tuple[Mark, bytes | None]:
        """`effective`, as paths. For what isn't there: the mark that it would inherit."""
        at = self._nearest(txn, path)
        mark, source = self.effective(txn, at, default)
        return mark, None if source is None else self._tree.path(txn, source)

    def list(self, txn: Txn) -> Iterator[tuple[bytes, Mark]]:
        """(path, mark) of every mark that was set, oldest inode first; b"" is the arena's root."""
        for ino, mark in self.all(txn):
            path = self._tree.path(txn, ino)
            if path is not None:
                yield path, mark

    def all(self, txn: Txn) -> Iterator[tuple[Inode, Mark]]:
        """Every mark that was set, by inode."""
        for key, value in txn.scan(MARK):
            yield inode_of(key), _mark(value)

    def _inode(self, txn: Txn, where: Inode | bytes) -> Inode | None:
        return self._tree.resolve(txn, where) if isinstance(where, bytes) else where

    def _nearest(self, txn: Txn, path: bytes) -> Inode:
        """The inode at a path, or of the lowest directory above it that is known."""
        at = self._tree.root
        for name in paths.components(path):
            dirent = self._tree.lookup(txn, at, name)
            if dirent is None:
                break
            at = dirent.ino
        return at


def _mark(value: bytes) -> Mark:
    try:
        return Mark.parse(value)
    except BadMark as error:
        raise StoreFault(f"The database has a damaged mark ({value[:80]!r}).") from error
