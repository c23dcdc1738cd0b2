"""After an unrealize that failed or crashed: what must not become a blob goes back to the root.

A real file that has just become a blob's file may be another than the one that was decided about:
some program replaced it, or was about to open it, at that very moment, and a crash or a failing
disk kept `publish.take_out` from putting it back. Called a blob, its bytes would pass for verified ones, and an
edit would be gone from its place.
"""

import os
import stat
import time

from realizefs.model.blobs import BlobRow
from realizefs.model.entries import Fingerprint
from realizefs.model.errors import Busy
from realizefs.model.paths import show
from realizefs.store.arena import ArenaStore
from realizefs.store.fingerprint import fingerprint_of
from realizefs.store.lease import NO_OTHERS, lease
from realizefs.store.openat import RENAME_NOREPLACE, renameat2
from realizefs.store.queues import BlobRows, Step
from realizefs.store.txn import Txn


def end_adoption(txn: Txn, store: ArenaStore, row: BlobRow) -> None:
    """An unrealize failed: the file is back in the root, or it is a blob all the same."""
    real = store.real.get(txn, row.ino)
    moves = store.blobs.moves
    if real is not None and not _is_it(store, row, real.fingerprint):
        usage = moves.files.usage(row.id)  # `receive` has counted it
        _put_back(txn, store, row, real.fingerprint.mode)
        moves.space.settle(0, -usage)
    moves.not_adopted(txn, row)


def undo_adoptions(store: ArenaStore) -> None:
    """Put back what didn't become a blob; before `Blobs.recover`, which finishes the others."""
    rows = BlobRows()
    with store.env.write() as txn:
        for blob, step in rows.unfinished(txn):
            row = rows.get(txn, blob)
            if step is not Step.ADOPTING or row is None:
                continue
            real = store.real.get(txn, row.ino)
            if real is not None and not _is_it(store, row, real.fingerprint):
                _put_back(txn, store, row, real.fingerprint.mode)


def _is_it(store: ArenaStore, row: BlobRow, known: Fingerprint) -> bool:
    """Whether the blob's file is the one that was indexed, and nobody has it open. (Its mode may
    be that of a blob already.)"""
    moves = store.blobs.moves
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        fd = os.open(moves.file_name(row.id), flags, dir_fd=moves.directory)
    except FileNotFoundError:
        return True  # it never came
    try:
        found = fingerprint_of(os.fstat(fd))
        with lease(fd, NO_OTHERS, show(moves.file_name(row.id))):
            same = (known.dev, known.ino, known.size, known.mtime_ns)
            return (found.dev, found.ino, found.size, found.mtime_ns) == same
    except Busy:
        return False
    finally:
        os.close(fd)


def _put_back(txn: Txn, store: ArenaStore, row: BlobRow, mode: int) -> None:
    """To its name in the root, or, where that is taken or its directory gone, to the trash."""
    moves, root = store.blobs.moves, store.root
    path, file = store.tree.path(txn, row.ino) or b"", moves.file_name(row.id)
    if os.stat(file, dir_fd=moves.directory).st_mode & 0o7777 == 0o600:
        os.chmod(file, stat.S_IMODE(mode), dir_fd=moves.directory)
    try:
        root.put_back((moves.directory, file), path)
    except OSError:
        with root.state.trash_place(path, time.time_ns()) as (day, name):
            renameat2(moves.directory, file, day, name, RENAME_NOREPLACE)
