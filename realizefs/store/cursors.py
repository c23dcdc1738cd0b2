"""Cursors: how far each peer's history is applied here, and ours there."""

from realizefs.model.ids import PeerId, ReplicaId, Seq
from realizefs.store.keys import pack_u64, peer_of, unpack_u64
from realizefs.store.schema import CURSOR
from realizefs.store.txn import Txn

_THEIRS = b"<"
_ACKED = b">"
_HEARD = b"?"
_ANEW = b"="


class Cursors:
    """(peer, direction) → (replica, seq); (b"", 0) where there is none."""

    def theirs(self, txn: Txn, peer: PeerId, *, read_only: bool = False) -> tuple[ReplicaId, Seq]:
        """The position in that peer's history up to which it is applied here, or, of one that is
        `read_only`, heard: when it may write again it is asked for all that wasn't applied."""
        return _get(txn, pack_u64(peer) + (_HEARD if read_only else _THEIRS))

    def set_theirs(
        self, txn: Txn, peer: PeerId, replica: ReplicaId, seq: Seq, *, read_only: bool = False
    ) -> None:
        """Belongs into the transaction that applies the rows."""
        kind = _HEARD if read_only else _THEIRS
        txn.put(CURSOR, pack_u64(peer) + kind, replica + pack_u64(seq))

    def began_anew(self, txn: Txn, peer: PeerId) -> tuple[ReplicaId, Seq]:
        """The position in our history when that peer came with another database: what we had then
        isn't what it has told us, whatever the origin of entries says."""
        return _get(txn, pack_u64(peer) + _ANEW)

    def set_began_anew(self, txn: Txn, peer: PeerId, replica: ReplicaId, seq: Seq) -> None:
        """Belongs into the transaction that first hears of the database."""
        txn.put(CURSOR, pack_u64(peer) + _ANEW, replica + pack_u64(seq))

    def acked(self, txn: Txn, peer: PeerId) -> tuple[ReplicaId, Seq]:
        """The position in our history, with our replica id then, that the peer has committed."""
        return _get(txn, pack_u64(peer) + _ACKED)

    def set_acked(self, txn: Txn, peer: PeerId, replica: ReplicaId, seq: Seq) -> None:
        """The peer acknowledged."""
        txn.put(CURSOR, pack_u64(peer) + _ACKED, replica + pack_u64(seq))

    def peers(self, txn: Txn) -> frozenset[PeerId]:
        """All that there is a cursor of."""
        return frozenset(peer_of(key[:8]) for key in txn.scan_keys(CURSOR))

    def drop_peer(self, txn: Txn, peer: PeerId) -> None:
        """Forget a peer that left the household."""
        for key in txn.scan_keys(CURSOR, prefix=pack_u64(peer)):
            txn.delete(CURSOR, key)


def _get(txn: Txn, key: bytes) -> tuple[ReplicaId, Seq]:
    value = txn.get(CURSOR, key) or b""
    return ReplicaId(value[:-8]), Seq(unpack_u64(value[-8:]))
