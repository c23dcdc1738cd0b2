"""Rules of inodes: what is in use was given out, to this arena, and is never given out again.

Half of it is in the global database: which range is whose. It only grows, so the two needn't be read
at one moment. An arena that says it has no range, or fewer inodes than are in use, would give
numbers out twice: that is repaired from what is in use. An inode out of another arena's range gets a
new number.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from realizefs.model.findings import Finding
from realizefs.model.ids import ArenaId, Inode
from realizefs.store.arena import ArenaStore
from realizefs.store.check import Problem, Rule, once, rule_of
from realizefs.store.check_tree import named
from realizefs.store.inodes import InodeAllocator
from realizefs.store.keys import inode_of, pack_pair, unpack_pair, unpack_u64
from realizefs.store.renumber import renumber
from realizefs.store.schema import ENTRY, INODE_POOL
from realizefs.store.txn import Txn

_RANGE = b"range"


@dataclass(slots=True, eq=False)
class InodeRules:
    """The rules about one arena's inodes and its ranges; entries come in order of inodes, so the
    last range that was looked up mostly answers."""

    store: ArenaStore
    allocator: InodeAllocator
    arena: ArenaId
    _own: tuple[int, int] = (1, 0)

    def rules(self) -> list[Rule]:
        """The pool first: a new number comes from it."""
        return [
            Rule("", once, self.look_at_pool),
            rule_of("", ENTRY, self.look_at_inode),
        ]

    def look_at_pool(self, txn: Txn, _key: bytes) -> Iterator[Problem]:
        """The next inode is above all in use, and in a range of this arena."""
        row = txn.get(INODE_POOL, _RANGE)
        next_, last = unpack_pair(row) if row is not None and len(row) == 16 else (0, 0)
        largest = self._largest(txn)
        if largest >= next_:
            what = f"The next inode is to be {next_}, and inode {largest} is in use already"
            finding = Finding("inode-pool", what, "goes on behind that")
            yield Problem(finding, partial(self._go_on_behind, ino=largest))
        elif next_ <= last and not self._is_end_of_own(last):
            what = f"The range of inodes up to {last} is not this arena's in the global database"
            finding = Finding("inode-range", what, "takes another one")
            yield Problem(finding, partial(self._go_on_behind, ino=largest))

    def look_at_inode(self, txn: Txn, key: bytes) -> Iterator[Problem]:
        """An inode lies in a range of its arena."""
        ino = inode_of(key)
        if self._own[0] <= ino <= self._own[1]:
            return
        found = self.allocator.range_at(ino)
        owner = found[0] if found is not None else None
        if found is not None and owner == self.arena:
            self._own = found[1:]
            return
        shown = named(self.store, txn, ino)
        if owner is None:
            what = f"{shown} has inode {ino}, which the global database gave to nobody"
            finding = Finding("inode-unknown", what, "gives it to this arena there")
            yield Problem(finding, act=partial(self.allocator.claim, self.arena, ino))
            return
        what = f"{shown} has inode {ino}, which is of the range of another arena"
        if ino == self.store.tree.root:
            what += "; it is the arena's root and keeps it until the arena is made anew"
            yield Problem(Finding("inode-foreign", what))
            return
        finding = Finding("inode-foreign", what, "gives it a new one")
        yield Problem(finding, act=partial(self._renumber, ino))

    def _largest(self, txn: Txn) -> int:
        """The largest inode in use out of this arena's ranges; 0 for none."""
        row = txn.last(ENTRY)
        largest = unpack_u64(row[0]) if row else 0
        if not largest or self.allocator.arena_of(Inode(largest)) in (self.arena, None):
            return largest
        own = (unpack_u64(key) for key in txn.scan_keys(ENTRY))  # rare: one is another arena's
        return max((ino for ino in own if self._is_own(ino)), default=0)

    def _is_end_of_own(self, last: int) -> bool:
        found = self.allocator.range_at(last)
        return found is not None and (found[0], found[2]) == (self.arena, last)

    def _is_own(self, ino: int) -> bool:
        return self.allocator.arena_of(Inode(ino)) == self.arena

    def _go_on_behind(self, txn: Txn, ino: int) -> None:
        """The rest of the range that `ino` is in; without one the next that is asked for."""
        found = self.allocator.range_at(ino)
        end = found[2] if found is not None and found[0] == self.arena else ino
        txn.put(INODE_POOL, _RANGE, pack_pair(ino + 1, end))

    def _renumber(self, ino: Inode) -> None:
        self.store.inodes.ensure(1)
        new = self.store.inodes.allocate()
        with self.store.env.write() as txn:
            renumber(self.store, txn, ino, new)
