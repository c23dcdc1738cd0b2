"""Inodes: ranges from the global database, given out one by one within an arena.

Theory of operation. Two databases, no two-phase commit. The allocator commits a range to an arena
before the arena hears of it, so a crash may forget one. Hence the arena always asks with the end
of the range that it has used up, and gets the next range after it that is already its own, if
there is one; only else a new one is appended (DESIGN 7.1).

Within an arena the inodes of its range are reserved INODE_RESERVE or more at a time: the reservation is
committed before the first of them is given out. From then on they live in memory only. So giving
one out costs no transaction, a transaction that fails can't bring one back, and a crash loses the
reserved ones and never repeats any.
"""

import threading
from collections import deque

from realizefs.model.ids import ROOT_INODE, ArenaId, Inode
from realizefs.model.limits import INODE_RANGE_SIZE, INODE_RESERVE
from realizefs.store.env import Environment
from realizefs.store.keys import pack_pair, pack_u64, unpack_pair, unpack_u64
from realizefs.store.schema import INODE_POOL, INODE_RANGE
from realizefs.store.txn import Txn

_RANGE = b"range"
_MARGIN = INODE_RESERVE // 2
"""Inodes kept above what was asked for: the kernel's calls allocate while a batch is written."""


class InodeAllocator:
    """Gives ranges of inodes to arenas; the table is `cache.inode_range`."""

    def __init__(self, global_env: Environment) -> None:
        self._env = global_env

    def next_range(self, arena: ArenaId, after_end: int) -> tuple[int, int]:
        """(first, last) of the arena's next range after `after_end`, 0 for its first.

        Blocks for a commit if a new one is needed. Asked again it says the same.
        """
        with self._env.read() as txn:
            known = _next_own(txn, arena, after_end)
        if known is not None:
            return known
        with self._env.write() as txn:
            known = _next_own(txn, arena, after_end)
            return known if known is not None else _append(txn, arena)

    def range_at(self, ino: int) -> tuple[ArenaId, int, int] | None:
        """(arena, first, last) of the range that an inode is in; None if it is in none."""
        if ino <= ROOT_INODE:
            return None
        with self._env.read() as txn:
            row = next(txn.scan(INODE_RANGE, start=pack_u64(ino)), None)
            if row is None:
                return None
            last = unpack_u64(row[0])
            return ArenaId(row[1]), _end_before(txn, last) + 1, last

    def claim(self, arena: ArenaId, ino: int) -> None:
        """Give an arena a range up to an inode that it uses and nobody was given: after the
        global database was lost, say. Blocks for a commit."""
        with self._env.write() as txn:
            row = txn.last(INODE_RANGE)
            before = unpack_u64(row[0]) if row else ROOT_INODE
            if ino > before:
                ranges = -(-(ino - before) // INODE_RANGE_SIZE)
                txn.put(INODE_RANGE, pack_u64(before + ranges * INODE_RANGE_SIZE), arena)

    def arena_of(self, ino: Inode) -> ArenaId | None:
        """The arena of an inode, by one lookup; None for the mount's root and unknown ones."""
        if ino <= ROOT_INODE:
            return None
        with self._env.read() as txn:
            row = txn.first_from(INODE_RANGE, pack_u64(ino))
        return ArenaId(row[1]) if row else None


def _next_own(txn: Txn, arena: ArenaId, after_end: int) -> tuple[int, int] | None:
    before = max(after_end, ROOT_INODE)
    for key, owner in txn.scan(INODE_RANGE, start=pack_u64(after_end + 1)):
        if owner == arena:
            return before + 1, unpack_u64(key)
        before = unpack_u64(key)
    return None


def _end_before(txn: Txn, last: int) -> int:
    """Where the range before the one that ends at `last` ends. Goes over all: some hundred."""
    ends = (unpack_u64(key) for key in txn.scan_keys(INODE_RANGE))
    return max((end for end in ends if end < last), default=ROOT_INODE)


def _append(txn: Txn, arena: ArenaId) -> tuple[int, int]:
    row = txn.last(INODE_RANGE)
    before = unpack_u64(row[0]) if row else ROOT_INODE
    txn.put(INODE_RANGE, pack_u64(before + INODE_RANGE_SIZE), arena)
    return before + 1, before + INODE_RANGE_SIZE


class ArenaInodes:
    """The inodes of one arena, each given out once. Any thread."""

    def __init__(self, env: Environment, allocator: InodeAllocator, arena: ArenaId) -> None:
        self._env = env
        self._allocator = allocator
        self._arena = arena
        self._refill_lock = threading.Lock()
        self._lock = threading.Lock()  # held for a few instructions, never while blocking
        self._pool: deque[tuple[int, int]] = deque()  # (next, last) of reserved inodes
        self._free = 0

    @property
    def low(self) -> bool:
        """Whether `ensure` should be called soon."""
        return self._free < _MARGIN

    def ensure(self, n: int) -> None:
        """Reserve so many that the next `n` calls of allocate can't fail. Blocks; own commits.

        Calls that other threads make meanwhile are covered up to _MARGIN. Raises AssertionError
        inside a write transaction of this arena.
        """
        if self._env.writing:
            raise AssertionError("inodes must be ensured before a transaction, not inside one")
        with self._refill_lock:
            while (lacking := n + _MARGIN - self._free) > 0:
                self._reserve(max(lacking, INODE_RESERVE))

    def allocate(self) -> Inode:
        """An inode that was never given out; from memory unless the pool is empty."""
        while (ino := self._take()) is None:
            self.ensure(1)
        return ino

    def _take(self) -> Inode | None:
        with self._lock:
            if not self._pool:
                return None
            first, last = self._pool[0]
            if first == last:
                self._pool.popleft()
            else:
                self._pool[0] = (first + 1, last)
            self._free -= 1
            return Inode(first)

    def _reserve(self, n: int) -> None:
        """Commit up to `n` of the current, or next, range; then they are in the pool."""
        with self._env.read() as txn:
            row = txn.get(INODE_POOL, _RANGE)
        first, last = unpack_pair(row) if row else (1, 0)
        if first > last:
            first, last = self._allocator.next_range(self._arena, last)
        end = min(first + n - 1, last)
        with self._env.write() as txn:
            txn.put(INODE_POOL, _RANGE, pack_pair(end + 1, last))
        with self._lock:
            self._pool.append((first, end))
            self._free += end - first + 1
