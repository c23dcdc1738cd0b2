"""The engine's store as tasks use it: what is wanted, when it is due, what waits for a peer.

The blocking half is `store.decisions`, within anybody's transaction. Here each change is a
transaction of its own through the arena's writer, and committed on return. A change may name the
decision that it takes the place of: one that was decided anew meanwhile stays.
"""

from collections.abc import Container
from dataclasses import dataclass

from realizefs.model.decisions import Action, Decision
from realizefs.model.ids import Inode
from realizefs.sync.batch import Batch
from realizefs.sync.context import Context
from realizefs.sync.engine import is_wanted
from realizefs.sync.our_doing import note_left

WAKE_PAGE = 500
"""Decisions woken in one transaction: about 20 ms."""


@dataclass(frozen=True, slots=True)
class Due:
    """`inodes` to carry out now, and when the next ones are due: wall-clock nanoseconds, 0 for
    never. `more`: there were more than asked for."""

    inodes: list[Inode]
    next_ns: int
    more: bool


class EngineStore:
    """The decisions of one arena, by inode or by path."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._decisions = context.store.decisions

    def get(self, where: Inode | bytes) -> Decision | None:
        """What is wanted; one LMDB read."""
        with self._context.store.env.read() as txn:
            return self._decisions.get(txn, where)

    async def set(
        self, where: Inode | bytes, decision: Decision, over: Decision | None = None
    ) -> bool:
        """Insert or replace; with `over` only that one. Whether it was done."""

        def change(batch: Batch) -> bool:
            return self._is_still(batch, where, over) and self._decisions.set(
                batch.txn, where, decision
            )

        return await self._context.commit(change)

    async def clear(self, where: Inode | bytes, over: Decision | None = None) -> bool:
        """Nothing is wanted any more; with `over` only if that was. Whether it was done."""

        def change(batch: Batch) -> bool:
            return self._is_still(batch, where, over) and self._decisions.clear(batch.txn, where)

        return await self._context.commit(change)

    async def failed(self, ino: Inode, decision: Decision, after: Decision) -> None:
        """Store when it is tried again. An Unrealize that is no longer wanted, and was kept while its job
        ran, is decided anew."""

        def change(batch: Batch) -> None:
            if self._is_still(batch, ino, decision):
                self._decisions.set(batch.txn, ino, after)
            if decision.action is Action.UNREALIZE and not is_wanted(
                self._context, batch.txn, ino, decision.action
            ):
                self._decide_anew(batch, ino)

        await self._context.commit(change)

    async def carried_out(self, ino: Inode, decision: Decision) -> None:
        """Clear it, and decide anew: if the path changed meanwhile there is something to do."""

        def change(batch: Batch) -> None:
            if self._is_still(batch, ino, decision):
                if decision.action is Action.UNREALIZE:
                    note_left(batch, ino)
                self._decisions.clear(batch.txn, ino)
                batch.to_leave.dropped(ino)
            self._decide_anew(batch, ino)

        await self._context.commit(change)

    def is_held(self, ino: Inode) -> bool:
        """Whether it has to wait for a person; one LMDB read."""
        with self._context.store.env.read() as txn:
            return self._context.guard.is_held(txn, ino)

    def due(self, now_ns: int, limit: int, busy: Container[Inode]) -> Due:
        """Up to `limit` inodes whose time has come, those in `busy` left out; any thread."""
        found: list[Inode] = []
        with self._context.store.env.read() as txn:
            for at, ino in self._decisions.by_time(txn):
                if at > now_ns:
                    return Due(found, at, more=False)
                if ino in busy:
                    continue
                if len(found) == limit:
                    return Due(found, 0, more=True)
                found.append(ino)
        return Due(found, 0, more=False)

    async def wake(self, after: Inode) -> Inode | None:
        """Make a page of what waits for a peer due now, by inode beyond `after`; the last one.

        Page by page with the inode before, all are woken once, however many fail and wait again
        meanwhile. None at the end.
        """

        def change(batch: Batch) -> list[Inode]:
            return self._decisions.wake(batch.txn, after, WAKE_PAGE)

        woken = await self._context.commit(change)
        return woken[-1] if woken else None

    async def wake_failed(self, after: Inode) -> Inode | None:
        """The same for what is to be tried again at some time; the last one that was looked at."""
        now = self._context.clock.wall_ns()

        def change(batch: Batch) -> Inode | None:
            return self._decisions.wake_failed(batch.txn, now, after, WAKE_PAGE)

        return await self._context.commit(change)

    def _decide_anew(self, batch: Batch, ino: Inode) -> None:
        """But what is forgotten by now, as where a user has made something in the place of what was
        deleted: its tombstone goes on in that."""
        if batch.store.tree.entry(batch.txn, ino) is not None:
            batch.store.dirty.mark(batch.txn, ino)

    def _is_still(self, batch: Batch, where: Inode | bytes, over: Decision | None) -> bool:
        return over is None or self._decisions.get(batch.txn, where) == over
