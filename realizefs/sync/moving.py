"""Entries that go to other places, their real files natively before that (DESIGN 3.2): recorded.

They keep their inodes and marks. Each name goes on with what was known of it: counters are those of
a place, and what was deleted there stays known there.
"""

from collections.abc import Collection
from dataclasses import replace

from realizefs.core.merge import added, changed, deleted
from realizefs.core.telling import Note
from realizefs.model import paths
from realizefs.model.entries import Entry, RealRow
from realizefs.model.ids import NO_DIGEST, Inode
from realizefs.model.journal import What
from realizefs.model.versions import Kind, Version
from realizefs.store.fingerprint import NEVER_INDEXED
from realizefs.store.tree import Tree
from realizefs.store.txn import Txn
from realizefs.sync.aside import free_conflict_name, keep_above, name_anew, settled
from realizefs.sync.batch import Batch
from realizefs.sync.local import entry_of, is_older
from realizefs.sync.pending import Place

_ASIDE = b"/"
"""Before a name, for a moment within a transaction: no name has it."""


def record_move(
    batch: Batch,
    ino: Inode,
    place: Place,
    now_ns: int,
    replaced: Version | None = None,
    *,
    beside: bool = False,
    over_unseen: bool = False,
) -> bool:
    """An entry and all below it go to another place; they keep their inodes and marks.

    The old names get tombstones (with new inodes), so that peers without our history of it
    learn that they are gone. A replaced entry makes room; the new version has seen it.

    False if a peer has deleted or changed it meanwhile, unseen, or has just made it where the native
    file had appeared that was moved, `beside`: what is real under the new name is a new file, which
    the scanner finds, and not what that peer thought of; an edit of what the user saw there,
    `replaced`. And so if it was what is replaced that a peer has changed, or just made where a native
    file had appeared (`over_unseen`): then the scanner finds an edit of what the user saw there, or
    both live, and what has no native file that could be found is the one that gets another name.
    """
    entry = entry_of(batch, ino)
    if place == (entry.parent, entry.name):
        return True  # else its own tombstone would take its place
    if _stays(batch, entry, beside=beside):
        if replaced is not None:
            _is_edited(batch, place, replaced)
        return False
    if entry.version.deleted:
        return False
    unseen = _unseen(batch, ino, place, over_unseen=over_unseen)
    if unseen is not None and batch.store.real.has(batch.txn, ino):
        batch.store.real.delete(batch.txn, ino)
        batch.put(ino, entry.parent, entry.name, deleted(entry.version, batch.dot, now_ns))
        return False
    if unseen is not None:
        batch.store.real.delete(batch.txn, unseen)
        batch.held_changed(unseen)
        place = place[0], free_conflict_name(batch, *place, entry.version)
    _rename(batch, entry, *place, now_ns)
    _note_renamed(batch, entry, place)
    return unseen is None


def _note_renamed(batch: Batch, was: Entry, place: Place) -> None:
    """For the journal; the versions say that one name came and another one went."""
    version = replace(was.version, author=batch.author, mtime_ns=0)
    note = Note(What.RENAMED, was.ino, place, version, was=(was.parent, was.name))
    batch.happened.append(note)


def _rename(
    batch: Batch, entry: Entry, parent: Inode, name: bytes, now_ns: int, *, beside: bool = False
) -> None:
    """To replace what is there, or `beside` it: then that keeps its own content."""
    ino = entry.ino
    over = _vacate(batch, parent, name, ino)
    place = entry.parent, entry.name
    batch.store.tree.move(batch.txn, ino, parent, name)
    _put(batch, entry, (parent, name), over, beside=beside)
    _bury(batch, ino, entry, place, over, now_ns)


def _put(
    batch: Batch, entry: Entry, place: Place, over: Inode | None, *, beside: bool = False
) -> None:
    """The entry's version at a new place, and what becomes of it where it is beside another one."""
    there = entry_of(batch, over) if over is not None else None
    if not beside or there is None or there.version.deleted:
        batch.put(entry.ino, *place, _moved(batch, entry, there.version if there else None))
        return
    put = batch.put(entry.ino, *place, _moved_beside(batch, entry, there))
    left = settled(batch, put, put.version)
    if left != put.version:
        batch.put(entry.ino, *place, left)


def _stays(batch: Batch, entry: Entry, *, beside: bool = False) -> bool:
    """Whether the file that moved was another than the version, which keeps the name that it has."""
    real = batch.store.real.get(batch.txn, entry.ino)
    if real is None and beside:
        return True
    if real is None or not (entry.version.deleted or is_older(real, entry.version)):
        return False
    batch.store.real.delete(batch.txn, entry.ino)
    batch.held_changed(entry.ino)
    return True


