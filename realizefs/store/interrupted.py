"""After a crash in a move between root and cache: what is a user's edit goes back to its place.

A program may save over a file at the very moment in which we move it. `publish` looks at what came
out and puts back what it didn't mean; where a crash keeps it from that, a file lies in tmp/, or passes
for a blob, that nobody has indexed. Back in its place the scan finds an edit as any other, and a
conflict copy comes of it where it must (R2).

Realize: what was swapped out of the root lies in tmp/, where it would be taken for the outdated
file and moved to the trash. Unrealize: it is the file of a blob, whose bytes would pass for verified
ones. All else of an interrupted move is finished, or undone, by `recovery`.
"""

import errno
import os
import stat
import time
from contextlib import suppress

from realizefs.model.blobs import BlobRow
from realizefs.model.decisions import Action
from realizefs.model.entries import Fingerprint
from realizefs.model.errors import Busy
from realizefs.model.paths import show, split
from realizefs.model.versions import Kind, Version
from realizefs.store.arena import ArenaStore
from realizefs.store.fingerprint import fingerprint_of, same_but_renamed
from realizefs.store.lease import NO_OTHERS, NO_WRITERS, is_free
from realizefs.store.openat import RENAME_NOREPLACE, renameat2
from realizefs.store.queues import BlobRows, Step
from realizefs.store.temporary import PREFIX_BYTES
from realizefs.store.txn import Txn

_LOOK = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def recover_arena(store: ArenaStore) -> None:
    """Put right what a crash left of moves and of blobs, before anything else is done in the arena."""
    undo_publications(store)  # what is undone is a blob again
    undo_links(store)
    store.root.state.empty_temp()
    undo_adoptions(store)
    store.blobs.recover()


# -- realize -------------------------------------------------------------------------------------


def undo_publications(store: ArenaStore) -> None:
    """Before tmp/ is emptied."""
    with store.env.read() as txn:
        for row in BlobRows().interrupted(txn, Step.TAKING):
            entry, real = store.tree.entry(txn, row.ino), store.real.get(txn, row.ino)
            path = store.tree.path(txn, row.ino)
            if entry is None or real is None or not path or entry.version.hash != row.hash:
                continue
            published = _published(store, row, path, entry.version)
            edit = _edit(store, path, real.fingerprint) if published else None
            if published is not None and edit is not None:
                # Where it can't go back, the trash has it under its own name.
                with suppress(OSError, Busy):
                    store.root.publish(edit, path, published)


def undo_links(store: ArenaStore) -> None:
    """The same for symlinks, of which no blob's step tells, but the decision to make them real."""
    if not any(len(name) > PREFIX_BYTES for name in os.listdir(store.root.state.tmp_fd)):
        return  # nearly always: only a crash leaves something there
    with store.env.read() as txn:
        for ino, decision in store.decisions.all(txn):
            entry, real = store.tree.entry(txn, ino), store.real.get(txn, ino)
            path = store.tree.path(txn, ino)
            if decision.action is not Action.REALIZE or entry is None or real is None or not path:
                continue
            with suppress(OSError, Busy):  # a program changes it this very moment: to the trash
                link = _link(store, path, entry.version)
                edit = _edit(store, path, real.fingerprint) if link is not None else None
                if edit is not None:
                    store.root.publish(edit, path, link)


def _link(store: ArenaStore, path: bytes, version: Version) -> Fingerprint | None:
    """The fingerprint of the symlink at `path`, if it is that version."""
    found = store.root.fingerprint_if_any(path)
    if version.kind is not Kind.SYMLINK or found is None or not stat.S_ISLNK(found.mode):
        return None
    same = (store.root.readlink(path), found.mtime_ns) == (version.target, version.mtime_ns)
    return found if same else None


def _published(
    store: ArenaStore, row: BlobRow, path: bytes, version: Version
) -> Fingerprint | None:
    """The fingerprint of the blob's file at `path`, if nobody has changed it there."""
    blob, found = store.blobs.moves.files.stat(row.id), store.root.fingerprint_if_any(path)
    if blob is None or found is None or (found.dev, found.ino) != (blob.st_dev, blob.st_ino):
        return None
    return found if (found.size, found.mtime_ns) == (version.size, version.mtime_ns) else None


