"""Applying what a peer says: rows of its history become entries here (R2, R3, R7).

Runs in a transaction in a worker thread; may run twice; applying a row again changes nothing.
"""

from dataclasses import replace

from realizefs.core.merge import merge
from realizefs.model import paths
from realizefs.model.entries import Entry, Holder
from realizefs.model.ids import Inode, PeerId
from realizefs.model.messages import Row
from realizefs.model.versions import Held, Kind, Version
from realizefs.sync.batch import Batch
from realizefs.sync.record import set_aside

PLACEHOLDER = Version(Kind.DIRECTORY, mode=0o755)
"""A directory that must exist because something is in it; its own row dominates this."""


def apply_row(batch: Batch, row: Row, peer: PeerId) -> None:
    """Merge one row of `peer` into the index."""
    if not row.path:
        return  # the root is everybody's own
    parent_path, name = paths.split(row.path)
    parent = _directory(batch, parent_path, alive=not row.version.deleted)
    dirent = batch.store.tree.lookup(batch.txn, parent, name)
    if dirent is None:
        if row.version.deleted and not row.version.vector:
            return
        ino = batch.store.inodes.allocate()
        batch.put(ino, parent, name, row.version, peer)
    else:
        ino = dirent.ino
        _merge_into(batch, ino, row, peer)
    _note_holder(batch, ino, row, peer)


def _merge_into(batch: Batch, ino: Inode, row: Row, peer: PeerId) -> None:
    entry = batch.store.tree.entry(batch.txn, ino)
    assert entry is not None, "a dirent always has its entry"
    merged = merge(entry.version, row.version)
    if merged.loser is not None and _is_ours(batch, entry, merged.loser):
        _keep_loser(batch, entry, merged.loser)
    winner = _revived(batch, ino, merged.winner)
    if winner == entry.version:
        return
    origin = peer if winner == row.version else PeerId(0)
    _follow_vector(batch, entry, winner)
    batch.put(ino, entry.parent, entry.name, winner, origin)


def _is_ours(batch: Batch, entry: Entry, loser: Version) -> bool:
    """The peer that authored the losing version makes the copy, and no other (DESIGN 5.1)."""
    return loser.author == batch.me and loser.content == entry.version.content


def _keep_loser(batch: Batch, entry: Entry, loser: Version) -> None:
    real = batch.store.real.get(batch.txn, entry.ino)
    path = batch.store.tree.path(batch.txn, entry.ino)
    if real is None or path is None or real.hash != loser.hash:
        return  # the bytes are at other peers, whose trash keeps what they replace
    set_aside(batch, path, loser)
    batch.store.real.delete(batch.txn, entry.ino)


def _revived(batch: Batch, ino: Inode, winner: Version) -> Version:
    """A directory deleted while something was added inside comes back."""
    if not winner.deleted or winner.kind is not Kind.DIRECTORY:
        return winner
    if all(child.deleted for child in batch.store.tree.children(batch.txn, ino)):
        return winner
    return replace(PLACEHOLDER, mtime_ns=winner.mtime_ns).changed(batch.me, winner.vector)


def _follow_vector(batch: Batch, entry: Entry, winner: Version) -> None:
    """Equal content made twice: our real file is the joined version already, if its stat is."""
    real = batch.store.real.get(batch.txn, entry.ino)
    before = entry.version
    if real is None or real.vector != before.vector or winner.content != before.content:
        return
    if (winner.mtime_ns, winner.mode) == (before.mtime_ns, before.mode):
        batch.store.real.put(batch.txn, entry.ino, replace(real, vector=winner.vector))


def _note_holder(batch: Batch, ino: Inode, row: Row, peer: PeerId) -> None:
    known = batch.store.holders.get(batch.txn, ino, peer)
    told = Holder(peer, row.held, row.version.hash)
    if (known.held if known else Held.NONE) == row.held and (
        row.held is Held.NONE or (known is not None and known.hash == told.hash)
    ):
        return
    batch.store.holders.put(batch.txn, ino, told)
    batch.mark_dirty(ino)


def _directory(batch: Batch, path: bytes, *, alive: bool) -> Inode:
    """The inode of a directory, made (or brought back, if `alive`) on the way."""
    at = batch.store.tree.root
    for name in paths.components(path):
        dirent = batch.store.tree.lookup(batch.txn, at, name)
        if dirent is None:
            ino = batch.store.inodes.allocate()
            batch.put(ino, at, name, PLACEHOLDER)
            at = ino
            continue
        if alive and (dirent.deleted or dirent.kind is not Kind.DIRECTORY):
            _bring_back(batch, dirent.ino)
        at = dirent.ino
    return at


def _bring_back(batch: Batch, ino: Inode) -> None:
    entry = batch.store.tree.entry(batch.txn, ino)
    assert entry is not None, "a dirent always has its entry"
    was = entry.version
    if not was.deleted and was.author == batch.me:  # the directory keeps the name
        _keep_loser(batch, entry, was)
    directory = replace(PLACEHOLDER, mtime_ns=was.mtime_ns).changed(batch.me, was.vector)
    batch.put(ino, entry.parent, entry.name, directory)
