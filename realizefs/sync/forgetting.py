"""Tombstones that everybody has are forgotten, so that an index doesn't grow for ever (DESIGN 5.2).

Everybody: all members of the arena, asleep or not, have said that they have seen the deletion and
carried it out (`core.causal`). Who says so never again tells what was deleted, but for one whose
database is an older copy, or who was no member for a while; he hears that it is deleted, since what was
seen here and is no longer known was deleted.
"""

from functools import partial

import trio

from realizefs.core.causal import Context as Seen
from realizefs.core.causal import is_seen, seen_by_all
from realizefs.model.ids import Inode, PeerId
from realizefs.store import graves
from realizefs.store.txn import Txn
from realizefs.sync.batch import Batch
from realizefs.sync.context import Context
from realizefs.sync.patience import patiently

FORGET_SECONDS = 600.0
"""Seconds between rounds. What is forgotten in one was seen by all in the one before: whatever was
under way of it then has come to an end. A million names take some seconds of a worker thread, and are
looked through only where more has been seen by all."""

PAGE = 5000
"""Names looked at in one read transaction, some ten milliseconds."""

TOGETHER_MAX = 500
"""Tombstones forgotten in one commit, as long."""

PAUSE_SECONDS = 0.05
"""Between pages: it has all the time in the world."""


class Forgetting:
    """Of one arena. Trio thread."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._before: Seen = {}
        self._done: Seen = {}

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await trio.sleep(FORGET_SECONDS)
            await patiently(self.go_over, f"Forgetting deletions in {self._context.name}")

    async def go_over(self) -> None:
        """One round."""
        members = self._context.members
        if members is None:
            return
        seen = await self._context.commit(lambda batch: self._seen_by_all(batch, members))
        forgettable, self._before = self._before, seen
        if forgettable == self._done:
            return
        key: bytes | None = b""
        is_done = True
        while key is not None and forgettable:
            found, key = await trio.to_thread.run_sync(self._page, key, forgettable)
            for at in range(0, len(found), TOGETHER_MAX):
                part = found[at : at + TOGETHER_MAX]
                is_done &= await self._context.commit(partial(self._forget, part, forgettable))
            await trio.sleep(PAUSE_SECONDS)
        self._done = forgettable if is_done else {}

    def _seen_by_all(self, batch: Batch, members: frozenset[PeerId]) -> dict[PeerId, int]:
        contexts, txn = self._context.store.contexts, batch.txn
        contexts.heard(txn, (), members)
        known = contexts.known(txn)
        own = contexts.seen(txn, batch.author)
        return seen_by_all([own, *(known.get(member, {}) for member in members)])

    def _page(self, after: bytes, seen: Seen) -> tuple[list[Inode], bytes | None]:
        """Those of the next PAGE names that are to be forgotten, and the last one; None at the end."""
        store = self._context.store
        with store.env.read() as txn:
            if not graves.has_any(store.tree, txn):
                return [], None
            found, last = graves.page(txn, after, PAGE)
            return [ino for ino in found if self._is_seen(txn, ino, seen)], last

    def _is_seen(self, txn: Txn, ino: Inode, seen: Seen) -> bool:
        """Whether everybody has this tombstone."""
        entry = self._context.store.tree.entry(txn, ino)
        if entry is None or not entry.version.deleted or not is_seen(entry.version, seen):
            return False
        # Of nobody's not all who have seen what is gone need have seen that it is.
        return bool(entry.version.author) or not entry.version.vector

    def _is_left(self, txn: Txn, ino: Inode) -> bool:
        """Whether nothing here has to do with it any more."""
        store = self._context.store
        return not (
            any(True for _ in store.tree.children(txn, ino))
            or store.real.has(txn, ino)
            or store.removals.is_one(txn, ino)
            or ino in self._context.in_hand
        )

    def _forget(self, inodes: list[Inode], seen: Seen, batch: Batch) -> bool:
        """And the directories that they were the last in. False if something was in the way of one."""
        store, txn = self._context.store, batch.txn
        store.contexts.forgotten += 1
        for ino in inodes:
            at: Inode | None = ino
            while at is not None and self._is_seen(txn, at, seen) and self._is_left(txn, at):
                above = store.tree.parent(txn, at)
                store.forget(txn, at)
                at = above
        return all(store.tree.entry(txn, ino) is None for ino in inodes)
