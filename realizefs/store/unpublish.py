"""After a crash in a realize: a user's edit that was swapped out of the root goes back to its place.

A program that saves by renaming may do so between the check of `publish.put_in` and its exchange. What
came out then is an edit that nobody has indexed; a crash before it could go back leaves it in tmp/,
where start-up would take it for the outdated file and move it to the trash. Back in its place,
the scan finds an edit as any other, and a conflict copy comes of it where it must (R2).
"""

import os
import stat
from contextlib import suppress

from realizefs.model.blobs import BlobRow
from realizefs.model.entries import Fingerprint
from realizefs.model.errors import Busy
from realizefs.model.paths import show, split
from realizefs.model.versions import Version
from realizefs.store.arena import ArenaStore
from realizefs.store.fingerprint import fingerprint_of, same_but_renamed
from realizefs.store.lease import NO_WRITERS, lease
from realizefs.store.queues import BlobRows, Step


def undo_publications(store: ArenaStore) -> None:
    """Before tmp/ is emptied, and so before `Blobs.recover`: what is undone is a blob again."""
    rows = BlobRows()
    with store.env.read() as txn:
        for blob, step in rows.unfinished(txn):
            row = rows.get(txn, blob)
            if step is not Step.TAKING or row is None:
                continue
            entry, real = store.tree.entry(txn, row.ino), store.real.get(txn, row.ino)
            path = store.tree.path(txn, row.ino)
            if entry is None or real is None or not path or entry.version.hash != row.hash:
                continue
            published = _published(store, row, path, entry.version)
            edit = _edit(store, path, real.fingerprint) if published else None
            if published is not None and edit is not None:
                _put_back(store, edit, path, published)


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
    found = os.lstat(name, dir_fd=tmp_fd)
    if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
        return False
    if not same_but_renamed(fingerprint_of(found), indexed):
        return True
    fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=tmp_fd)
    try:
        with lease(fd, NO_WRITERS, show(name)):
            return False
    except Busy:
        return True  # somebody is just writing to it
    finally:
        os.close(fd)


def _put_back(store: ArenaStore, edit: bytes, path: bytes, published: Fingerprint) -> None:
    """Where it can't go back, the trash has it under its own name."""
    with suppress(OSError, Busy):
        store.root.publish(edit, path, published)
