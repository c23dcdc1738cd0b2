"""Rules, and when files are to be asked about again because they will be older by then."""

from dataclasses import replace
from functools import lru_cache
from itertools import islice

from realizefs.codec.rule_records import decode_rules, encode_rules
from realizefs.model.errors import Misuse
from realizefs.model.ids import Inode
from realizefs.model.rules import RULES_MAX, Rule
from realizefs.store.keys import inode_of, pack_pair, pack_u64, unpack_pair, unpack_u64
from realizefs.store.schema import AGE, AGING, RULE
from realizefs.store.txn import Txn

_ALL = b"rules"
_TIME_MAX = 2**64 - 1
"""Nanoseconds since 1970: the year 2554. What is later isn't waited for."""


class Rules:
    """Of one arena, all within the caller's transaction."""

    def all(self, txn: Txn) -> tuple[Rule, ...]:
        """In the order in which they were made."""
        data = txn.get(RULE, _ALL)
        return _decoded(data)[0] if data is not None else ()

    def any(self, txn: Txn) -> bool:
        """Whether there ever were any; at once."""
        return txn.count(RULE) > 0

    def add(self, txn: Txn, rule: Rule) -> Rule:
        """With a number of its own; Misuse where there are too many."""
        rules, last = self._read(txn)
        if len(rules) >= RULES_MAX:
            raise Misuse(f"An arena has {RULES_MAX} rules at most; remove one first.")
        made = replace(rule, number=last + 1)
        txn.put(RULE, _ALL, encode_rules((*rules, made), last + 1))
        return made

    def remove(self, txn: Txn, number: int) -> Rule | None:
        """The rule that it was; None if there is none of that number."""
        rules, last = self._read(txn)
        removed = next((one for one in rules if one.number == number), None)
        if removed is not None:
            left = tuple(one for one in rules if one is not removed)
            txn.put(RULE, _ALL, encode_rules(left, last))
        return removed

    def ask_again(self, txn: Txn, ino: Inode, at_ns: int | None) -> None:
        """When an inode is to be decided again because of its age; None for never."""
        key = pack_u64(ino)
        known = txn.get(AGE, key)
        if known is not None and (at_ns is None or unpack_u64(known) != at_ns):
            txn.delete(AGING, pack_pair(unpack_u64(known), ino))
            txn.delete(AGE, key)
        if at_ns is not None and 0 <= at_ns < _TIME_MAX and known != pack_u64(at_ns):
            txn.put(AGE, key, pack_u64(at_ns))
            txn.put(AGING, pack_pair(at_ns, ino), b"")

    def due(self, txn: Txn, now_ns: int, limit: int) -> list[Inode]:
        """Up to `limit` whose time has come, the earliest first; they stay until they are asked."""
        found = []
        for key in islice(txn.scan_keys(AGING), limit):
            at_ns, ino = unpack_pair(key)
            if at_ns > now_ns:
                break
            found.append(inode_of(pack_u64(ino)))
        return found

    def forget(self, txn: Txn, ino: Inode) -> None:
        """The entry is gone."""
        if txn.count(AGE):
            self.ask_again(txn, ino, None)

    def _read(self, txn: Txn) -> tuple[tuple[Rule, ...], int]:
        data = txn.get(RULE, _ALL)
        return _decoded(data) if data is not None else ((), 0)


@lru_cache(maxsize=64)
def _decoded(data: bytes) -> tuple[tuple[Rule, ...], int]:
    """They are asked about for each file, and change once in a while."""
    return decode_rules(data)
