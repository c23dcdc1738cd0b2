"""The database's writer held up, so that a test sees what happens without any commit."""

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

from realizefs.store.txn import Txn
from realizefs.sync.arena import Arena
from realizefs.sync.writer import Request

END_SECONDS = 60
"""Seconds after which a block ends whatever happened: a failing test must not hang."""


class Block:
    """Holds the write lock of an arena's database from `begin` (on the trio thread) to `end`."""

    def __init__(self, arena: Arena) -> None:
        self._writer = arena.context.writer
        self._holds = threading.Event()
        self._ends = threading.Event()
        self.held = True

    def begin(self) -> Request:
        return self._writer.submit(Request(self._hold))

    def wait_begun(self) -> None:
        assert self._holds.wait(END_SECONDS)

    def end(self) -> None:
        self._ends.set()

    def _hold(self, txn: Txn) -> None:
        self._holds.set()
        self.held = self._ends.wait(END_SECONDS)


async def never(*_: object) -> None:
    """In the place of something that is not to come to its end."""
    await trio.sleep_forever()


@asynccontextmanager
async def no_commits(arena: Arena) -> AsyncIterator[None]:
    """Nothing is committed inside; what was queued is committed at the end."""
    block = Block(arena)
    held = block.begin()
    await trio.to_thread.run_sync(block.wait_begun)
    try:
        yield
    finally:
        block.end()
        await held.done.wait()
        assert block.held, "something waited for a commit"
        await arena.context.names_committed()
