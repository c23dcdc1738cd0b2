"""What somebody said about deletions that the guard holds (see `guard`): carried out, or taken back.

Page by page, each in a transaction; what a crash leaves half done is gone on with at the next start.
"""

from dataclasses import replace

from realizefs.core.guard import Guarding, Wave
from realizefs.model.decisions import NEVER_NS
from realizefs.model.ids import Inode
from realizefs.sync.batch import Batch
from realizefs.sync.context import Context

PAGE = 500
"""Removals woken or taken back in one transaction: about 20 ms."""


async def approve(context: Context) -> int:
    """Carry out all that waits; how much that is. The jobs begin when this returns."""
    removals, guard = context.store.removals, context.guard

    def open_up(batch: Batch) -> int:
        if removals.guarding(batch.txn) is not Guarding.HELD:
            return 0
        guard.start_anew(batch.txn)
        count = removals.count(batch.txn)
        removals.forgive(batch.txn, count - removals.forgiven(batch.txn))
        return count

    count = await context.commit(open_up)
    await _wake(context)
    return count


async def reject(context: Context) -> tuple[int, Wave]:
    """Take back all that waits, everywhere; how much that was, and the wave that it was of."""
    removals = context.store.removals

    def begin(batch: Batch) -> tuple[int, Wave]:
        if removals.guarding(batch.txn) is not Guarding.HELD:
            return 0, Wave()
        removals.guard(batch.txn, Guarding.REJECTED)
        return removals.count(batch.txn), removals.wave(batch.txn)

    found = await context.commit(begin)
    if found[0]:
        await _take_back(context)
    return found


async def resume(context: Context) -> None:
    """What a former process had begun."""
    with context.store.env.read() as txn:
        guarding = context.store.removals.guarding(txn)
    if guarding is Guarding.REJECTED:
        await _take_back(context)
    elif guarding is Guarding.OPEN:
        await _wake(context)


async def _wake(context: Context) -> None:
    store, last = context.store, Inode(0)

    def wake(batch: Batch) -> list[Inode]:
        page = store.removals.page(batch.txn, last, PAGE)
        for ino in page:
            decision = store.decisions.get(batch.txn, ino)
            if decision is not None and decision.retry_at_ns == NEVER_NS:
                store.decisions.set(batch.txn, ino, replace(decision, retry_at_ns=0))
        return page

    while page := await context.commit(wake):
        last = page[-1]
        context.on_woken()


async def _take_back(context: Context) -> None:
    """The scanner, told after the commit, finds files that were never indexed; so does the scan at
    the next start."""
    store = context.store

    def take_back(batch: Batch) -> bool:
        page = store.removals.page(batch.txn, Inode(0), PAGE)
        for ino in page:
            store.removals.drop(batch.txn, ino)
            store.decisions.clear(batch.txn, ino)
            path = store.tree.path(batch.txn, ino)
            if store.real.delete(batch.txn, ino) and path:
                batch.touched.add(path)
        if not page:
            context.guard.start_anew(batch.txn)
        return bool(page)

    while await context.commit(take_back):
        pass
