"""What is seen natively while an action changes it is our doing, and no user's edit (R2, R8).

Between an action's native step and its commit the root and the index differ by what we did. Who
recorded that as an edit would make a conflict copy as soon as the peer's next version is there;
who recorded it as a deletion would tell it to the peers.

The argument: an action has its inode in hand from before its native step until after its commit.
What was seen is recorded in a transaction that begins later. If the inode is in hand then, it is
looked at again. If it isn't, either the action's commit came before, and what was seen before its
last native step isn't there any more; or it begins its native step only now, and what was seen
was there before it.

After a crash between the two nothing is in hand. That we took a file out of the root is known then
by its decision to unrealize it, so that decision isn't dropped before it is looked at (`note_left`);
what was decided since then says nothing (`to_leave`).
And a file whose row came first, as it is made to be truncated, may never have come (ABOUT_TO_BE_MADE).
"""

import stat
from dataclasses import replace

from realizefs.model.changes import Change, ChangeKind
from realizefs.model.entries import Dirent, Entry, Fingerprint, RealRow
from realizefs.model.ids import NO_DIGEST, Inode
from realizefs.model.paths import is_within
from realizefs.model.versions import SYNCED_MODE, Kind
from realizefs.sync.batch import Batch

OURS_TO_WRITE = stat.S_IRWXU
"""What the mode of a directory has besides that of its version where we made it for what is in it:
nobody changed that, and peers don't hear of it."""

_NEVER = 0
"""The ctime in the row of a directory that we have just made: the scanner finds another one."""

ABOUT_TO_BE_MADE = Fingerprint(0, 1, 0, 0, 0, 0)
"""In the row of a file that we make next. Where there is none it couldn't be made, or a crash came
before it: nobody deleted it."""


def has_changed(batch: Batch, path: bytes, seen: Fingerprint) -> bool:
    """Whether something else is at `path` by now."""
    return batch.store.root.fingerprint_if_any(path) != seen


def may_be_ours(batch: Batch, ino: Inode, path: bytes, seen: tuple[Kind, Fingerprint]) -> bool:
    """Whether what was seen of this entry is to be looked at again before it is recorded."""
    if ino in batch.in_hand:
        return True
    kind, fingerprint = seen
    now = batch.store.root.fingerprint_if_any(path)
    if kind is not Kind.DIRECTORY or now is None:
        return now != fingerprint
    # Its mode is all there is to a directory; its times change with what is in it.
    return (now.dev, now.ino, now.mode) != (fingerprint.dev, fingerprint.ino, fingerprint.mode)


def ours_below(batch: Batch, path: bytes) -> set[bytes]:
    """Paths in hand at and below `path`: what is gone there may be what we took away."""
    held = {batch.store.tree.path(batch.txn, ino) or b"" for ino in batch.in_hand}
    return {one for one in held if one and is_within(one, path)}


def note_left(batch: Batch, ino: Inode) -> bool:
    """An Unrealize is no longer wanted. If its file isn't in the root, a crash came between its
    native step and its commit: it left by our doing. Whether that was so.
    """
    path = batch.store.tree.path(batch.txn, ino)
    if not path or ino in batch.in_hand or ino in batch.to_leave:
        return False
    if batch.store.real.get(batch.txn, ino) is None:
        return False
    if batch.store.root.fingerprint_if_any(path) is not None:
        return False
    batch.store.real.delete(batch.txn, ino)
    batch.held_changed(ino)
    return True


def was_deleted(batch: Batch, parent: Inode, dirent: Dirent | None) -> bool:
    """Whether it, or the directory it is in, is deleted as far as the index knows: then it may have
    been looked at before that, and must not bring the directory back."""
    if dirent is not None and dirent.deleted:
        return True
    if parent in batch.alive or parent == batch.store.tree.root:
        return False
    above = batch.store.tree.entry(batch.txn, parent)
    return above is not None and above.version.deleted


def is_made_anew(batch: Batch, directory: Inode) -> bool:
    """Whether what is natively there is another directory than that of the index, which was deleted
    and is gone from the root, or is none, and something else has taken the place of the file. It is
    recorded before what is in it; else that would bring the deleted one back, or be in a file."""
    if directory in batch.alive or directory == batch.store.tree.root:
        return False
    entry = batch.store.tree.entry(batch.txn, directory)
    if entry is None or (entry.version.kind is Kind.DIRECTORY and not entry.version.deleted):
        return False
    real = batch.store.real.get(batch.txn, directory)
    return real is None or not (entry.version.deleted or stat.S_ISDIR(real.fingerprint.mode))


def record_made(batch: Batch, path: bytes, made: Entry, seen: Fingerprint) -> None:
    """A directory of the index was made natively by us, as it was when it was `made`, and `seen`: which
    version that was is indexed at once, and not only by the scanner. Else a peer may have changed its
    permissions by then, and what is here would pass for a later change of them by a user.

    After a crash before that, where a user has changed it since, or where it has a mark of its own,
    which isn't on the native one yet, it is as if a user had made it.
    """
    store, txn, ino = batch.store, batch.txn, made.ino
    entry = store.tree.entry(txn, ino)
    if entry is None or entry.version.kind is not Kind.DIRECTORY or entry.version.deleted:
        return
    if store.real.has(txn, ino) or store.tree.path(txn, ino) != path:
        return
    if store.marks.get(txn, ino) is not None:
        return
    now = store.root.fingerprint_if_any(path)
    if now is None or not _is_of_version(now, made) or (now.dev, now.ino) != (seen.dev, seen.ino):
        return
    # No fingerprint that it ever has: the scanner comes, and only then it may be found to be empty.
    row = RealRow(replace(now, ctime_ns=_NEVER), NO_DIGEST, made.version.vector)
    store.real.put(txn, ino, row)
    store.tree.touch(txn, ino)
    batch.changes.append(Change(entry.parent, entry.name, ino, ChangeKind.ATTRIBUTES))
    if entry.version.vector != made.version.vector:
        batch.mark_dirty(ino)


def is_as_made(real: RealRow) -> bool:
    """Whether it is the row of such a directory, and the scanner hasn't come to it yet."""
    return stat.S_ISDIR(real.fingerprint.mode) and real.fingerprint.ctime_ns == _NEVER


def _is_of_version(now: Fingerprint, made: Entry) -> bool:
    mode = made.version.mode
    return stat.S_ISDIR(now.mode) and now.mode & SYNCED_MODE in (mode, mode | OURS_TO_WRITE)
