"""Local changes of entries that have no native file: recorded, no byte moved (DESIGN 3.2).

And the renames of real files, which the mount does natively first.
"""

import stat
from dataclasses import replace

from realizefs.core.merge import changed, deleted
from realizefs.model import paths
from realizefs.model.entries import Entry, Fingerprint, RealRow
from realizefs.model.errors import NotFound
from realizefs.model.ids import NO_DIGEST, Inode
from realizefs.model.versions import SYNCED_MODE, Kind, Version
from realizefs.store.fingerprint import NEVER_INDEXED, same_but_renamed
from realizefs.store.tree import Tree
from realizefs.store.txn import Txn
from realizefs.sync.aside import free_conflict_name, keep_above
from realizefs.sync.batch import Batch

_ASIDE = b"/"
"""Before a name, for a moment within a transaction: no name has it."""


def record_removal(
    batch: Batch, ino: Inode, seen: Version, now_ns: int, *, native: bool = False
) -> bool:
    """The user deleted this entry when it was `seen`: a tombstone; what we hold of it may go.

    False if a peer has edited it meanwhile: a delete loses against that (DESIGN 5.1). And where the
    `native` file that was deleted is another than the entry: one that had just appeared beside it,
    or an older one.
    """
    entry = _entry(batch, ino)
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
        grave = deleted(entry.version, batch.author, now_ns)
        batch.put(ino, entry.parent, entry.name, grave)
    return True


def record_replacement(batch: Batch, replaced: Inode, ino: Inode) -> bool:
    """What isn't indexed yet has taken the name of an entry: the name goes on as inode `ino`.

    The version stays until the scanner has seen what is there now: an edit of it.
    """
    entry, store, txn = _entry(batch, replaced), batch.store, batch.txn
    real = store.real.get(txn, replaced)
    below = list(store.tree.children(txn, replaced))
    store.tree.put(txn, ino, entry.parent, entry.name, entry.version)
    for child in below:
        store.tree.move(txn, child.ino, ino, child.name)
    store.forget(txn, replaced)
    vector = real.vector if real is not None else entry.version.vector
    store.real.put(txn, ino, RealRow(NEVER_INDEXED, NO_DIGEST, vector))
    batch.indexed[ino] = (entry.parent, entry.name)
    return True


def record_metadata(batch: Batch, ino: Inode, mode: int | None, mtime_ns: int | None) -> None:
    """Other permissions or another mtime: a new version with the same content."""
    entry = _entry(batch, ino)
    was = entry.version
    version = replace(
        was,
        mode=was.mode if mode is None else mode & SYNCED_MODE,
        mtime_ns=was.mtime_ns if mtime_ns is None else mtime_ns,
    )
    if version != was:
        batch.put(ino, entry.parent, entry.name, changed(version, batch.author, was))


def record_move(
    batch: Batch,
    ino: Inode,
    parent: Inode,
    name: bytes,
    now_ns: int,
    replaced: Version | None = None,
) -> bool:
    """An entry and all below it go to another place; they keep their inodes and marks.

    The old names get tombstones (with new inodes), so that peers without our history of it
    learn that they are gone. A replaced entry makes room; the new version has seen it.

    False if a peer has deleted or changed it meanwhile, unseen: what is real under the new name is
    a new file, which the scanner finds, and not what that peer thought of; an edit of what the user
    saw there, `replaced`. And so if it was what is replaced that a peer has changed: then the
    scanner finds an edit of what the user saw there, or both live, and what has no native file that
    could be found is the one that gets another name.
    """
    entry = _entry(batch, ino)
    if _stays(batch, entry):
        if replaced is not None:
            _is_edited(batch, parent, name, replaced)
        return False
    if entry.version.deleted:
        return False
    unseen = _unseen(batch, ino, parent, name)
    if unseen is not None and batch.store.real.has(batch.txn, ino):
        batch.store.real.delete(batch.txn, ino)
        batch.put(ino, entry.parent, entry.name, deleted(entry.version, batch.author, now_ns))
        return False
    if unseen is not None:
        batch.store.real.delete(batch.txn, unseen)
        batch.held_changed(unseen)
        name = free_conflict_name(batch, parent, name, entry.version)
    _rename(batch, entry, parent, name, now_ns)
    return unseen is None


def _rename(batch: Batch, entry: Entry, parent: Inode, name: bytes, now_ns: int) -> None:
    ino = entry.ino
    over = _vacate(batch, parent, name, ino)
    place = entry.parent, entry.name
    batch.store.tree.move(batch.txn, ino, parent, name)
    version = _version(batch, over)
    batch.put(ino, parent, name, _moved(batch, entry, version))
    _bury(batch, ino, entry, place, over, now_ns)