def _is_edited(batch: Batch, place: Place, seen: Version) -> None:
    """What is native at this name by now is an edit of the unreal file that its user saw there, as
    the scanner will find; of one that a peer has changed since then it isn't: both live."""
    there = batch.store.tree.lookup(batch.txn, *place)
    if there is None or there.deleted or there.kind is Kind.DIRECTORY:
        return
    if batch.store.real.has(batch.txn, there.ino):
        return  # compared with what was indexed of it
    if entry_of(batch, there.ino).version.content == seen.content:
        batch.store.real.put(batch.txn, there.ino, RealRow(NEVER_INDEXED, NO_DIGEST, seen.vector))


def _unseen(batch: Batch, ino: Inode, place: Place, *, over_unseen: bool) -> Inode | None:
    """The entry at a name whose native file, which is replaced there, was another than its version."""
    there = batch.store.tree.lookup(batch.txn, *place)
    if there is None or there.deleted or there.ino == ino:
        return None
    real = batch.store.real.get(batch.txn, there.ino)
    if real is None:
        return there.ino if over_unseen else None
    return there.ino if is_older(real, entry_of(batch, there.ino).version) else None


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
    left = batch.put(grave, *place, deleted(was.version, batch.dot, now_ns))
    if was.version.kind is Kind.DIRECTORY:
        _move_children(batch, ino, grave, over, now_ns)
        batch.store.tree.touch(batch.txn, grave)
    else:
        _leave_children(batch, ino, grave)
    if over is not None:
        _inherit(batch, over, ino)
    if not left.version.deleted:
        keep_above(batch, place[0])  # what lost that name to what moved has it again


def record_exchange(
    batch: Batch, one: Inode, other: Inode, now_ns: int, beside: Collection[Inode] = ()
) -> bool:
    """Two entries have exchanged their names, and the kernel their inodes.

    False if a peer has deleted or changed one meanwhile, unseen, or has just made it `beside` the
    native file that moved. That keeps its name: the other goes there beside it, and the scanner finds
    a new file where that was.
    """
    first, second = entry_of(batch, one), entry_of(batch, other)
    moves = [
        entry
        for entry in (first, second)
        if not _stays(batch, entry, beside=entry.ino in beside) and not entry.version.deleted
    ]
    if len(moves) < 2:
        for entry in (first, second):
            batch.touched.add(batch.store.tree.path(batch.txn, entry.ino) or b"")
        for entry in moves:
            to = second if entry is first else first
            _rename(batch, entry, to.parent, to.name, now_ns, beside=True)
        return False
    _note_renamed(batch, first, (second.parent, second.name))
    _note_renamed(batch, second, (first.parent, first.name))
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
    between = _ASIDE + _ASIDE + name  # `_rename` needs the other
    _rename(batch, first, old, between, now_ns)
    passing = tree.path(txn, first.ino) or b""
    _rename(batch, second, old, name, now_ns)
    _rename(batch, entry_of(batch, first.ino), new, new_name, now_ns)
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
    # Counters are those of a place: what was seen of the old one says nothing about the new one.
    return _at_new_place(batch, entry, changed(entry.version, batch.dot, over))


def _moved_beside(batch: Batch, entry: Entry, there: Entry) -> Version:
    """The same where something lives that keeps its own content, under another name if need be."""
    if batch.is_ours(there.version.author) and there.version.content != entry.version.content:
        name_anew(batch, there, there.version)
    return _at_new_place(batch, entry, added(entry.version, batch.dot, there.version))


def _at_new_place(batch: Batch, entry: Entry, version: Version) -> Version:
    batch.store.holders.forget(batch.txn, entry.ino)
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
        entry = entry_of(batch, child.ino)
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
        # Nobody saw what lives there, when he changed what it is in.
        _put(batch, entry, (directory, child.name), below, beside=True)
        _bury(batch, child.ino, entry, (grave, child.name), below, now_ns)


def _leave_children(batch: Batch, file: Inode, grave: Inode) -> None:
    """What is known to have been deleted where a file is stays known there when the file goes."""
    for child in list(batch.store.tree.children(batch.txn, file)):
        batch.store.tree.move(batch.txn, child.ino, grave, child.name)
        if not child.deleted:
            keep_above(batch, grave)


def count_below(tree: Tree, txn: Txn, ino: Inode) -> int:
    """How many live entries are at and below an inode: the inodes that a move needs."""
    total = 1
    for child in tree.children(txn, ino):
        if not child.deleted:
            total += count_below(tree, txn, child.ino) if child.kind is Kind.DIRECTORY else 1
    return total