def _edit(store: ArenaStore, path: bytes, indexed: Fingerprint) -> bytes | None:
    """The name in tmp/ of what came out of `path` and isn't what was indexed there."""
    temp = store.root.state.temp
    edits = [name for name in temp.names_for(split(path)[1]) if _is_edit(temp.fd, name, indexed)]
    return edits[0] if len(edits) == 1 else None


def _is_edit(tmp_fd: int, name: bytes, indexed: Fingerprint) -> bool:
    """Whether it differs, or somebody is just writing to it."""
    found = os.lstat(name, dir_fd=tmp_fd)
    if not stat.S_ISREG(found.st_mode):
        if same_but_renamed(fingerprint_of(found), indexed):
            return False  # the symlink that was to be replaced
        return _is_put_there(tmp_fd, name, found.st_mode)
    if found.st_nlink != 1:
        return False
    if not same_but_renamed(fingerprint_of(found), indexed):
        return True
    fd = os.open(name, _LOOK, dir_fd=tmp_fd)
    try:
        return not is_free(fd, NO_WRITERS, show(name))
    finally:
        os.close(fd)


def _is_put_there(tmp_fd: int, name: bytes, mode: int) -> bool:
    """Whether what is no file came in the file's place: our own directories are empty here."""
    if not stat.S_ISDIR(mode):
        return True
    fd = os.open(name, _LOOK | os.O_DIRECTORY, dir_fd=tmp_fd)
    try:
        return bool(os.listdir(fd))
    finally:
        os.close(fd)


# -- unrealize -----------------------------------------------------------------------------------


def undo_adoptions(store: ArenaStore) -> None:
    """Before `Blobs.recover`, which finishes the others."""
    with store.env.write() as txn:
        for row in BlobRows().interrupted(txn, Step.ADOPTING):
            real = store.real.get(txn, row.ino)
            if real is not None and not _is_it(store, row, real.fingerprint):
                _put_back(txn, store, row, real.fingerprint.mode)


def end_adoption(txn: Txn, store: ArenaStore, row: BlobRow) -> None:
    """The same without a crash: the file is back in the root, or it is a blob all the same."""
    real = store.real.get(txn, row.ino)
    moves = store.blobs.moves
    if real is not None and not _is_it(store, row, real.fingerprint):
        usage = moves.files.usage(row.id)  # `receive` has counted it
        _put_back(txn, store, row, real.fingerprint.mode)
        moves.space.settle(0, -usage)
    moves.not_adopted(txn, row)


def _is_it(store: ArenaStore, row: BlobRow, known: Fingerprint) -> bool:
    """Whether the blob's file is the one that was indexed, and nobody has it open. (Its mode may
    be that of a blob already.)"""
    moves = store.blobs.moves
    try:
        fd = os.open(moves.file_name(row.id), _LOOK, dir_fd=moves.directory)
    except FileNotFoundError:
        return True  # it never came
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):
            return False  # a symlink or a socket came instead
        raise
    try:
        found = fingerprint_of(os.fstat(fd))
        same = (known.dev, known.ino, known.size, known.mtime_ns)
        if (found.dev, found.ino, found.size, found.mtime_ns) != same:
            return False
        return is_free(fd, NO_OTHERS, show(moves.file_name(row.id)))
    finally:
        os.close(fd)


def _put_back(txn: Txn, store: ArenaStore, row: BlobRow, mode: int) -> None:
    """To its name in the root, or, where that is taken or its directory gone, to the trash."""
    moves, root = store.blobs.moves, store.root
    path, file = store.tree.path(txn, row.ino) or b"", moves.file_name(row.id)
    found = os.lstat(file, dir_fd=moves.directory)
    if stat.S_ISREG(found.st_mode) and stat.S_IMODE(found.st_mode) == 0o600:
        os.chmod(file, stat.S_IMODE(mode), dir_fd=moves.directory)
    try:
        root.put_back((moves.directory, file), path)
    except OSError:
        with root.state.trash_place(path, time.time_ns()) as (day, name):
            renameat2(moves.directory, file, day, name, RENAME_NOREPLACE)
