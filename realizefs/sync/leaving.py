"""Peers that aren't in an arena any more: what they said that they hold counts no longer (R1), and
nobody waits for what they acknowledge.

Their cursors go in the transaction in which their holders go, so the cursors say who is still to be
forgotten: after a crash, or where the arena's disk wasn't there, it is done when the arena is next
carried.
"""

from collections.abc import Collection

from realizefs.model.ids import PeerId
from realizefs.sync.apply import mark_cached
from realizefs.sync.batch import Batch
from realizefs.sync.context import Context


async def forget_others(context: Context, members: Collection[PeerId]) -> None:
    """Forget all that aren't in the arena; committed on return."""
    store = context.store
    with store.env.read() as txn:
        gone = [peer for peer in store.cursors.peers(txn) if peer not in members]
    if not gone:
        return

    def forget(batch: Batch) -> None:
        for peer in gone:
            for ino in store.holders.drop_peer(batch.txn, peer):
                mark_cached(batch, ino)
            store.cursors.drop_peer(batch.txn, peer)
        store.dirty.mark_subtree(batch.txn, store.tree.root)

    await context.commit(forget)
    for peer in gone:
        context.acked.pop(peer, None)
