"""Group commit: many small writes, one transaction, one fsync.

Functions that write are queued; one task takes what is there, runs it in one transaction in a
worker thread and resolves all callers after the commit. If one raises, the transaction is
abandoned and each is run again in a transaction of its own, so that a failure stays with its
caller. A transaction for which the database's map was too small is run again in a larger one. So a
function may run twice: what it does outside the database must tolerate that.

Functions are run in the order in which they were queued, and `submit` queues without waiting:
whoever changed something natively and submits before it awaits anything has its record before
that of everybody who looks at the root afterwards.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import trio

from realizefs.model.errors import StoreFault
from realizefs.store.env import Environment
from realizefs.store.txn import Txn
from realizefs.sync.bell import Bell

T = TypeVar("T")

GROUP_MAX = 64
"""Functions in one transaction: bounds how long the first one waits for the last."""

LINGER_SECONDS = 0.05
"""Seconds that functions nobody waits for wait for others to share their fsync with."""


@dataclass(slots=True, eq=False)
class Request:
    """A function on its way: `result` or `error` once `done`.

    `inodes` counts those that it will allocate, in the moment before its transaction begins.
    `settled` is called on the trio thread after the commit or the failure, before anybody who
    waits for `done` goes on; it must neither block nor raise. A `patient` one may wait for company,
    LINGER_SECONDS at most.
    """

    work: Callable[[Txn], Any]
    inodes: Callable[[Txn], int] | None = None
    settled: "Callable[[Request], None] | None" = None
    patient: bool = False
    done: trio.Event = field(default_factory=trio.Event)
    result: Any = None
    error: BaseException | None = None


class Writer:
    """The only writer of one environment while the daemon runs.

    `ensure` reserves inodes in the worker thread, so that no caller waits for that commit either.
    """

    def __init__(self, env: Environment, ensure: Callable[[int], None]) -> None:
        self._env = env
        self._ensure = ensure
        # Bounded by the tasks of this process, each of which waits for its one request, and by
        # PENDING_MAX of `name_changes`, which doesn't wait.
        self._queue: deque[Request] = deque()
        self._wake = trio.Event()
        self._urgent = trio.Event()
        self._progress = Bell()
        self._closed = False

    def submit(self, request: Request) -> Request:
        """Queue it and return at once; StoreFault once the database is being closed."""
        if self._closed:
            raise StoreFault("The database is being closed.")
        self._queue.append(request)
        self._wake.set()
        if not request.patient or len(self._queue) >= GROUP_MAX:
            self.hurry()
        return request

    def hurry(self) -> None:
        """Somebody waits for what is queued."""
        self._urgent.set()

    async def shorter_than(self, length: int) -> None:
        """Wait until fewer than `length` functions wait for their transaction."""
        while len(self._queue) >= length:
            await self._progress.after(self._progress.count)

    async def do(self, work: Callable[[Txn], T]) -> T:
        """Run `work` in a transaction; return its result once that is committed.

        A cancelled caller's work is still done: whoever waits no longer can't take it back.
        """
        request = self.submit(Request(work))
        await request.done.wait()
        if request.error is not None:
            raise request.error
        result: T = request.result
        return result

    async def run(self) -> None:
        """Serve requests until cancelled; those still queued then are done first."""
        try:
            while True:
                await self._wake.wait()
                self._wake = trio.Event()
                while self._queue:
                    await self._gather()
                    await self._commit_group()
        finally:
            self._closed = True
            with trio.CancelScope(shield=True):
                while self._queue:
                    await self._commit_group()

    async def _gather(self) -> None:
        """Let what nobody waits for come together."""
        self._urgent = trio.Event()
        if len(self._queue) < GROUP_MAX and all(one.patient for one in self._queue):
            with trio.move_on_after(LINGER_SECONDS):
                await self._urgent.wait()

    async def _commit_group(self) -> None:
        group = [self._queue.popleft() for _ in range(min(len(self._queue), GROUP_MAX))]
        # Shielded: a thread can't be stopped, and its callers must hear the outcome.
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(self._execute, group)
        for request in group:
            if request.settled is not None:
                request.settled(request)
            request.done.set()
        self._progress.ring()

    def _execute(self, group: list[Request]) -> None:
        if len(group) > 1:
            try:
                self._reserve(group)
                results = self._env.do(lambda txn: [request.work(txn) for request in group])
            except Exception:  # noqa: BLE001, S110 - each is run again alone, with its own error
                pass
            else:
                for request, result in zip(group, results, strict=True):
                    request.result = result
                return
        for request in group:
            self._execute_alone(request)

    def _execute_alone(self, request: Request) -> None:
        try:
            self._reserve([request])
            request.result = self._env.do(request.work)
        except Exception as error:  # noqa: BLE001 - handed to the caller of do()
            request.error = error

    def _reserve(self, group: list[Request]) -> None:
        """Inodes can't be reserved inside a transaction. What a group's first functions make for
        its last ones to need isn't counted: the margin of `ensure` covers it, and if it doesn't,
        the group is run one by one."""
        counts = [request.inodes for request in group if request.inodes is not None]
        if counts:
            with self._env.read() as txn:
                needed = sum(count(txn) for count in counts)
            self._ensure(needed)
