"""Applying what a peer says: rows of its history become entries here (R2, R3, R7).

Runs in a transaction in a worker thread; may run twice; applying a row again changes nothing.
"""

from dataclasses import replace

from realizefs.core.merge import added, merge
from realizefs.model import paths
from realizefs.model.entries import Entry, Holder
from realizefs.model.ids import Inode, PeerId, is_by
from realizefs.model.messages import Row
from realizefs.model.versions import Held, Kind, Version
from realizefs.sync.aside import PLACEHOLDER, keep_above, settled
from realizefs.sync.batch import Batch
from realizefs.sync.renames import Renames


def apply_row(batch: Batch, row: Row, peer: PeerId, renames: Renames) -> None:
    """Merge one row of `peer` into the index."""
    if not row.path:
        return  # the root is everybody's own
    parent_path, name = paths.split(row.path)
    parent = _directory(batch, parent_path)
    dirent = batch.store.tree.lookup(batch.txn, parent, name)
    if dirent is None:
        if row.version.deleted and not row.version.vector:
            return
        ino = batch.store.inodes.allocate()
        entry = batch.add(ino, parent, name, row.version, peer)
        if row.held is not Held.NONE:
            told = Holder(peer, row.held, row.version.hash)
            batch.store.holders.put(batch.txn, ino, told)
    else:
        entry = _merge_into(batch, dirent.ino, row, peer)
        _note_holder(batch, entry.ino, row, peer)
    if not entry.version.deleted:
        keep_above(batch, parent)
        if row.held is Held.NONE and is_by(row.version.author, peer) and _has_bytes(entry):
            # Its author has it not: perhaps nobody holds it at that name (`homeless`). What others
            # made and a peer in the middle tells is no sign of that, and may be a million files.
            batch.store.sought.note(batch.txn, entry.ino, entry.version.hash)
            batch.seeks = True
    renames.applied(batch, entry, row.held)


def _has_bytes(entry: Entry) -> bool:
    return entry.version.kind is Kind.FILE and entry.version.size > 0


def note_held(batch: Batch, row: Row, peer: PeerId) -> None:
    """What a peer has of a path, and nothing else that its row says."""
    ino = batch.store.tree.resolve(batch.txn, row.path) if row.path else None
    if ino is not None:
        _note_holder(batch, ino, row, peer)


def _merge_into(batch: Batch, ino: Inode, row: Row, peer: PeerId) -> Entry:
    entry = batch.store.tree.entry(batch.txn, ino)
    assert entry is not None, "a dirent always has its entry"
    winner = settled(batch, entry, merge(entry.version, row.version))
    winner = _revived(batch, ino, winner)
    if winner == entry.version:
        return entry
    origin = peer if winner == row.version else PeerId(0)
    _follow_vector(batch, entry, winner)
    return batch.put(ino, entry.parent, entry.name, winner, origin)


def _revived(batch: Batch, ino: Inode, winner: Version) -> Version:
    """A directory that was deleted or replaced while something was added inside comes back.

    What the other peer deleted with it has come before: `record` tells it in that order.
    """
    if not winner.deleted and winner.kind is Kind.DIRECTORY:
        return winner
    if all(child.deleted for child in batch.store.tree.children(batch.txn, ino)):
        return winner
    return added(replace(PLACEHOLDER, mtime_ns=winner.mtime_ns), batch.author, winner)


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
    if Held.OWN in (row.held, known.held if known else Held.NONE):
        mark_cached(batch, ino)


def mark_cached(batch: Batch, ino: Inode) -> None:
    """What is cached may be the last copy by now, or no longer be it: the engine is to look."""
    if batch.store.blobs.find(batch.txn, ino) is not None:
        batch.store.dirty.mark(batch.txn, ino)


def _directory(batch: Batch, path: bytes) -> Inode:
    """The inode at a path, made as a directory where nothing is known of it.

    Rows of one directory mostly come together. What is remembered stays right, as applying rows
    makes entries and changes them, and gives none another place.
    """
    known = batch.directories.get(path)
    if known is None:
        known = batch.directories[path] = _find_directory(batch, path)
    return known


def _find_directory(batch: Batch, path: bytes) -> Inode:
    at = batch.store.tree.root
    for name in paths.components(path):
        dirent = batch.store.tree.lookup(batch.txn, at, name)
        if dirent is not None:
            at = dirent.ino
        else:
            ino = batch.store.inodes.allocate()
            batch.add(ino, at, name, PLACEHOLDER)
            at = ino
    return at
