"""Recording native facts in the index: a file is so (that one is gone: see `gone`).

Runs in a transaction in a worker thread. Everything here may run twice (see writer) and may be
run again after a crash at any point; it compares what is there with what is indexed, and what
agrees is left alone.

A native file that differs from the index is a local change *of the version that it was indexed
as* (`RealRow.vector`), not of whatever a peer has made of the path meanwhile. If the two are
concurrent, `merge` decides who keeps the name, and where our file loses, it is renamed to a
conflict copy before the transaction commits: after a crash in between the next scan puts it back, and
the conflict is met anew (`aside.was_set_aside`).
"""

from dataclasses import dataclass, replace

from realizefs.core.merge import changed, changed_since, conflicts, merge, resolved
from realizefs.model import paths
from realizefs.model.entries import Entry, Fingerprint, RealRow
from realizefs.model.ids import NO_DIGEST, Digest, Inode
from realizefs.model.marks import Mark
from realizefs.model.versions import SYNCED_MODE, Kind, Version
from realizefs.store.hashing import ContentHash
from realizefs.sync.aside import keep_above, keep_loser, name_anew, set_aside
from realizefs.sync.batch import Batch
from realizefs.sync.carried import carried_out
from realizefs.sync.gone import gone
from realizefs.sync.our_doing import (
    OURS_TO_WRITE,
    has_changed,
    is_as_made,
    is_made_anew,
    may_be_ours,
    was_deleted,
)
from realizefs.sync.overlay import Overlay
from realizefs.sync.pending import Place

MARK_XATTR = b"user.realize.mark"


@dataclass(frozen=True, slots=True)
class Found:
    """A native thing as it was seen: `content` for files, `target` for symlinks.

    `mark` is its mark xattr; `marks_readable` is False where the filesystem has no xattrs, in
    which case the mark table alone counts.
    """

    path: bytes
    kind: Kind
    fingerprint: Fingerprint
    content: ContentHash | None = None
    target: bytes = b""
    mark: Mark | None = None
    marks_readable: bool = True


def record_found(batch: Batch, overlay: Overlay, found: Found, now_ns: int) -> Inode | None:
    """Index a native thing; None if its parent isn't indexed (it was renamed meanwhile)."""
    if not found.path:  # the root itself has a mark and nothing else that is shared
        _record_mark(batch, batch.store.tree.root, found, appeared=False)
        return batch.store.tree.root
    parent_path, name = paths.split(found.path)
    parent = batch.store.tree.resolve(batch.txn, parent_path)
    if parent is None or is_made_anew(batch, parent):
        batch.touched |= {parent_path, found.path}
        return None
    dirent = batch.store.tree.lookup(batch.txn, parent, name)
    # Before anything of it is compared: what is renamed there from now on is seen by `claim`.
    shown = overlay.peek(parent, name)
    known = overlay.was_left(parent, name) or shown is not None
    overtaken = (known or was_deleted(batch, parent, dirent)) and has_changed(
        batch, found.path, found.fingerprint
    )  # renamed since, replaced or removed
    seen = found.kind, found.fingerprint
    if overtaken or (dirent is not None and may_be_ours(batch, dirent.ino, found.path, seen)):
        batch.touched.add(found.path)
        return None
    if dirent is None and not _is_recorded(batch, shown):
        return _record_new(batch, overlay, shown, (parent, name), found)
    leaving = _leaving(batch, parent, name, found)
    if leaving is not None:
        return leaving
    ino = _inode(batch, overlay, shown, parent, name)
    if ino is None:
        batch.touched.add(found.path)
        return None
    if found.kind is not Kind.DIRECTORY and not _emptied(batch, ino, now_ns, found.fingerprint.dev):
        set_aside(batch, found.path, _local_version(batch, None, None, found))
        return None  # something unreal is in the directory of that name: it keeps the name
    known_real = batch.store.real.get(batch.txn, ino)
    appeared = known_real is None or is_as_made(known_real)  # its mark may not be on it yet
    _record_version(batch, ino, parent, name, found)
    _record_mark(batch, ino, found, appeared=appeared)
    keep_above(batch, parent)
    return ino


def _is_recorded(batch: Batch, ino: Inode | None) -> bool:
    """Whether anything is known of an inode of the overlay."""
    store, txn = batch.store, batch.txn
    return ino is not None and (
        store.tree.entry(txn, ino) is not None or store.real.get(txn, ino) is not None
    )


def _record_new(
    batch: Batch, overlay: Overlay, shown: Inode | None, place: Place, found: Found
) -> Inode | None:
    """Index what nothing is known of, as most of a first scan; None if something else was renamed
    there since it was seen."""
    store, txn, (parent, name) = batch.store, batch.txn, place
    ino = overlay.claim(parent, name, store.inodes.allocate, shown)
    if ino is None:
        batch.touched.add(found.path)
        return None
    batch.indexed[ino] = (parent, name)
    version = _local_version(batch, None, None, found)
    store.real.add(txn, ino, RealRow(found.fingerprint, version.hash, version.vector))
    if found.content and found.content.blocks:
        store.blocks.put(txn, found.content.hash, found.content.blocks)
    batch.add(ino, parent, name, version, real=True)
    _record_mark(batch, ino, found, appeared=True)
    keep_above(batch, parent)
    return ino


