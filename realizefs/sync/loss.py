"""Accepting that an arena root is lost: these files are gone from this machine, and from no other.

Each entry becomes unreal here, and peers hear that we no longer hold it, which is no deletion
(R8). What nobody else holds stays known by name, as `unavailable`: it is up to its user to delete it. If
the mark asks for real files, they are fetched again from whoever has them.

Page by page: after a crash in between the root is still empty and some files still known, so the
arena stays out of service, and accepting goes on where it stopped.
"""

import stat
from dataclasses import dataclass
from itertools import islice

from realizefs.model.entries import RealRow
from realizefs.model.ids import Inode
from realizefs.store.arena import ArenaStore
from realizefs.store.txn import Txn

PAGE = 500
"""Files in one transaction."""

ALONE_TOLD_MAX = 100
"""Paths that are told of files that nobody else holds."""


@dataclass(slots=True)
class Loss:
    """What is concerned: files and their bytes; those that no other peer is known to hold, nor
    the cache here, with the first ALONE_TOLD_MAX paths of such. `state_lost`: the database went with
    the root, so that none of it is known here."""

    files: int = 0
    size: int = 0
    alone: int = 0
    alone_size: int = 0
    alone_paths: tuple[bytes, ...] = ()
    state_lost: bool = False


def assess(store: ArenaStore) -> Loss:
    """What would be given up; blocking, changes nothing."""
    loss = Loss()
    with store.env.read() as txn:
        for ino, row in store.real.all(txn):
            if stat.S_ISDIR(row.fingerprint.mode):
                continue
            loss.files += 1
            loss.size += row.fingerprint.size
            if _is_alone(store, txn, ino, row):
                loss.alone += 1
                loss.alone_size += row.fingerprint.size
                if loss.alone <= ALONE_TOLD_MAX:
                    loss.alone_paths += (store.tree.path(txn, ino) or b"?",)
    return loss


def only_cached(store: ArenaStore) -> list[bytes]:
    """Paths whose current content is complete in the cache here, is no real file here, and is not
    known to be anywhere else: they'd be lost with the cache (R1). Blocking; ALONE_TOLD_MAX at most."""
    found: list[bytes] = []
    with store.env.read() as txn:
        for row in store.blobs.all(txn):
            entry = store.tree.entry(txn, row.ino) if row.verified else None
            if entry is None or entry.version.deleted or entry.version.hash != row.hash:
                continue
            real = store.real.get(txn, row.ino)
            is_real = real is not None and real.hash == row.hash
            if not is_real and not store.holders.having(txn, row.ino, row.hash):
                found.append(store.tree.path(txn, row.ino) or b"?")
                if len(found) >= ALONE_TOLD_MAX:
                    break
    return found


def accept(store: ArenaStore) -> None:
    """No entry is real here any more; blocking."""
    while True:
        with store.env.write() as txn:
            page = [ino for ino, _ in islice(store.real.all(txn), PAGE)]
            for ino in page:
                store.real.delete(txn, ino)
                store.decisions.clear(txn, ino)
                if store.tree.entry(txn, ino) is not None:
                    store.tree.touch(txn, ino)
                    store.dirty.mark(txn, ino)
        if not page:
            return


def _is_alone(store: ArenaStore, txn: Txn, ino: Inode, row: RealRow) -> bool:
    if not stat.S_ISREG(row.fingerprint.mode) or not row.hash:
        return False  # all there is to a symlink is in the index
    if store.holders.having(txn, ino, row.hash):
        return False
    cached = store.blobs.find(txn, ino)
    return cached is None or not cached.verified or cached.hash != row.hash
