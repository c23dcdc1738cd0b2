"""The dirty set: what the engine must decide again, and directories still to be gone through.

Theory of operation. A change marks its inode in its own transaction, with a counter that only
grows. The engine takes some, decides, and clears each if its counter is still the same: what was
marked meanwhile stays.

A directory whose mark changes dirties all below it, a page at a time. `engine.subtree` is the
list of directories whose children are still to be marked, each with the last name done; a
directory found on the way is marked and gets a row itself. So the state is on disk at every
moment and a restart goes on. Names that come and go meanwhile need no care: what comes is dirty
by its own change. Whoever moves a directory marks its subtree, since it inherits another mark.
"""

from itertools import islice

from realizefs.model.ids import Inode
from realizefs.model.versions import Kind
from realizefs.store.keys import inode_of, pack_u64, unpack_u64
from realizefs.store.schema import DIRTY, ENGINE_META, SUBTREE
from realizefs.store.tree import Tree
from realizefs.store.txn import Txn

_COUNTER = b"dirty"


class DirtySet:
    """Inode → counter."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree

    def mark(self, txn: Txn, ino: Inode) -> None:
        """To be decided again."""
        txn.put(DIRTY, pack_u64(ino), pack_u64(txn.count_up(ENGINE_META, _COUNTER)))

    def take(self, txn: Txn, limit: int) -> list[tuple[Inode, int]]:
        """Up to `limit` of (inode, counter), by inode; they stay until they are cleared."""
        rows = islice(txn.scan(DIRTY), limit)
        return [(inode_of(key), unpack_u64(value)) for key, value in rows]

    def clear(self, txn: Txn, ino: Inode, counter: int) -> bool:
        """Decided; False, and it stays, if it was marked since it was taken."""
        key = pack_u64(ino)
        return txn.get(DIRTY, key) == pack_u64(counter) and txn.delete(DIRTY, key)

    def count(self, txn: Txn) -> int:
        """How many are dirty; at once. Directories to be gone through are not in it."""
        return txn.count(DIRTY)

    def any(self, txn: Txn) -> bool:
        """Whether there is something to decide, or a directory to be gone through; at once."""
        return txn.count(DIRTY) > 0 or txn.count(SUBTREE) > 0

    def mark_subtree(self, txn: Txn, ino: Inode) -> None:
        """Mark this now, and all below it as `expand` is called."""
        self.mark(txn, ino)
        txn.put(SUBTREE, pack_u64(ino), b"")

    def expand(self, txn: Txn, limit: int) -> int:
        """Mark about `limit` more descendants; 0 when there is nothing left.

        Returns the steps done, which are the children marked and the directories finished.
        """
        done = 0
        while done < limit:
            row = next(txn.scan(SUBTREE), None)
            if row is None:
                break
            done += self._expand_one(txn, inode_of(row[0]), row[1], limit - done)
        return done

    def forget(self, txn: Txn, ino: Inode) -> None:
        """The entry is gone."""
        txn.delete(DIRTY, pack_u64(ino))
        txn.delete(SUBTREE, pack_u64(ino))

    def _expand_one(self, txn: Txn, directory: Inode, after: bytes, limit: int) -> int:
        page = list(islice(self._tree.children(txn, directory, after or None), limit))
        for child in page:
            self.mark(txn, child.ino)
            if child.kind is Kind.DIRECTORY:
                txn.put(SUBTREE, pack_u64(child.ino), b"")
        if len(page) == limit:
            txn.put(SUBTREE, pack_u64(directory), page[-1].name)
            return limit
        txn.delete(SUBTREE, pack_u64(directory))
        return len(page) + 1
