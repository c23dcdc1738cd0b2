"""A check of an arena, mostly of one that runs: in a worker thread, with the arena's own writer and scanner.

What is under way gets LOOK_AGAIN_SECONDS to come to its end before something is called a finding:
longer than the scanner waits for a file's writer to pause.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import trio

from realizefs.model.findings import Report
from realizefs.model.ids import Inode
from realizefs.store.check import Means, kept_in
from realizefs.store.check_arena import Household, check_arena
from realizefs.store.check_root import RootRules
from realizefs.store.inodes import InodeAllocator
from realizefs.store.txn import Txn
from realizefs.sync.arena import Arena
from realizefs.sync.batch import Batch

LOOK_AGAIN_SECONDS = 2.0
"""Seconds between the two looks at something that seems wrong."""


@dataclass(frozen=True, slots=True)
class Checking:
    """Checks of one running arena, from worker threads of trio."""

    arena: Arena
    allocator: InodeAllocator

    async def run(self, report: Report, *, repair: bool, deep: bool) -> Report:
        """The report, filled; what is repaired is announced and decided as any change is."""
        return await trio.to_thread.run_sync(partial(self._check, report, repair=repair, deep=deep))

    def alone(self, report: Report, *, repair: bool, deep: bool) -> Report:
        """The report on an arena that is open and doesn't run: nobody else writes. Blocking."""
        arena = self.arena
        means = Means(
            env=arena.store.env,
            commit=kept_in(arena.store.env),
            checkpoint=trio.from_thread.check_cancelled,
            repair=repair,
        )
        household = household_of(arena, self.allocator)
        return check_arena(report, arena.store, household, means, deep=deep)

    def _check(self, report: Report, *, repair: bool, deep: bool) -> Report:
        store, scanner = self.arena.store, self.arena.scanner
        means = Means(
            env=store.env,
            commit=self._commit,
            pause=lambda: trio.from_thread.run(trio.sleep, LOOK_AGAIN_SECONDS),
            checkpoint=trio.from_thread.check_cancelled,
            repair=repair,
            holding=self._holding,
        )
        root = RootRules(
            store,
            touched=lambda path: trio.from_thread.run_sync(scanner.touched, path),
            is_pending=scanner.is_pending,
        )
        store.blobs.flush()  # so that rows say what there is
        household = household_of(self.arena, self.allocator)
        return check_arena(report, store, household, means, deep=deep, root=root)

    @contextmanager
    def _holding(self, ino: Inode) -> Iterator[None]:
        held = self.arena.holding(ino)
        trio.from_thread.run(held.__aenter__)
        try:
            yield
        finally:
            trio.from_thread.run(held.__aexit__, None, None, None)

    def _commit(self, work: Callable[[Txn], int]) -> int:
        def run(batch: Batch) -> int:
            return work(batch.txn)

        return trio.from_thread.run(self.arena.context.commit, run)


def household_of(arena: Arena, allocator: InodeAllocator) -> Household:
    """What a check must know beyond the arena."""
    context = arena.context
    return Household(context.me, context.links.name, allocator, arena.id)
