"""Decisions of the engine, and when each is to be carried out: a restart goes on where it stopped.

A decision stands in one of two tables besides its own, written in the same transaction: in
`engine.retry` by the time from which it may be carried out, or in `engine.waiting` if nothing
helps but a peer that connects. So what is due is found without looking at what isn't, however
much that is.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

from realizefs.codec.records import decode_decision, encode_decision
from realizefs.model.decisions import NEVER_NS, Decision
from realizefs.model.ids import Inode
from realizefs.store.keys import inode_of, pack_pair, pack_u64, unpack_pair
from realizefs.store.schema import DECISION, RETRY, WAITING
from realizefs.store.tree import Tree
from realizefs.store.txn import Txn


class Decisions:
    """What is wanted, by inode or by path; all within the caller's transaction.

    A path is looked up in the tree and means the inode that is there now: of a path that isn't
    known nothing is wanted.
    """

    def __init__(self, tree: Tree) -> None:
        self._tree = tree

    def get(self, txn: Txn, where: Inode | bytes) -> Decision | None:
        """What is wanted of an entry."""
        ino = self._inode(txn, where)
        data = txn.get(DECISION, pack_u64(ino)) if ino is not None else None
        return decode_decision(data) if data is not None else None

    def set(self, txn: Txn, where: Inode | bytes, decision: Decision) -> bool:
        """Insert or replace; False, and nothing is done, for a path that isn't known."""
        ino = self._inode(txn, where)
        if ino is None:
            return False
        key = pack_u64(ino)
        before = txn.get(DECISION, key)
        if before is not None:
            _no_longer_wake(txn, ino, decode_decision(before))
        txn.put(DECISION, key, encode_decision(decision))
        if decision.wait_for_peer:
            txn.put(WAITING, key, b"")
        else:
            txn.put(RETRY, pack_pair(decision.retry_at_ns, ino), b"")
        return True

    def clear(self, txn: Txn, where: Inode | bytes) -> bool:
        """Nothing is wanted any more; whether something was."""
        ino = self._inode(txn, where)
        before = txn.get(DECISION, pack_u64(ino)) if ino is not None else None
        if ino is None or before is None:
            return False
        _no_longer_wake(txn, ino, decode_decision(before))
        return txn.delete(DECISION, pack_u64(ino))

    def all(self, txn: Txn) -> Iterator[tuple[Inode, Decision]]:
        """Everything wanted, by inode."""
        for key, value in txn.scan(DECISION):
            yield inode_of(key), decode_decision(value)

    def count(self, txn: Txn) -> int:
        """How many; at once."""
        return txn.count(DECISION)

    def by_time(self, txn: Txn) -> Iterator[tuple[int, Inode]]:
        """(wall-clock nanoseconds, inode) of those that wait for that time only; soonest first."""
        return (_retry_of(key) for key in txn.scan_keys(RETRY))

    def failed(self, txn: Txn, now_ns: int) -> Inode | None:
        """The one of those that failed that is tried again soonest after that time."""
        for at, ino in map(_retry_of, txn.scan_keys(RETRY, start=pack_pair(now_ns + 1, 0))):
            return ino if at != NEVER_NS else None
        return None

    def for_a_peer(self, txn: Txn) -> Iterator[Inode]:
        """Those that wait for a peer, by inode."""
        return (inode_of(key) for key in txn.scan_keys(WAITING))

    def held(self, txn: Txn) -> Iterator[Inode]:
        """Those that wait for a person."""
        return (_retry_of(key)[1] for key in txn.scan_keys(RETRY, start=pack_pair(NEVER_NS, 0)))

    def waiting(self, txn: Txn) -> int:
        """How many wait for a peer; at once."""
        return txn.count(WAITING)

    def wake(self, txn: Txn, after: Inode, limit: int) -> list[Inode]:
        """Make up to `limit` of those that wait for a peer due now; by inode, beyond `after`."""
        keys = islice(txn.scan_keys(WAITING, start=pack_u64(after + 1)), limit)
        woken = [inode_of(key) for key in keys]
        for ino in woken:
            decision = self.get(txn, ino)
            if decision is not None:
                self.set(txn, ino, replace(decision, wait_for_peer=False, retry_at_ns=0))
        return woken

    def wake_failed(self, txn: Txn, now_ns: int, after: Inode, limit: int) -> Inode | None:
        """Of up to `limit` decisions by inode beyond `after`, make due now those that wait for a time after
        `now_ns` only, with no tries behind them. The last that was looked at; None at the end."""
        later = txn.first_from(RETRY, pack_pair(now_ns + 1, 0))
        if later is None or _retry_of(later[0])[0] == NEVER_NS:
            return None
        last: Inode | None = None
        for key, value in islice(txn.scan(DECISION, start=pack_u64(after + 1)), limit):
            last, decision = inode_of(key), decode_decision(value)
            if not decision.wait_for_peer and now_ns < decision.retry_at_ns < NEVER_NS:
                self.set(txn, last, replace(decision, attempts=0, retry_at_ns=0, error=""))
        return last

    def _inode(self, txn: Txn, where: Inode | bytes) -> Inode | None:
        return self._tree.resolve(txn, where) if isinstance(where, bytes) else where


def _no_longer_wake(txn: Txn, ino: Inode, decision: Decision) -> None:
    if decision.wait_for_peer:
        txn.delete(WAITING, pack_u64(ino))
    else:
        txn.delete(RETRY, pack_pair(decision.retry_at_ns, ino))


def _retry_of(key: bytes) -> tuple[int, Inode]:
    time, ino = unpack_pair(key)
    return time, Inode(ino)