def _leaving(batch: Batch, parent: Inode, name: bytes, found: Found) -> Inode | None:
    """The inode of what a peer deleted and is still here as it was indexed: not made anew."""
    dirent = batch.store.tree.lookup(batch.txn, parent, name)
    real = batch.store.real.get(batch.txn, dirent.ino) if dirent and dirent.deleted else None
    entry = batch.store.tree.entry(batch.txn, dirent.ino) if dirent else None
    if dirent is None or real is None or entry is None:
        return None
    same = found.content is not None and found.content.hash == real.hash
    if not same and not _agrees(entry.version, real, found):
        return None
    row = replace(real, fingerprint=found.fingerprint)
    _record_real(batch, dirent.ino, row, announce=False)
    return dirent.ino


def _inode(
    batch: Batch, overlay: Overlay, shown: Inode | None, parent: Inode, name: bytes
) -> Inode | None:
    """The inode of a native thing, never that of a deleted one, which may still be open; None if
    something else was renamed there since it was seen."""
    dirent = batch.store.tree.lookup(batch.txn, parent, name)
    if dirent is not None and not dirent.deleted:
        return dirent.ino
    ino = overlay.claim(parent, name, batch.store.inodes.allocate, shown)
    if ino is None:
        return None
    batch.indexed[ino] = (parent, name)
    if dirent is not None:  # the tombstone goes on in the new entry, which has seen it
        grave = batch.store.tree.entry(batch.txn, dirent.ino)
        assert grave is not None, "a dirent always has its entry"
        real = batch.store.real.get(batch.txn, dirent.ino)
        if real is not None and real.hash:
            batch.edited[real.hash] = ino
        below = list(batch.store.tree.children(batch.txn, dirent.ino))
        batch.store.tree.put(batch.txn, ino, parent, name, grave.version)
        for child in below:
            batch.store.tree.move(batch.txn, child.ino, ino, child.name)
        batch.store.forget(batch.txn, dirent.ino)
    return ino


def _emptied(batch: Batch, ino: Inode, now_ns: int, device: int) -> bool:
    """Whether nothing is alive below what has become a file; what was real there is gone.

    Recorded before the file itself is, so that peers hear of it in that order.
    """
    empty = True
    for child in list(batch.store.tree.children(batch.txn, ino)):
        if not child.deleted:
            empty = gone(batch, child.ino, now_ns, device) and empty
    return empty


def _record_version(batch: Batch, ino: Inode, parent: Inode, name: bytes, found: Found) -> None:
    entry = batch.store.tree.entry(batch.txn, ino)
    real = batch.store.real.get(batch.txn, ino)
    digest = found.content.hash if found.content else NO_DIGEST
    if entry is not None and _agrees(entry.version, real, found):
        vector = real.vector if real else entry.version.vector
        _record_real(batch, ino, RealRow(found.fingerprint, digest, vector), announce=real is None)
        return
    content = (found.kind, digest, found.target)
    done = carried_out(entry.version, real, found.fingerprint, content) if entry else None
    if done is not None:
        _record_real(batch, ino, done, announce=True)
        return
    local = _local_version(batch, entry, real, found)
    if entry is not None and _hides_ours(batch, entry.version, real, local):
        name_anew(batch, entry, entry.version)
    winner = merge(local, entry.version) if entry is not None else local
    lost = [loser for loser in conflicts(winner) if batch.is_ours(loser.author)]
    if any(loser.content == local.content for loser in lost):
        set_aside(batch, found.path, local)
        batch.store.real.delete(batch.txn, ino)
    elif winner.content == local.content:
        _note_edit(batch, ino, real, digest)
        # If only the vector was joined with the peer's, this is current all the same.
        _record_real(batch, ino, RealRow(found.fingerprint, digest, winner.vector), announce=False)
    else:
        _replaced_knowingly(batch, ino, real, found, local)
    if found.content and found.content.blocks:
        batch.store.blocks.put(batch.txn, found.content.hash, found.content.blocks)
    if entry is not None:
        for loser in lost:
            if loser.content != local.content:
                keep_loser(batch, entry, loser)
    batch.put(ino, parent, name, resolved(winner, batch.is_ours))


def _replaced_knowingly(
    batch: Batch, ino: Inode, real: RealRow | None, found: Found, local: Version
) -> None:
    """What there is has replaced that very content: an older file, which the engine takes away. But who
    has just brought it back over what was real here hasn't seen what there is (R2)."""
    if found.kind is Kind.DIRECTORY:
        return
    if real is not None and (real.hash != local.hash or found.kind is Kind.SYMLINK):
        set_aside(batch, found.path, local)
        batch.store.real.delete(batch.txn, ino)
        return
    vector = real.vector if real is not None else ()
    _record_real(batch, ino, RealRow(found.fingerprint, local.hash, vector), announce=False)


