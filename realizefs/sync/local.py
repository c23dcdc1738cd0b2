"""Local changes of entries that have no native file: recorded, no byte moved (DESIGN 3.2)."""

import stat
from dataclasses import replace

from realizefs.core.merge import changed, deleted
from realizefs.model.entries import Entry, Fingerprint, RealRow
from realizefs.model.errors import NotFound
from realizefs.model.ids import NO_DIGEST, Inode
from realizefs.model.versions import SYNCED_MODE, Kind, Version
from realizefs.store.fingerprint import NEVER_INDEXED, same_but_renamed
from realizefs.sync.batch import Batch


def record_removal(
    batch: Batch, ino: Inode, seen: Version, now_ns: int, *, native: bool = False
) -> bool:
    """The user deleted this entry when it was `seen`: a tombstone; what we hold of it may go.

    False if a peer has edited it meanwhile: a delete loses against that (DESIGN 5.1). And where the
    `native` file that was deleted is another than the entry: one that had just appeared beside it,
    or an older one.
    """
    entry = entry_of(batch, ino)
    real = batch.store.real.get(batch.txn, ino)
    if native and real is None:
        return False
    if native and real is not None and is_older(real, entry.version):
        batch.store.real.delete(batch.txn, ino)
        batch.held_changed(ino)
        return False
    batch.store.real.delete(batch.txn, ino)
    if entry.version.content != seen.content and not batch.is_ours(entry.version.author):
        batch.held_changed(ino)
        return False
    if not entry.version.deleted:
        grave = deleted(entry.version, batch.dot, now_ns)
        batch.put(ino, entry.parent, entry.name, grave)
    return True


def record_replacement(batch: Batch, replaced: Inode, ino: Inode) -> bool:
    """What isn't indexed yet has taken the name of an entry: the name goes on as inode `ino`.

    The version stays until the scanner has seen what is there now: an edit of it.
    """
    entry, store, txn = entry_of(batch, replaced), batch.store, batch.txn
    real = store.real.get(txn, replaced)
    below = list(store.tree.children(txn, replaced))
    store.tree.put(txn, ino, entry.parent, entry.name, entry.version)
    for child in below:
        store.tree.move(txn, child.ino, ino, child.name)
    store.forget(txn, replaced)
    vector = real.vector if real is not None else entry.version.vector
    if real is not None and real.hash:
        batch.edited[real.hash] = ino
    store.real.put(txn, ino, RealRow(NEVER_INDEXED, NO_DIGEST, vector))
    batch.indexed[ino] = (entry.parent, entry.name)
    return True


def record_metadata(batch: Batch, ino: Inode, mode: int | None, mtime_ns: int | None) -> None:
    """Other permissions or another mtime: a new version with the same content."""
    entry = entry_of(batch, ino)
    was = entry.version
    version = replace(
        was,
        mode=was.mode if mode is None else mode & SYNCED_MODE,
        mtime_ns=was.mtime_ns if mtime_ns is None else mtime_ns,
    )
    if version != was:
        batch.put(ino, entry.parent, entry.name, changed(version, batch.dot, was))


def is_older(real: RealRow, version: Version) -> bool:
    """Whether the file that was real here was another than the current version."""
    if stat.S_ISDIR(real.fingerprint.mode) != (version.kind is Kind.DIRECTORY):
        return True
    if real.vector == version.vector:
        return False  # a file that was made of this version to be written has no hash yet
    return version.kind is Kind.SYMLINK or real.hash != version.hash


def follow_ctime(batch: Batch, ino: Inode, before: Fingerprint, after: Fingerprint) -> None:
    """A change of ours touched nothing but ctime: the indexed fingerprint follows it."""
    real = batch.store.real.get(batch.txn, ino)
    if real is not None and real.fingerprint == before and same_but_renamed(before, after):
        batch.store.real.put(batch.txn, ino, replace(real, fingerprint=after))


def entry_of(batch: Batch, ino: Inode) -> Entry:
    """It must be there; NotFound."""
    entry = batch.store.tree.entry(batch.txn, ino)
    if entry is None:
        raise NotFound("It was removed meanwhile.")
    return entry
