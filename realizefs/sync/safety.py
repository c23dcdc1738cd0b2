"""R1: what may be dropped here, given what peers are known to own."""

from realizefs.model.ids import Digest, Inode
from realizefs.model.versions import Held
from realizefs.store.arena import ArenaStore
from realizefs.store.eviction import MayDrop
from realizefs.store.txn import Txn


def owners(txn: Txn, store: ArenaStore, ino: Inode, digest: Digest) -> int:
    """How many other peers are known to own this content at this path."""
    return sum(
        holder.held is Held.OWN and holder.hash == digest for holder in store.holders.of(txn, ino)
    )


def may_drop(txn: Txn, store: ArenaStore, ino: Inode, digest: Digest) -> bool:
    """Whether a cached content may go: outdated, or owned by another peer."""
    entry = store.tree.entry(txn, ino)
    if entry is None or entry.version.deleted or entry.version.hash != digest:
        return True
    return owners(txn, store, ino, digest) > 0


def droppable(store: ArenaStore) -> MayDrop:
    """`may_drop` for the blobstore."""
    return lambda txn, ino, digest: may_drop(txn, store, ino, digest)