def _note_edit(batch: Batch, ino: Inode, real: RealRow | None, digest: Digest) -> None:
    """What the file was is nowhere else, perhaps (see `successors`)."""
    if real is not None and real.hash and digest and real.hash != digest:
        batch.edited[real.hash] = ino


def _hides_ours(batch: Batch, current: Version, real: RealRow | None, local: Version) -> bool:
    """Whether what was found was made without having seen our own latest change there, as of an unreal
    file that was touched while it was made real to be written to. Two changes of one author can't be
    told from each other as concurrent: the former would be taken to be replaced, with its content."""
    if current.author != batch.author or not current.has_content:
        return False
    seen = dict(real.vector) if real is not None else {}
    was = real.hash if real is not None else NO_DIGEST
    return (
        seen.get(current.author, 0) < dict(current.vector).get(current.author, 0)
        and current.hash != was
        and current.content != local.content
    )


def _agrees(current: Version, real: RealRow | None, found: Found) -> bool:
    """Whether the native thing is what the index says it is: no new version then."""
    if found.kind is Kind.DIRECTORY:
        return _directory_agrees(current, real, found)
    digest = found.content.hash if found.content else NO_DIGEST
    if real is not None:  # compared with what it was when indexed, not with a newer version
        same_stat = (real.fingerprint.mode, real.fingerprint.mtime_ns) == (
            found.fingerprint.mode,
            found.fingerprint.mtime_ns,
        )
        same_target = real.vector != current.vector or current.target == found.target
        return same_stat and real.hash == digest and same_target
    return (
        not current.deleted
        and current.kind is found.kind
        and (current.hash, current.target) == (digest, found.target)
        and (found.kind is Kind.SYMLINK or current.mode == found.fingerprint.mode & SYNCED_MODE)
        and current.mtime_ns == found.fingerprint.mtime_ns
    )


def _directory_agrees(current: Version, real: RealRow | None, found: Found) -> bool:
    """Its mode is all there is to a directory. If a peer has deleted or replaced it meanwhile,
    the one that was indexed is on its way out; one made again since then is a new fact."""
    live = not current.deleted and current.kind is Kind.DIRECTORY
    if real is None:
        mode = found.fingerprint.mode & SYNCED_MODE
        return live and mode in (current.mode, current.mode | OURS_TO_WRITE)
    same = real.fingerprint.ino == found.fingerprint.ino
    return (live or same) and real.fingerprint.mode == found.fingerprint.mode


def _local_version(
    batch: Batch, entry: Entry | None, real: RealRow | None, found: Found
) -> Version:
    """The native thing as a version made here, on top of what it was indexed as."""
    current = entry.version if entry else None
    fresh = Version(
        kind=found.kind,
        hash=found.content.hash if found.content else NO_DIGEST,
        block_root=found.content.block_root if found.content else NO_DIGEST,
        size=found.fingerprint.size if found.kind is Kind.FILE else len(found.target),
        mtime_ns=found.fingerprint.mtime_ns,
        mode=found.fingerprint.mode & SYNCED_MODE if found.kind is not Kind.SYMLINK else 0o777,
        target=found.target,
    )
    if current is None:
        return changed(fresh, batch.dot)
    if current.content == fresh.content or current.deleted or (real is None and not current.vector):
        return changed(fresh, batch.dot, current)
    if real is None:  # it appeared beside a peer's version, unseen: they are concurrent
        return changed_since(fresh, batch.dot, (), current, Version(found.kind))
    return changed_since(fresh, batch.dot, real.vector, current, _as_indexed(current, real))


def _as_indexed(current: Version, real: RealRow) -> Version:
    """What is known of the version that the native file was."""
    if real.vector == current.vector:
        return current
    return Version(Kind.FILE if real.hash else current.kind, hash=real.hash)


def _record_real(batch: Batch, ino: Inode, row: RealRow, *, announce: bool) -> None:
    if batch.store.real.get(batch.txn, ino) != row:
        batch.store.real.put(batch.txn, ino, row)
        batch.store.dirty.mark(batch.txn, ino)
    if announce:
        batch.held_changed(ino)


def _record_mark(batch: Batch, ino: Inode, found: Found, *, appeared: bool) -> None:
    """A mark set on the native file by another program counts (DESIGN 3.3).

    A thing that has just become real doesn't have its xattr yet: the table gives it.
    """
    known = batch.store.marks.get(batch.txn, ino)
    if not found.marks_readable or known is found.mark:
        return
    if appeared and found.mark is None and known is not None:
        batch.store.root.setxattr(found.path, MARK_XATTR, known.value.encode())
        batch.touched.add(found.path)
    else:
        set_mark(batch, ino, found.mark)


def set_mark(batch: Batch, ino: Inode, mark: Mark | None) -> None:
    """Change the mark of an inode; whatever inherits it is looked at again, page by page."""
    batch.store.marks.set(batch.txn, ino, mark)
    batch.store.dirty.mark(batch.txn, ino)
    batch.store.dirty.mark_subtree(batch.txn, ino)
