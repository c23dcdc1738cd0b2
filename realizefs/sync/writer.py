"""Group commit: many small writes, one transaction, one fsync.

Functions that write are queued; one task takes what is there, runs it in one transaction in a
worker thread and resolves all callers after the commit. If one raises, the transaction is
abandoned and each is run again in a transaction of its own, so that a failure stays with its
caller. So a function may run twice: what it does outside the database must tolerate that.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import trio

from realizefs.model.errors import StoreFault
from realizefs.store.env import Environment, Txn

T = TypeVar("T")

GROUP_MAX = 64
"""Functions in one transaction: bounds how long the first one waits for the last."""


@dataclass(slots=True, eq=False)
class _Request:
    work: Callable[[Txn], Any]
    done: trio.Event = field(default_factory=trio.Event)
    result: Any = None
    error: BaseException | None = None


class Writer:
    """The only writer of one environment while the daemon runs."""

    def __init__(self, env: Environment) -> None:
        self._env = env
        # Bounded by the tasks of this process: each waits for its one request.
        self._queue: deque[_Request] = deque()
        self._wake = trio.Event()
        self._closed = False

    async def do(self, work: Callable[[Txn], T]) -> T:
        """Run `work` in a transaction; return its result once that is committed.

        A cancelled caller's work is still done: whoever waits no longer can't take it back.
        """
        if self._closed:
            raise StoreFault("The database is being closed.")
        request = _Request(work)
        self._queue.append(request)
        self._wake.set()
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
                    await self._commit_group()
        finally:
            self._closed = True
            with trio.CancelScope(shield=True):
                while self._queue:
                    await self._commit_group()

    async def _commit_group(self) -> None:
        group = [self._queue.popleft() for _ in range(min(len(self._queue), GROUP_MAX))]
        # Shielded: a thread can't be stopped, and its callers must hear the outcome.
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(self._execute, group)
        for request in group:
            request.done.set()

    def _execute(self, group: list[_Request]) -> None:
        if len(group) > 1:
            try:
                with self._env.write() as txn:
                    results = [request.work(txn) for request in group]
            except Exception:  # noqa: BLE001, S110 - each is run again alone, with its own error
                pass
            else:
                for request, result in zip(group, results, strict=True):
                    request.result = result
                return
        for request in group:
            self._execute_alone(request)

    def _execute_alone(self, request: _Request) -> None:
        try:
            with self._env.write() as txn:
                request.result = request.work(txn)
        except Exception as error:  # noqa: BLE001 - handed to the caller of do()
            request.error = error
