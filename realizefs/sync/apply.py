"""Applying what a peer says: rows of its history become entries here (R2, R3, R7).

Runs in a transaction in a worker thread; may run twice; applying a row again changes nothing.
"""

from dataclasses import replace
from math import inf

from realizefs.core.causal import Context, is_seen, left_unseen, merge_seen
from realizefs.core.merge import added, changed, heads
from realizefs.model import paths
from realizefs.model.entries import Entry, Holder
from realizefs.model.ids import Inode, PeerId, is_by
from realizefs.model.messages import Row
from realizefs.model.versions import Held, Kind, Version
from realizefs.sync.aside import PLACEHOLDER, keep_above, settled
from realizefs.sync.batch import Batch
from realizefs.sync.renames import Renames

NOTHING_SEEN: Context = {}


def apply_row(
    batch: Batch, row: Row, peer: PeerId, renames: Renames, they_saw: Context = NOTHING_SEEN
) -> None:
    """Merge one row of `peer`, who had seen a context, into the index."""
    if not row.path:
        return  # the root is everybody's own
    parent_path, name = paths.split(row.path)
    if row.version.deleted and _is_forgotten(batch, row):
        return
    parent = _directory(batch, parent_path, is_live=not row.version.deleted)
    dirent = batch.store.tree.lookup(batch.txn, parent, name)
    if dirent is None:
        ino = batch.store.inodes.allocate()
        version = _unforgotten(batch, row.version)
        origin = peer if version is row.version else PeerId(0)
        entry = batch.add(ino, parent, name, version, origin)
        if version.deleted and not row.version.deleted:
            _tell_above_again(batch, parent)
        if row.held is not Held.NONE:
            told = Holder(peer, row.held, row.version.hash)
            batch.store.holders.put(batch.txn, ino, told)
    else:
        entry = _merge_into(batch, dirent.ino, row, peer, they_saw)
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


def _is_forgotten(batch: Batch, row: Row) -> bool:
    """Whether a tombstone says nothing that was to be known here."""
    if batch.store.tree.resolve(batch.txn, row.path) is not None:
        return False
    return not row.version.vector or is_seen(row.version, batch.seen)


def _unforgotten(batch: Batch, version: Version) -> Version:
    """What is new of it where nothing is known of the path. What was deleted here, and forgotten as
    everybody knew it, comes from somebody who has forgotten that, too, or whose database is an older
    copy: he is told anew that it is deleted."""
    if version.deleted or not batch.seen or not _is_partly_seen(version, batch.seen):
        return version
    left = left_unseen(version, batch.seen)
    if left.author:
        return left
    gone = Version(version.kind, mtime_ns=version.mtime_ns, deleted=True)
    return changed(gone, batch.dot, replace(gone, vector=left.vector))


def _tell_above_again(batch: Batch, directory: Inode) -> None:
    """Deleted directories after what was deleted in them: else it would bring them back."""
    at = directory
    while at != batch.store.tree.root and _entry(batch, at).version.deleted:
        batch.store.tree.touch(batch.txn, at)
        at = _entry(batch, at).parent


def _is_partly_seen(version: Version, seen: Context) -> bool:
    counts = dict(version.vector)
    return any(counts.get(head.author, inf) <= seen.get(head.author, 0) for head in heads(version))


def _merge_into(batch: Batch, ino: Inode, row: Row, peer: PeerId, they_saw: Context) -> Entry:
    entry = _entry(batch, ino)
    # Only tombstones are ever forgotten.
    i_saw = batch.seen if row.version.deleted else NOTHING_SEEN
    saw = they_saw if entry.version.deleted else NOTHING_SEEN
    winner = settled(batch, entry, merge_seen(entry.version, i_saw, row.version, saw))
    winner = _revived(batch, ino, winner)
    if winner == entry.version:
        return entry
    # What we hold of it he may have forgotten: he has renamed what was there before, say.
    is_his = winner == row.version and batch.held(replace(entry, version=winner)) is Held.NONE
    origin = peer if is_his else PeerId(0)
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
    return added(replace(PLACEHOLDER, mtime_ns=winner.mtime_ns), batch.dot, winner)


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


def _directory(batch: Batch, path: bytes, *, is_live: bool) -> Inode:
    """The inode at a path, made as a directory where nothing is known of it: one that is deleted,
    like what is in it, unless something in it `is_live`.

    Rows of one directory mostly come together. What is remembered stays right, as applying rows
    makes entries and changes them, and gives none another place.
    """
    known = batch.directories.get(path)
    if known is None:
        known = _find_directory(batch, path, is_live=is_live)
        if is_live:
            batch.directories[path] = known
    return known


def _find_directory(batch: Batch, path: bytes, *, is_live: bool) -> Inode:
    at = batch.store.tree.root
    placeholder = PLACEHOLDER if is_live else replace(PLACEHOLDER, deleted=True)
    for name in paths.components(path):
        dirent = batch.store.tree.lookup(batch.txn, at, name)
        if dirent is None:
            ino = batch.store.inodes.allocate()
            batch.add(ino, at, name, placeholder)
        else:
            ino = dirent.ino
            if is_live and dirent.deleted and not _entry(batch, ino).version.vector:
                batch.put(ino, at, name, PLACEHOLDER)
        at = ino
    return at


def _entry(batch: Batch, ino: Inode) -> Entry:
    entry = batch.store.tree.entry(batch.txn, ino)
    assert entry is not None, "a dirent always has its entry"
    return entry
