"""The roster and open invitations, in the global database."""

from collections.abc import Iterator, Sequence

from realizefs.codec.records import (
    decode_card,
    decode_invitation,
    encode_card,
    encode_invitation,
)
from realizefs.model.entries import PeerCard
from realizefs.model.ids import ArenaId, PeerId
from realizefs.model.limits import INVITATIONS_MAX
from realizefs.store.keys import pack_u64
from realizefs.store.schema import INVITATION, PEER
from realizefs.store.txn import Txn


class Roster:
    """Peer → PeerCard."""

    def all(self, txn: Txn) -> Iterator[PeerCard]:
        """Every peer, by id."""
        return (decode_card(value) for _, value in txn.scan(PEER))

    def get(self, txn: Txn, peer: PeerId) -> PeerCard | None:
        """The card of a peer."""
        data = txn.get(PEER, pack_u64(peer))
        return decode_card(data) if data is not None else None

    def put(self, txn: Txn, card: PeerCard) -> None:
        """Insert or replace; that there are not too many is up to whoever admits them."""
        txn.put(PEER, pack_u64(card.peer), encode_card(card))

    def delete(self, txn: Txn, peer: PeerId) -> bool:
        """Whether it was known."""
        return txn.delete(PEER, pack_u64(peer))


class Invitations:
    """Hash of the secret → when it expires and the arenas it opens; each is good for one use."""

    def put(self, txn: Txn, secret_hash: bytes, expires_ns: int, arenas: Sequence[ArenaId]) -> None:
        """Open an invitation; of more than INVITATIONS_MAX those that expire first are dropped."""
        txn.put(INVITATION, secret_hash, encode_invitation(expires_ns, arenas))
        surplus = txn.count(INVITATION) - INVITATIONS_MAX
        if surplus > 0:
            others = (row for row in txn.scan(INVITATION) if row[0] != secret_hash)
            oldest = sorted((decode_invitation(value)[0], key) for key, value in others)
            for _, key in oldest[:surplus]:
                txn.delete(INVITATION, key)

    def take(self, txn: Txn, secret_hash: bytes, now_ns: int) -> tuple[ArenaId, ...] | None:
        """The arenas of an invitation, which is used up by this; None if it is unknown, was
        used before, or expired."""
        data = txn.get(INVITATION, secret_hash)
        if data is None:
            return None
        txn.delete(INVITATION, secret_hash)
        expires_ns, arenas = decode_invitation(data)
        return arenas if now_ns < expires_ns else None
