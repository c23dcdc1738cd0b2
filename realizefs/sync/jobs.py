"""The nursery: decisions being carried out.

Runnable decisions come straight from the engine; at start, when a peer connects and when a retry
is due they are read from the beginning of the table of those that are due (`engine_store`). Small
files share CHUNK_BYTES in flight; a bigger file waits until it can go with nothing else of its
kind. What fails is stored with its reason and the time of its next try, so a restart goes on
where it stopped.
"""

import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial

import trio

from realizefs.core.foresee import Outcome, foresee
from realizefs.model import limits, paths
from realizefs.model.decisions import NEVER_NS, Action, Decision
from realizefs.model.entries import Entry
from realizefs.model.errors import Busy, RealizeError, Unreachable
from realizefs.model.ids import Inode
from realizefs.sync.actions import Actions
from realizefs.sync.bell import Bell
from realizefs.sync.context import Context
from realizefs.sync.engine import decide_page, situation
from realizefs.sync.engine_store import EngineStore
from realizefs.sync.gate import SizeGate
from realizefs.sync.gathering import Content, is_small, together
from realizefs.sync.patience import patiently

log = logging.getLogger(__name__)

QUEUE_MAX = 4096
"""Runnable inodes kept in memory; the others are found again in the table."""

TAKERS = 8
"""Tasks that take from the queue, each as many as may come together: more would be as many that get
one each. What all of them have taken shares JOBS_MAX places."""

AGAIN_SECONDS_MIN = 0.1
"""Seconds before the next try at least: what ends at an instant may not have ended yet as the clock
tells it, and would be tried over and over within that instant."""

_MOVED = FileNotFoundError | FileExistsError | NotADirectoryError
"""What a job meets where a user is just renaming or replacing the folder that its file is in."""


