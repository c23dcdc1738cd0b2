"""Recording that what was real is no longer there, by the will of its user (R8).

In a transaction, like `record`; it may run twice, too.
"""

import stat

from realizefs.core.merge import deleted
from realizefs.model import paths
from realizefs.model.decisions import Action
from realizefs.model.ids import Inode
from realizefs.model.versions import Kind
from realizefs.sync.batch import Batch
from realizefs.sync.local import is_older
from realizefs.sync.our_doing import ABOUT_TO_BE_MADE, ours_below

_SYNCED_TYPES = {stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK}
"""A fifo, say, in the place of a file is no file."""


def record_gone(batch: Batch, path: bytes, now_ns: int) -> None:
    """A native thing that was indexed is no longer there, by the will of its user.

    Below a vanished directory only what was real is deleted: unreal files were never in it.
    """
    ino = batch.store.tree.resolve(batch.txn, path)
    if ino is None or ino == batch.store.tree.root:
        return
    above = batch.store.root.fingerprint_if_any(paths.split(path)[0])
    if above is None:
        return  # what it was in is gone, perhaps only to another name: that is heard of, too
    if ours := ours_below(batch, path):
        batch.touched |= {path, *ours}
        return
    back = batch.store.root.fingerprint_if_any(path)
    if back is not None and stat.S_IFMT(back.mode) in _SYNCED_TYPES:
        batch.touched.add(path)  # perhaps because we realized it (R8)
        return
    gone(batch, ino, now_ns, above.dev)


def gone(batch: Batch, ino: Inode, now_ns: int, device: int) -> bool:
    """The native thing of an entry is no longer there; returns whether the entry is dead now.
    Recursion is bounded by PATH_BYTES_MAX / 2.

    R8: what was on another device than `device` went with its disk, and is left alone until that
    is back.
    """
    entry = batch.store.tree.entry(batch.txn, ino)
    if entry is None or entry.version.deleted:
        batch.store.real.delete(batch.txn, ino)
        return True
    real = batch.store.real.get(batch.txn, ino)
    if real is not None and real.fingerprint.dev not in (0, device):
        return False
    dead = True
    if entry.version.kind is Kind.DIRECTORY:
        for child in list(batch.store.tree.children(batch.txn, ino)):
            if not child.deleted:
                dead = gone(batch, child.ino, now_ns, device) and dead
    if real is None:
        return False
    batch.store.real.delete(batch.txn, ino)
    decision = batch.store.decisions.get(batch.txn, ino)
    leaving = decision is not None and decision.action is Action.UNREALIZE
    ours = (leaving and ino not in batch.to_leave) or real.fingerprint == ABOUT_TO_BE_MADE
    if not dead or ours or is_older(real, entry.version):
        batch.held_changed(ino)  # something inside, or a peer's newer version, lives on, or it was
        return False  # us who took it out of the root (R8), or didn't make it, or after a crash
    grave = deleted(entry.version, batch.dot, now_ns)
    batch.put(ino, entry.parent, entry.name, grave)
    return grave.deleted
