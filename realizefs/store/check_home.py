"""Rules of the global database: the roster, open invitations, and whose inodes are whose."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from realizefs.codec.records import decode_card, decode_invitation
from realizefs.model.errors import StoreFault
from realizefs.model.findings import Finding
from realizefs.model.ids import peer_id_of
from realizefs.model.limits import INODE_RANGE_SIZE, INVITATIONS_MAX, PEERS_MAX, REMOVED_MAX
from realizefs.store.check import Problem, Rule, once, rule_of
from realizefs.store.keys import unpack_u64
from realizefs.store.schema import INODE_RANGE, INVITATION, PEER
from realizefs.store.txn import Txn

_SECRET_HASH_BYTES = 32
_ARENA_ID_BYTES = 16


@dataclass(frozen=True, slots=True)
class HomeRules:
    """The rules about one home's own database."""

    def rules(self) -> list[Rule]:
        """In no particular order."""
        return [
            rule_of("peers", PEER, self.look_at_peer),
            rule_of("invitations", INVITATION, self.look_at_invitation),
            rule_of("inode ranges", INODE_RANGE, self.look_at_range),
            Rule("", once, self.look_at_numbers),
        ]

    def look_at_peer(self, txn: Txn, key: bytes) -> Iterator[Problem]:
        """A card can be read, and is that of the certificate in it."""
        peer = unpack_u64(key)
        remedy = "removes it; peers tell of it again, or it has to be invited anew"
        remove = partial(_delete, table=PEER, key=key)
        try:
            card = decode_card(txn.get(PEER, key) or b"")
        except StoreFault:
            what = f"What is known of peer {peer:016x} can't be read"
            yield Problem(Finding("damaged-peer", what, remedy), remove)
            return
        # One without a certificate lets nobody in: of who was removed, or of what we may do ourselves.
        if card.peer != peer or (card.certificate and peer_id_of(card.certificate) != peer):
            what = f'The certificate of "{card.name}" is not that of peer {peer:016x}'
            yield Problem(Finding("wrong-peer", what, remedy), remove)

    def look_at_invitation(self, txn: Txn, key: bytes) -> Iterator[Problem]:
        """An invitation can be read."""
        try:
            decode_invitation(txn.get(INVITATION, key) or b"")
        except StoreFault:
            readable = False
        else:
            readable = len(key) == _SECRET_HASH_BYTES
        if not readable:
            finding = Finding(
                "damaged-invitation", "An open invitation can't be read", "removes it"
            )
            yield Problem(finding, partial(_delete, table=INVITATION, key=key))

    def look_at_range(self, txn: Txn, key: bytes) -> Iterator[Problem]:
        """A range is an arena's, and as long as ranges are. Ranges are never changed: who is whose
        can't be known any more, and a wrong guess would give inodes out twice."""
        last = unpack_u64(key)
        if len(txn.get(INODE_RANGE, key) or b"") != _ARENA_ID_BYTES:
            yield Problem(
                Finding(
                    "damaged-range",
                    f"It isn't known any more whose the inodes up to {last} are; they are given "
                    "out to nobody",
                )
            )
        elif (last - 1) % INODE_RANGE_SIZE:
            what = f"The range of inodes up to {last} ends where no range does"
            yield Problem(Finding("odd-range", what))

    def look_at_numbers(self, txn: Txn, _key: bytes) -> Iterator[Problem]:
        """There are no more peers and invitations than may be."""
        for table, most, what in (
            (PEER, PEERS_MAX + REMOVED_MAX + 1, "peers"),
            (INVITATION, INVITATIONS_MAX, "open invitations"),
        ):
            if txn.count(table) > most:
                count = f"{txn.count(table)} {what} are known, and {most} may be"
                yield Problem(Finding("too-many", count))


def _delete(txn: Txn, table: str, key: bytes) -> None:
    txn.delete(table, key)
