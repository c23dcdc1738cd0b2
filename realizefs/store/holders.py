"""Holders: what each peer said that it has of a path."""

from realizefs.model.entries import Holder
from realizefs.model.errors import StoreFault
from realizefs.model.ids import Digest, Inode, PeerId
from realizefs.model.versions import Held
from realizefs.store.keys import pack_pair, pack_u64, peer_of
from realizefs.store.schema import HOLDER
from realizefs.store.txn import Txn


class Holders:
    """(inode, peer) → one byte of `Held` and the digest."""

    def of(self, txn: Txn, ino: Inode) -> list[Holder]:
        """Everybody who has something of an entry."""
        return [_holder(key, value) for key, value in txn.scan(HOLDER, prefix=pack_u64(ino))]

    def get(self, txn: Txn, ino: Inode, peer: PeerId) -> Holder | None:
        """What one peer has of it; None for nothing."""
        key = pack_pair(ino, peer)
        value = txn.get(HOLDER, key)
        return _holder(key, value) if value is not None else None

    def put(self, txn: Txn, ino: Inode, holder: Holder) -> None:
        """Insert or replace; a holder of nothing has no row."""
        key = pack_pair(ino, holder.peer)
        if holder.held is Held.NONE:
            txn.delete(HOLDER, key)
        else:
            txn.put(HOLDER, key, bytes([holder.held]) + holder.hash)

    def forget(self, txn: Txn, ino: Inode) -> None:
        """Remove all rows of an entry."""
        for key in txn.scan_keys(HOLDER, prefix=pack_u64(ino)):
            txn.delete(HOLDER, key)

    def drop_peer(self, txn: Txn, peer: PeerId) -> None:
        """Remove all rows of a peer that left the household; goes over the whole table."""
        for key in txn.scan_keys(HOLDER):
            if peer_of(key) == peer:
                txn.delete(HOLDER, key)


def _holder(key: bytes, value: bytes) -> Holder:
    try:
        return Holder(peer_of(key), Held(value[0]), Digest(value[1:]))
    except (ValueError, IndexError) as error:
        raise StoreFault("The database has a damaged holder row.") from error
