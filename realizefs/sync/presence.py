"""R8: a root that is empty or gone although the index knows files is a missing disk.

Nothing of it counts as deleted, and the arena stops until the disk is back or its loss is
accepted. Files that we ourselves are just taking out of the root (their decision says so) don't
count as known: the last of them leaves an empty root, too.

While the arena runs, deletions are seen as they happen, and somebody may well delete the last
file of a root; two and more that are gone at once with all the rest are not believed. What its
user deletes through the mount is another matter: there every call says what goes, so it is deleted
however much it is, and nothing of it counts as missing while its record is on its way.
"""

import os
import stat
from collections.abc import Collection, Iterator

import trio

from realizefs.model.decisions import Action
from realizefs.model.errors import RootGone
from realizefs.model.ids import Inode
from realizefs.model.paths import STATE_DIR
from realizefs.store.arena import ArenaStore
from realizefs.store.realfile import Root
from realizefs.store.txn import Txn
from realizefs.sync.context import Context
from realizefs.sync.our_doing import ABOUT_TO_BE_MADE


async def check_still_present(context: Context, least: int = 1) -> None:
    """`check_present` while the mount may be deleting: on the trio thread.

    Nothing awaits between a native delete of the mount and its record in the writer's queue (see
    `name_changes`). So what had gone by the mount when the root was found empty is queued when
    this goes on, and indexed when it looks again; what couldn't be indexed is in `removed`.
    """
    store, name = context.store, context.name
    try:
        await trio.to_thread.run_sync(check_present, store, name, least)
    except RootGone:
        await context.names_committed()
        removed = frozenset(context.removed)
        await trio.to_thread.run_sync(check_present, store, name, least, removed)


def is_without_names(root: Root) -> bool:
    """Whether a delete has left the arena root without any name: one system call or two."""
    fd = root.open(b"", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with os.scandir(fd) as names:
            return all(os.fsencode(one.name) == STATE_DIR for one in names)
    finally:
        os.close(fd)


def check_present(
    store: ArenaStore, name: str, least: int = 1, removed: Collection[Inode] = ()
) -> None:
    """Raise RootGone where the root is no more, or empty with `least` files known; blocking.

    Those `removed` aren't counted.
    """
    here = store.root.lstat(b"")
    if here.st_nlink == 0 or not stat.S_ISDIR(here.st_mode):
        raise RootGone(f'The arena root "{store.root.path}" was removed while it was in use.')
    if store.root.list(b""):
        return
    with store.env.read() as txn:
        missing = (ino for ino in _known(store, txn) if ino not in removed)
        known = sum(1 for _, _ in zip(range(least), missing, strict=False))
    if known >= least:
        raise RootGone(
            f'The arena root "{store.root.path}" is empty although files of it are known; nothing '
            "counts as deleted. Attach its disk, restore the files, or say "
            f"`realizefs arena accept-loss {name}`."
        )


def _known(store: ArenaStore, txn: Txn) -> Iterator[Inode]:
    """Files and symlinks that are to be in the root."""
    for ino, row in store.real.all(txn):
        if stat.S_ISDIR(row.fingerprint.mode) or row.fingerprint == ABOUT_TO_BE_MADE:
            continue  # the latter may never have come: a crash was quicker
        decision = store.decisions.get(txn, ino)
        if decision is None or decision.action is not Action.UNREALIZE:
            yield ino
