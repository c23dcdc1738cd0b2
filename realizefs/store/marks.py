"""Marks as they were set, per inode, and the mark in force, inherited along the path."""

from collections.abc import Iterator

from realizefs.model.errors import BadMark, StoreFault
from realizefs.model.ids import Inode
from realizefs.model.marks import Mark
from realizefs.store.env import Txn
from realizefs.store.keys import inode_of, pack_u64
from realizefs.store.schema import MARK
from realizefs.store.tree import Tree


class Marks:
    """Inode → Mark. Setting one never walks what is below (see `DirtySet.mark_subtree`)."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree

    def get(self, txn: Txn, ino: Inode) -> Mark | None:
        """The mark set on this very inode; None where it is inherited."""
        value = txn.get(MARK, pack_u64(ino))
        return _mark(value) if value is not None else None

    def set(self, txn: Txn, ino: Inode, mark: Mark | None) -> None:
        """Set, or with None remove."""
        if mark is None:
            txn.delete(MARK, pack_u64(ino))
        else:
            txn.put(MARK, pack_u64(ino), mark.value.encode())

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

    def all(self, txn: Txn) -> Iterator[tuple[Inode, Mark]]:
        """Every mark that was set, by inode."""
        for key, value in txn.scan(MARK):
            yield inode_of(key), _mark(value)


def _mark(value: bytes) -> Mark:
    try:
        return Mark.parse(value)
    except BadMark as error:
        raise StoreFault(f"The database has a damaged mark ({value[:80]!r}).") from error