def _stays(batch: Batch, entry: Entry) -> bool:
    """Whether the file that moved was another than the version, which keeps the name that it has."""
    real = batch.store.real.get(batch.txn, entry.ino)
    if real is None or not (entry.version.deleted or is_older(real, entry.version)):
        return False
    batch.store.real.delete(batch.txn, entry.ino)
    batch.held_changed(entry.ino)
    return True


def _is_edited(batch: Batch, parent: Inode, name: bytes, seen: Version) -> None:
    """What is native at this name by now is an edit of the unreal file that its user saw there, as
    the scanner will find; of one that a peer has changed since then it isn't: both live."""
    there = batch.store.tree.lookup(batch.txn, parent, name)
    if there is None or there.deleted or there.kind is Kind.DIRECTORY:
        return
    if batch.store.real.has(batch.txn, there.ino):
        return  # compared with what was indexed of it
    if _entry(batch, there.ino).version.content == seen.content:
        batch.store.real.put(batch.txn, there.ino, RealRow(NEVER_INDEXED, NO_DIGEST, seen.vector))


def _unseen(batch: Batch, ino: Inode, parent: Inode, name: bytes) -> Inode | None:
    """The entry at a name whose native file, which is replaced there, was another than its version."""
    there = batch.store.tree.lookup(batch.txn, parent, name)
    if there is None or there.deleted or there.ino == ino:
        return None
    real = batch.store.real.get(batch.txn, there.ino)
    older = real is not None and is_older(real, _entry(batch, there.ino).version)
    return there.ino if older else None


def _bury(
    batch: Batch,
    ino: Inode,
    was: Entry,
    place: tuple[Inode, bytes],
    over: Inode | None,
    now_ns: int,
) -> None:
    """Tombstones for the old names of what moved, `over` something else that goes for good. Depth
    bounded by PATH_BYTES_MAX.

    Peers hear of a new name before the old one is gone, and of what was in a directory before
    the directory: then they take what they have of it along (see `renames`).
    """
    grave = batch.store.inodes.allocate()
    left = batch.put(grave, *place, deleted(was.version, batch.author, now_ns))
    if was.version.kind is Kind.DIRECTORY:
        _move_children(batch, ino, grave, over, now_ns)
        batch.store.tree.touch(batch.txn, grave)
    else:
        _leave_children(batch, ino, grave)
    if over is not None:
        _inherit(batch, over, ino)
    if not left.version.deleted:
        keep_above(batch, place[0])  # what lost that name to what moved has it again


def record_exchange(batch: Batch, one: Inode, other: Inode, now_ns: int) -> bool:
    """Two entries have exchanged their names, and the kernel their inodes. Always True."""
    first, second = _entry(batch, one), _entry(batch, other)
    if any(any(batch.store.tree.children(batch.txn, ino)) for ino in (one, other)):
        _exchange_trees(batch, first, second, now_ns)
        return True
    batch.store.tree.move(batch.txn, one, second.parent, second.name)
    batch.store.tree.move(batch.txn, other, first.parent, first.name)
    batch.put(one, second.parent, second.name, _moved(batch, first, second.version))
    batch.put(other, first.parent, first.name, _moved(batch, second, first.version))
    return True


def _exchange_trees(batch: Batch, first: Entry, second: Entry, now_ns: int) -> None:
    """Three moves, by way of a name that is nobody's. What is below changes its path twice, so that
    each name goes on with what was known of it."""
    (old, name), (new, new_name) = (first.parent, first.name), (second.parent, second.name)
    tree, txn = batch.store.tree, batch.txn
    between = _ASIDE + _ASIDE + name
    _rename(batch, first, old, between, now_ns)
    passing = tree.path(txn, first.ino) or b""
    _rename(batch, second, old, name, now_ns)
    _rename(batch, _entry(batch, first.ino), new, new_name, now_ns)
    grave = tree.lookup(txn, old, between)
    if grave is not None:
        _forget_all(batch, grave.ino)  # no peer hears of it
    path = tree.path(txn, first.ino) or b""
    for touched in [one for one in batch.touched if paths.is_within(one, passing)]:
        batch.touched.remove(touched)
        batch.touched.add(path + touched[len(passing) :])
    for ino in (first.ino, second.ino):
        if any(not child.deleted for child in tree.children(txn, ino)):
            keep_above(batch, ino)  # a file, and a peer has put something below what it replaced


