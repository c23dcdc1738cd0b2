"""What loses its name and must not be lost: conflict copies, and directories that come back (R2).

Runs in a transaction in a worker thread, which may run twice. A conflict copy gets its name before
the commit that says why. If a crash or a full disk keeps that from happening, the scan finds one name
gone and an unknown copy beside it, puts the file back (`was_set_aside`), and the conflict is met
anew: nobody deleted anything (R8).
"""

import errno
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

from realizefs.core.merge import added, changed, conflicts, resolved
from realizefs.model import paths
from realizefs.model.entries import Entry, RealRow
from realizefs.model.ids import Inode
from realizefs.model.versions import Kind, Version
from realizefs.store.openat import RENAME_NOREPLACE
from realizefs.sync.batch import Batch

MTIME_FUTURE_NS = 2**63 - 1

PLACEHOLDER = Version(Kind.DIRECTORY, mode=0o755)
"""A directory that must exist because something is in it; its own row dominates this."""


def keep_above(batch: Batch, directory: Inode) -> None:
    """Something alive is in here: so are this directory and those above it."""
    at = directory
    while at != batch.store.tree.root and at not in batch.alive:
        entry = batch.store.tree.entry(batch.txn, at)
        assert entry is not None, "a parent always has its entry"
        was = entry.version
        if not was.deleted and was.kind is Kind.DIRECTORY:
            batch.alive.add(at)
            return  # and then those above it are, too
        if not was.deleted and batch.is_ours(was.author):  # the directory keeps the name
            keep_loser(batch, entry, was)
        again = added(replace(PLACEHOLDER, mtime_ns=was.mtime_ns), batch.dot, was)
        batch.put(at, entry.parent, entry.name, resolved(again, batch.is_ours))
        at = entry.parent


def settled(batch: Batch, entry: Entry, version: Version) -> Version:
    """What becomes of an entry that is `version` now: the content of ours that lost its name there
    has another one, and the peers hear that it needs this one no longer."""
    for loser in conflicts(version):
        if batch.is_ours(loser.author):
            keep_loser(batch, entry, loser)
    return resolved(version, batch.is_ours)


def keep_loser(batch: Batch, entry: Entry, loser: Version) -> None:
    """A version of ours that lost gets another name: its file if that is here, else its entry, and
    whoever has the file follows (`renames`)."""
    real = batch.store.real.get(batch.txn, entry.ino)
    path = batch.store.tree.path(batch.txn, entry.ino)
    assert path is not None, "an entry that is merged has a path"
    if real is None or not _is_of(real, loser):
        name_anew(batch, entry, loser)
    elif set_aside(batch, path, loser) is None:  # its user has just taken it elsewhere
        copy = name_anew(batch, entry, loser)
        if copy is not None:
            batch.named[copy.ino] = entry.ino
    else:
        batch.store.real.delete(batch.txn, entry.ino)


def _is_of(real: RealRow, version: Version) -> bool:
    links = stat.S_ISLNK(real.fingerprint.mode)
    return real.hash == version.hash and links == (version.kind is Kind.SYMLINK)


def name_anew(batch: Batch, entry: Entry, loser: Version) -> Entry | None:
    """An entry for a content that isn't a real file here, or not where it was; None if there is one
    already. Peers hear of it before they hear that the old name lost it."""
    store, txn = batch.store, batch.txn
    for name in _conflict_names(batch, entry.name, loser):
        there = store.tree.lookup(txn, entry.parent, name)
        if there is None:
            copy = batch.add(store.inodes.allocate(), entry.parent, name, changed(loser, batch.dot))
            if copy.version.size:
                store.sought.note(txn, copy.ino, copy.version.hash)
                batch.seeks = True
            return copy
        known = store.tree.entry(txn, there.ino)
        if known is not None and known.version.content == loser.content:
            return None  # it has that name already
    raise AssertionError("the names end with an error")


def free_conflict_name(batch: Batch, parent: Inode, name: bytes, version: Version) -> bytes:
    """What a version that can't have `name` is called in the same directory; nothing has that."""
    above = batch.store.tree.path(batch.txn, parent) or b""
    return next(
        copy
        for copy in _conflict_names(batch, name, version)
        if batch.store.tree.lookup(batch.txn, parent, copy) is None
        and batch.store.root.fingerprint_if_any(paths.join(above, copy)) is None
    )


def _conflict_names(batch: Batch, name: bytes, loser: Version) -> Iterator[bytes]:
    seconds = min(max(loser.mtime_ns, 0), MTIME_FUTURE_NS) // 10**9
    when = datetime.fromtimestamp(min(seconds, 253402300799), UTC).strftime("%Y-%m-%d %H.%M.%S")
    for attempt in range(100):
        date = when if not attempt else f"{when} {attempt}"
        yield paths.conflict_name(name, batch.me_name, date)
    raise OSError(errno.EEXIST, "too many conflict copies", paths.show(name))


def set_aside(batch: Batch, path: bytes, loser: Version) -> bytes | None:
    """Rename the native file of a version that lost to `NAME (conflict PEER DATE).EXT`.

    The new name is found by the scanner as a new file. None if there is nothing to rename.
    """
    parent, name = paths.split(path)
    for copy_name in _conflict_names(batch, name, loser):
        copy = paths.join(parent, copy_name)
        there = batch.store.tree.entry_at(batch.txn, copy)
        if there is not None and not there.version.deleted:
            continue  # an earlier copy, of the same second, that isn't here
        try:
            batch.store.root.rename(path, copy, RENAME_NOREPLACE)
            batch.store.root.sync_directory(parent)
        except FileExistsError:
            continue
        except FileNotFoundError:
            return None
        batch.touched.add(copy)
        return copy
    return None


def was_set_aside(batch: Batch, copy: bytes, gone: Iterable[bytes]) -> bool:
    """Whether what was found at `copy` was set aside without a commit; it is put back then.

    `gone` are the paths where nothing is any more. After a commit nothing was real at the old name.
    """
    path = _original(batch, copy, gone)
    if path is None:
        return False
    store, txn = batch.store, batch.txn
    old = store.tree.entry_at(txn, path)
    if old is None or old.version.deleted or store.real.get(txn, old.ino) is None:
        return False
    if store.tree.entry_at(txn, copy) is not None:
        return False
    with suppress(FileExistsError, FileNotFoundError):  # made anew, or put back when this ran first
        store.root.rename(copy, path, RENAME_NOREPLACE)
        store.root.sync_directory(paths.split(path)[0])
    batch.touched |= {path, copy}
    return True


def _original(batch: Batch, copy: bytes, gone: Iterable[bytes]) -> bytes | None:
    """That one of `gone` which `copy` is called a conflict copy of; names may have been cut."""
    parent, name = paths.split(copy)
    date = paths.conflict_date(name, batch.me_name)
    for path in gone if date else ():
        above, original = paths.split(path)
        if above == parent and paths.conflict_name(original, batch.me_name, date) == name:
            return path
    return None
