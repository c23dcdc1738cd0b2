"""Completing what a crash left of a followed rename: the file has its new name, the index not yet.

`renames` moves the native file before the commit that has the peer's tombstone. Without that, the
scan finds the old name gone, and its file where a peer's entry lacks that very content. Nobody here
deleted the old name (R8): it is the peer's to say, and says so again.

A user who does the same by hand, natively, in the moment before the file arrives, is taken for this:
the old name is then shown as unreal, and stays until it is deleted once more.
"""

from collections.abc import Iterable
from contextlib import suppress

from realizefs.model import paths
from realizefs.model.entries import Entry, RealRow
from realizefs.model.errors import Busy
from realizefs.model.marks import Mark
from realizefs.model.versions import Held, Kind
from realizefs.store import in_root
from realizefs.store.fingerprint import NEVER_INDEXED, matches_none
from realizefs.sync.batch import Batch
from realizefs.sync.record import Found


def was_followed(batch: Batch, found: Found, gone: Iterable[bytes]) -> bool:
    """Whether `found` is such a file, of one of `gone`; it has its metadata and is indexed then."""
    store, txn = batch.store, batch.txn
    new = store.tree.entry_at(txn, found.path)
    if new is None or not _lacked(batch, new, found):
        return False
    old = next((path for path in gone if _was_at(batch, path, found)), None)
    ino = store.tree.resolve(txn, old) if old is not None else None
    if old is None or ino is None:
        return False
    now = NEVER_INDEXED  # where it was changed since it was looked at
    with suppress(Busy):
        mode, mtime_ns = new.version.mode, new.version.mtime_ns
        now = in_root.stamp(store.root, found.path, found.fingerprint, mode, mtime_ns)
    for above in {paths.split(old)[0], paths.split(found.path)[0]}:
        if store.root.fingerprint_if_any(above) is not None:
            store.root.sync_directory(above)
    if matches_none(now):
        batch.touched.add(found.path)
    store.real.put(txn, new.ino, RealRow(now, new.version.hash, new.version.vector))
    store.real.delete(txn, ino)
    batch.held_changed(new.ino)
    batch.held_changed(ino)
    return True


def _lacked(batch: Batch, entry: Entry, found: Found) -> bool:
    """Whether a rename would be followed to there (see `renames.Renames.applied`)."""
    store, txn, version = batch.store, batch.txn, entry.version
    if found.kind is not Kind.FILE or version.kind is not Kind.FILE or version.deleted:
        return False
    digest = found.content.hash if found.content else b""
    real = store.real.get(txn, entry.ino)
    if version.hash != digest or not version.size or batch.is_ours(version.author):
        return False
    if real is not None and real.hash == digest:
        return False
    mark = store.marks.effective(txn, entry.ino, batch.default_mark)
    holders = store.holders.of(txn, entry.ino)
    return mark is Mark.OWN or all(one.held is not Held.OWN for one in holders)


def _was_at(batch: Batch, path: bytes, found: Found) -> bool:
    entry = batch.store.tree.entry_at(batch.txn, path)
    real = batch.store.real.get(batch.txn, entry.ino) if entry is not None else None
    if entry is None or real is None or entry.version.deleted or found.content is None:
        return False
    known, now = real.fingerprint, found.fingerprint
    return real.hash == found.content.hash and (known.dev, known.ino) == (now.dev, now.ino)
