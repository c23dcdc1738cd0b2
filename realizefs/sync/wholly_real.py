"""Whether an entry, with all that is below it, has its whole truth in the arena root.

Then a change of its name is safe once it was made natively: after a crash the scanner finds the
old name gone and the new one there, with content and mark. All else (an unreal file, a version of
a peer that isn't fetched yet, a mark that no xattr says) the index alone knows: it commits first.
"""

from realizefs.model import paths
from realizefs.model.decisions import Action
from realizefs.model.entries import Entry
from realizefs.model.ids import Inode
from realizefs.model.marks import Mark
from realizefs.model.versions import Kind
from realizefs.store.arena import ArenaStore
from realizefs.store.txn import Txn
from realizefs.sync.marking import native_mark

ENTRIES_MAX = 256
"""Entries looked at, tombstones included, about 10 ms: a change of a larger directory waits for
its commit, which takes longer than the looking."""


def is_wholly_real(
    store: ArenaStore,
    txn: Txn,
    ino: Inode,
    path: bytes,
    *,
    marks: bool = True,
    leaving: bool = False,
    limit: int = ENTRIES_MAX,
) -> bool:
    """Of an entry whose native file is at `path`; `marks` False where those don't matter,
    `leaving` True where what is to become unreal counts. False if there are more than `limit`
    entries below it."""
    stack, left = [(ino, path)], limit
    while stack:
        at, where = stack.pop()
        entry = store.tree.entry(txn, at)
        if entry is None or not _is_real(store, txn, entry, leaving=leaving):
            return False
        if marks and not _says_mark(store, where, store.marks.get(txn, at)):
            return False
        if entry.version.kind is not Kind.DIRECTORY:
            continue
        for child in store.tree.children(txn, at):
            left -= 1
            if left < 0:
                return False
            if not child.deleted:
                stack.append((child.ino, paths.join(where, child.name)))
    return True


def _is_real(store: ArenaStore, txn: Txn, entry: Entry, *, leaving: bool) -> bool:
    """Whether its current version is the native file, which isn't on its way into the cache,
    unless it may be `leaving`."""
    real = store.real.get(txn, entry.ino)
    if entry.version.deleted or real is None or real.vector != entry.version.vector:
        return False
    if leaving:
        return True
    decision = store.decisions.get(txn, entry.ino)
    return decision is None or decision.action is not Action.UNREALIZE


def _says_mark(store: ArenaStore, path: bytes, mark: Mark | None) -> bool:
    return mark is None or native_mark(store.root, path) is mark