def _forget_all(batch: Batch, ino: Inode) -> None:
    """An entry and all below it. Depth bounded by PATH_BYTES_MAX."""
    for child in list(batch.store.tree.children(batch.txn, ino)):
        _forget_all(batch, child.ino)
    batch.store.forget(batch.txn, ino)


def _vacate(batch: Batch, parent: Inode, name: bytes, ino: Inode) -> Inode | None:
    """Make room at the target name: what was there, tombstone or live, if anything. It is under a
    name that nothing can have until `_inherit` is done with it."""
    dirent = batch.store.tree.lookup(batch.txn, parent, name)
    if dirent is None or dirent.ino == ino:
        return None
    batch.store.tree.move(batch.txn, dirent.ino, parent, _ASIDE + name)
    return dirent.ino


def _version(batch: Batch, over: Inode | None) -> Version | None:
    return _entry(batch, over).version if over is not None else None


def _inherit(batch: Batch, over: Inode, ino: Inode) -> None:
    """What was deleted in what `ino` has replaced stays known as deleted in there."""
    for child in list(batch.store.tree.children(batch.txn, over)):
        batch.store.tree.move(batch.txn, child.ino, ino, child.name)
    batch.store.forget(batch.txn, over)


def _moved(batch: Batch, entry: Entry, over: Version | None) -> Version:
    """The version at the new place; its real file, if any, is this version from now on.

    Nobody has said yet that it holds anything at that place (R1): what others held at the old
    one they may be about to throw away.
    """
    batch.store.holders.forget(batch.txn, entry.ino)
    # Counters are those of a place: what was seen of the old one says nothing about the new one.
    version = changed(entry.version, batch.author, over)
    real = batch.store.real.get(batch.txn, entry.ino)
    if real is not None:
        current = real.vector == entry.version.vector
        vector = version.vector if current else ()
        batch.store.real.put(batch.txn, entry.ino, replace(real, vector=vector))
    return version


def _move_children(
    batch: Batch, directory: Inode, grave: Inode, over: Inode | None, now_ns: int
) -> None:
    """Below a moved directory every path is another one, where something else may have been."""
    for child in list(batch.store.tree.children(batch.txn, directory)):
        entry = _entry(batch, child.ino)
        unseen = _stays(batch, entry)
        if child.deleted or unseen:
            batch.store.tree.move(batch.txn, child.ino, grave, child.name)
            if not child.deleted:
                keep_above(batch, grave)
            if unseen:  # the native file has come along, and is a new one
                above = batch.store.tree.path(batch.txn, directory) or b""
                batch.touched.add(paths.join(above, child.name))
            continue
        there = batch.store.tree.lookup(batch.txn, over, child.name) if over is not None else None
        below = there.ino if there is not None else None
        version = _moved(batch, entry, _version(batch, below))
        batch.put(child.ino, directory, child.name, version)
        _bury(batch, child.ino, entry, (grave, child.name), below, now_ns)


def _leave_children(batch: Batch, file: Inode, grave: Inode) -> None:
    """What is known to have been deleted where a file is stays known there when the file goes."""
    for child in list(batch.store.tree.children(batch.txn, file)):
        batch.store.tree.move(batch.txn, child.ino, grave, child.name)
        if not child.deleted:
            keep_above(batch, grave)


def is_older(real: RealRow, version: Version) -> bool:
    """Whether the file that was real here was another than the current version."""
    if stat.S_ISDIR(real.fingerprint.mode) != (version.kind is Kind.DIRECTORY):
        return True
    if real.vector == version.vector:
        return False  # a file that was made of this version to be written has no hash yet
    return version.kind is Kind.SYMLINK or real.hash != version.hash


def count_below(tree: Tree, txn: Txn, ino: Inode) -> int:
    """How many live entries are at and below an inode: the inodes that a move needs."""
    total = 1
    for child in tree.children(txn, ino):
        if not child.deleted:
            total += count_below(tree, txn, child.ino) if child.kind is Kind.DIRECTORY else 1
    return total


def follow_ctime(batch: Batch, ino: Inode, before: Fingerprint, after: Fingerprint) -> None:
    """A change of ours touched nothing but ctime: the indexed fingerprint follows it."""
    real = batch.store.real.get(batch.txn, ino)
    if real is not None and real.fingerprint == before and same_but_renamed(before, after):
        batch.store.real.put(batch.txn, ino, replace(real, fingerprint=after))


def _entry(batch: Batch, ino: Inode) -> Entry:
    entry = batch.store.tree.entry(batch.txn, ino)
    if entry is None:
        raise NotFound("It was removed meanwhile.")
    return entry
