"""What would be lost of an arena if this machine gave it up now."""

from collections.abc import Iterable

from realizefs.model.farewell import Farewell
from realizefs.model.ids import PeerId, Seq, is_by
from realizefs.model.limits import ROWS_BATCH_MAX
from realizefs.store.arena import ArenaStore
from realizefs.sync.loss import assess, only_cached

UNHEARD_MAX = 10_000
"""Changes that are counted: whether it is more makes no difference to a person."""


def farewell(store: ArenaStore, me: PeerId, others: Iterable[PeerId]) -> Farewell:
    """As things are; `others` are in the arena, too. Blocking, changes nothing."""
    loss = assess(store)
    return Farewell(
        files=loss.files,
        size=loss.size,
        alone=loss.alone,
        only_cached=tuple(only_cached(store)),
        unheard=_unheard(store, me, others),
    )


def _unheard(store: ArenaStore, me: PeerId, others: Iterable[PeerId]) -> int:
    """Own changes beyond what the other that has heard most has confirmed."""
    tree, count = store.tree, 0
    with store.env.read() as txn:
        confirmed = [store.cursors.acked(txn, peer) for peer in others]
        if not confirmed:
            return 0
        after = max((seq for replica, seq in confirmed if replica == tree.replica), default=Seq(0))
        while count < UNHEARD_MAX and (page := tree.history(txn, after, ROWS_BATCH_MAX)):
            after = page[-1][0]
            entries = (tree.entry(txn, ino) for _, ino in page)
            count += sum(1 for one in entries if one is not None and is_by(one.version.author, me))
    return count
