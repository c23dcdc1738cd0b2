"""Decisions of the engine, kept so that a restart goes on where it stopped."""

from collections.abc import Iterator

from realizefs.codec.records import decode_decision, encode_decision
from realizefs.model.decisions import Decision
from realizefs.model.ids import Inode
from realizefs.store.env import Txn
from realizefs.store.keys import inode_of, pack_u64
from realizefs.store.schema import DECISION


class Decisions:
    """Inode → Decision; nothing where nothing is wanted."""

    def get(self, txn: Txn, ino: Inode) -> Decision | None:
        """What is wanted of an entry."""
        data = txn.get(DECISION, pack_u64(ino))
        return decode_decision(data) if data is not None else None

    def put(self, txn: Txn, ino: Inode, decision: Decision) -> None:
        """Insert or replace."""
        txn.put(DECISION, pack_u64(ino), encode_decision(decision))

    def delete(self, txn: Txn, ino: Inode) -> bool:
        """Whether something was wanted."""
        return txn.delete(DECISION, pack_u64(ino))

    def all(self, txn: Txn) -> Iterator[tuple[Inode, Decision]]:
        """Everything wanted, by inode."""
        for key, value in txn.scan(DECISION):
            yield inode_of(key), decode_decision(value)

    def count(self, txn: Txn) -> int:
        """How many; at once."""
        return txn.count(DECISION)
