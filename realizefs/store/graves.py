"""Finding tombstones: names whose entry is deleted."""

from itertools import islice

from realizefs.model.ids import Inode
from realizefs.store.keys import name_of_place
from realizefs.store.schema import DIRENT
from realizefs.store.tree import Tree, read_dirent
from realizefs.store.txn import Txn


def has_any(tree: Tree, txn: Txn) -> bool:
    """Whether there is one; at once."""
    live = tree.counts(txn)
    return txn.count(DIRENT) > live.files + live.directories + live.symlinks


def page(txn: Txn, after: bytes, limit: int) -> tuple[list[Inode], bytes | None]:
    """Those among the next `limit` names, and where to go on; None at the end."""
    found: list[Inode] = []
    last: bytes | None = None
    rows = islice(txn.scan(DIRENT, start=after + b"\0" if after else b""), limit)
    for count, (key, value) in enumerate(rows, 1):
        last = key if count == limit else None
        dirent = read_dirent(name_of_place(key), value)
        if dirent.deleted:
            found.append(dirent.ino)
    return found, last
