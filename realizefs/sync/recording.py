"""Recording what the scanner found, and what is gone, in one transaction."""

import stat
from collections.abc import Set

import trio

from realizefs.sync import moved
from realizefs.sync.aside import was_set_aside
from realizefs.sync.batch import Batch
from realizefs.sync.context import Context
from realizefs.sync.followed import was_followed
from realizefs.sync.gone import record_gone
from realizefs.sync.ignoring import recordable
from realizefs.sync.moving import count_below
from realizefs.sync.record import Found, record_found


async def record_together(
    context: Context, found: list[Found], gone: list[bytes], ignored: set[bytes]
) -> Set[bytes]:
    """What was found, of which some may have had a name of `gone`; without any, those of `gone`.
    Those of the `ignored` paths only where they are shared under another name.

    Returns the directories that came with all that was in them.
    """
    now_ns = context.clock.wall_ns()

    def reserve() -> None:
        with context.store.env.read() as txn:
            moves = moved.match(context.store, txn, found, gone)
            below = [count_below(context.store.tree, txn, ino) for ino in moves.values()]
        context.store.inodes.ensure(len(found) + sum(below))

    def record(batch: Batch) -> set[bytes]:
        known = [one for one in found if not _was_ours(batch, one, gone)]
        moves = moved.match(batch.store, batch.txn, known, gone)
        known = recordable(batch, known, moves, ignored)
        directories = {one.path for one in known if one.path in moves and is_directory(one)}
        for one in known:
            if moved.is_below(one.path, directories):
                continue  # it has come with its directory, which is scanned next
            if one.path in moves:
                moved.follow(batch, context.overlay, one, moves[one.path], now_ns)
            record_found(batch, context.overlay, one, now_ns)
        for path in gone if not found else []:
            record_gone(batch, path, now_ns)
        return directories

    await trio.to_thread.run_sync(reserve)
    return await context.commit(record)


def is_directory(found: Found) -> bool:
    """Whether it is one natively."""
    return stat.S_ISDIR(found.fingerprint.mode)


def _was_ours(batch: Batch, found: Found, gone: list[bytes]) -> bool:
    """Whether it was us who renamed it, before a commit that didn't come; then that is mended."""
    return was_set_aside(batch, found.path, gone) or was_followed(batch, found, gone)