class Jobs:
    """Decides and carries out, for one arena."""

    def __init__(self, context: Context, actions: Actions) -> None:
        self._context = context
        self._actions = actions
        self._stored = EngineStore(context)
        self._queue, self._runnable = trio.open_memory_channel[Inode](QUEUE_MAX)
        self._queued: set[Inode] = set()
        self.running: dict[Inode, Action] = {}
        context.running = self.running
        self._again: set[Inode] = set()
        """of those that run: decided anew meanwhile, and looked at again when they are through"""
        self._overflow = True  # the table holds what a former process left
        self._next_retry_ns = 0
        self._put_off = Bell()
        """rung for each job that waits until it may fetch"""
        self._gate = SizeGate(limits.CHUNK_BYTES)
        self._several = trio.CapacityLimiter(limits.JOBS_MAX)
        context.on_woken = self._look_again

    async def run(self) -> None:
        """Until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._decide_forever)
            nursery.start_soon(self._wake_on_connect)
            nursery.start_soon(self._wake_when_it_may)
            for _ in range(TAKERS):
                nursery.start_soon(self._work_forever)

    async def _decide_forever(self) -> None:
        while True:
            seen = self._context.work.count
            todo = await patiently(lambda: decide_page(self._context), "Deciding")
            if todo is None:
                await self._refill()
                with trio.move_on_after(self._until_retry()):
                    await self._context.work.after(seen)
                continue
            for ino in todo:
                self._enqueue(ino)

    def _look_again(self) -> None:
        """There is more in the table that can be carried out."""
        self._overflow = True
        self._context.work.ring()

    def _until_retry(self) -> float:
        if not self._next_retry_ns:
            return 3600.0
        return max((self._next_retry_ns - self._context.clock.wall_ns()) / 1e9, 0.05)

    def _retry_at(self, time_ns: int) -> None:
        """Something isn't due before that."""
        self._next_retry_ns = min(self._next_retry_ns or time_ns, time_ns)
        self._context.work.ring()

    def _enqueue(self, ino: Inode) -> None:
        if ino in self._queued:
            return
        try:
            self._queue.send_nowait(ino)
        except trio.WouldBlock:
            self._overflow = True
        else:
            self._queued.add(ino)

    async def _refill(self) -> None:
        """Look through the table where the queue isn't all there is."""
        now = self._context.clock.wall_ns()
        time_has_come = 0 < self._next_retry_ns <= now
        if self._queued or not (self._overflow or time_has_come):
            return
        self._overflow = False
        busy = frozenset(self.running)
        due = await trio.to_thread.run_sync(self._stored.due, now, QUEUE_MAX, busy)
        self._next_retry_ns = due.next_ns
        self._overflow = self._overflow or due.more
        for ino in due.inodes:
            self._enqueue(ino)

    async def _wake_on_connect(self) -> None:
        """A job that waits for a peer is runnable again when one connects."""
        arrived, seen = self._context.links.arrived, 0
        while True:
            await arrived.after(seen)
            seen = arrived.count
            await self._wake_all(self._stored.wake)

    async def _wake_when_it_may(self) -> None:
        """What was put off is stored as if it waited for a peer. One that is put off while all are
        woken rings again, after it is stored."""
        background = self._context.background
        while background is not None:
            seen = self._put_off.count
            if seen:
                await background.until_it_may(self._context.id)
                await self._wake_all(self._stored.wake)
            await self._put_off.after(seen)

    async def try_again(self) -> None:
        """What failed is due now, as if for the first time: what was in its way may be gone."""
        await self._wake_all(self._stored.wake_failed)

    async def _wake_all(self, wake: Callable[[Inode], Awaitable[Inode | None]]) -> None:
        last: Inode | None = Inode(0)
        while last is not None:
            last = await patiently(partial(wake, last), "Waking jobs")
            self._look_again()

    # -- carrying out -------------------------------------------------------------------------

    async def _work_forever(self) -> None:
        async for ino in self._runnable.clone():
            some = [ino, *self._others()]
            self._queued.difference_update(some)
            if not self._queued and self._overflow:
                self._context.work.ring()
            await self._gather(some)
            async with trio.open_nursery() as nursery:
                for one in some:
                    nursery.start_soon(self._attempt, one)

    def _others(self) -> Iterator[Inode]:
        """More that are runnable now, to share with the first what it costs to fetch them."""
        with suppress(trio.WouldBlock):
            for _ in range(limits.SEVERAL_MAX - 1):
                yield self._runnable.receive_nowait()

    async def _gather(self, inodes: Sequence[Inode]) -> None:
        """Of those that are about to be fetched the small ones come together. That is no try: what
        doesn't come is fetched, or fails, by itself."""
        if len(inodes) < 2 or self._context.wait() is not None:
            return
        contents = await trio.to_thread.run_sync(self._small, inodes)
        for some in together(contents):
            async with self._gate.holding(sum(version.size for _, version in some)):
                await self._actions.gather(some)

    def _small(self, inodes: Sequence[Inode]) -> list[Content]:
        """Those that nothing is known to be in the way of. Blocking."""
        store, found = self._context.store, []
        with store.env.read() as txn:
            for ino in inodes:
                decision, entry = store.decisions.get(txn, ino), store.tree.entry(txn, ino)
                if decision is None or entry is None or decision.hash != entry.version.hash:
                    continue
                if is_small(entry.version) and decision in (
                    Decision(Action.UPDATE_CACHE, decision.hash),
                    Decision(Action.REALIZE, decision.hash),
                ):
                    found.append((ino, entry.version))
        return found

    async def _attempt(self, ino: Inode) -> None:
        async with self._several:
            await self._attempt_in_turn(ino)

    async def _attempt_in_turn(self, ino: Inode) -> None:
        if ino in self.running:
            self._again.add(ino)
            return
        decision = self._stored.get(ino)
        with self._context.store.env.read() as txn:
            entry = self._context.store.tree.entry(txn, ino)
        if decision is None or entry is None:
            return
        if decision.wait_for_peer:
            return
        if decision.retry_at_ns > self._context.clock.wall_ns():
            self._retry_at(decision.retry_at_ns)
            return
        if self._stored.is_held(ino):
            held = replace(decision, retry_at_ns=NEVER_NS)
            await patiently(lambda: self._stored.set(ino, held, over=decision), "Noting a job")
            return
        if self._is_to_wait(entry):
            waiting = replace(decision, retry_at_ns=0, wait_for_peer=True, error="")
            await patiently(lambda: self._stored.set(ino, waiting, over=decision), "Noting a job")
            self._put_off.ring()
            return
        self.running[ino] = decision.action
        try:
            async with self._gate.holding(entry.version.size):
                await self._carry_out(ino, decision)
        finally:
            del self.running[ino]
            if ino in self._again:
                self._again.discard(ino)
                self._enqueue(ino)

    def _is_to_wait(self, entry: Entry) -> bool:
        """Whether it would fetch, and nothing may be fetched now that nobody waits for."""
        if self._context.wait() is None:
            return False
        with self._context.store.env.read() as txn:
            at = situation(self._context, txn, entry)
        return foresee(at, at.mark, is_kept=False) in (Outcome.REAL_FETCHED, Outcome.CACHED)

    async def _carry_out(self, ino: Inode, decision: Decision) -> None:
        try:
            await self._actions.carry_out(ino, decision)
        except (RealizeError, OSError) as error:
            await self._failed(ino, decision, error)
        else:
            await patiently(lambda: self._stored.carried_out(ino, decision), "Noting a job")

    async def _failed(self, ino: Inode, decision: Decision, error: Exception) -> None:
        store, clock = self._context.store, self._context.clock
        # What it waits for may just have come to pass: then it doesn't wait the longer for it.
        again = isinstance(error, Busy) and ino in self._again
        attempts = 1 if again else decision.attempts + 1
        # To wait for a peer is no try: what fails when it is back is tried again soon.
        after = replace(decision, attempts=0, retry_at_ns=0, wait_for_peer=True, error="")
        if not isinstance(error, Unreachable) or self._can_ask(ino, decision):
            after = replace(
                decision,
                attempts=attempts,
                retry_at_ns=clock.wall_ns() + int(_backoff(attempts, error) * 1e9),
                wait_for_peer=False,
                error=str(error)[:500],
            )
        with store.env.read() as txn:
            path = paths.show(store.tree.path(txn, ino) or b"?")
        level = logging.INFO if attempts > 1 else logging.DEBUG
        log.log(level, '%s of "%s" failed: %s', decision.action.name, path, error)

        await patiently(lambda: self._stored.failed(ino, decision, after), "Noting a job")
        if not after.wait_for_peer:
            self._retry_at(after.retry_at_ns)

    def _can_ask(self, ino: Inode, decision: Decision) -> bool:
        """Whether a holder is connected: one that was silent, or has come since the job failed.
        No other peer needs to connect for the next try."""
        return bool(self._context.links.holding(self._context.store, ino, decision.hash))


def _backoff(attempts: int, error: Exception) -> float:
    """Seconds until the next try after so many failed."""
    steps: tuple[float, ...] = limits.BACKOFF_SECONDS
    if isinstance(error, Busy) and error.seconds is not None:
        return max(error.seconds, AGAIN_SECONDS_MIN)
    if isinstance(error, Busy | _MOVED):
        steps = limits.BUSY_SECONDS + steps[1:]
    return steps[min(attempts, len(steps)) - 1]
