"""Telling a peer our history, and taking in its own: one stream, catch-up and live (DESIGN 5.2)."""

import logging

import trio

from realizefs.model import limits, paths
from realizefs.model.ids import Inode, ReplicaId, Seq
from realizefs.model.messages import Ack, Row, Rows, Subscribe
from realizefs.store.txn import Txn
from realizefs.sync.apply import apply_row, note_held
from realizefs.sync.batch import Batch
from realizefs.sync.context import Context
from realizefs.sync.link import Link

log = logging.getLogger(__name__)

ROW_BYTES = 160
"""Bytes of a row without its path and target and vector, estimated generously."""

GATHER_SECONDS = 0.01
"""Pause after telling what is new: what happens meanwhile goes in one message, and one commit of
the receiver. A tenth of what a person notices."""


class Gossip:
    """One arena on one link: our subscription to them, and theirs to us.

    Of a `read_only` peer we hear what it holds; what it says of changes isn't believed.
    """

    def __init__(self, context: Context, link: Link, *, read_only: bool = False) -> None:
        self._context = context
        self._link = link
        self._read_only = read_only
        self._their_replica: ReplicaId | None = None
        self._heard = trio.Event()
        self._wanted = trio.Event()
        self._after = Seq(0)
        self._subscribed = False  # whether our cursor is of this subscription

    async def run(self) -> None:
        """Subscribe, then tell what is asked for; until the link ends."""
        store = self._context.store
        with store.env.read() as txn:
            replica, seq = self._theirs(txn)
        await self._link.send(Subscribe(self._context.id, replica, seq))
        await self._wanted.wait()
        await self._tell()

    # -- what they tell us --------------------------------------------------------------------

    async def rows(self, message: Rows) -> None:
        """Apply a piece of their history in one transaction and acknowledge it."""
        context, peer = self._context, self._link.peer
        self._their_replica = message.replica
        self._heard.set()
        if message.rows:
            needed = _inodes_needed(message.rows) + limits.INODE_RESERVE
            await trio.to_thread.run_sync(context.store.inodes.ensure, needed)

        def apply(batch: Batch) -> None:
            known, _ = self._theirs(batch.txn)
            if known and known != message.replica:
                # Its database is another one: what the old one said that it holds, it may have
                # lost, and it tells nothing of what it has just heard from us (R1).
                context.store.holders.drop_peer(batch.txn, peer)
            for row in message.rows:
                if self._read_only:
                    note_held(batch, row, peer)
                else:
                    apply_row(batch, row, peer, context.renames)
            if known or not self._subscribed:  # a repair may have forgotten it, to ask for all
                context.store.cursors.set_theirs(
                    batch.txn, peer, message.replica, message.last, read_only=self._read_only
                )

        await context.commit(apply)
        self._subscribed = True
        await self._link.send(Ack(context.id, message.replica, message.last))

    def ack(self, message: Ack) -> None:
        """They have committed our history up to there; saved with the next flush."""
        if message.replica == self._context.store.tree.replica:
            self._context.acked[self._link.peer] = message.seq

    # -- what we tell them --------------------------------------------------------------------

    def subscribed(self, message: Subscribe) -> None:
        """They want our history from there on; from its start if it is another replica's."""
        known = message.replica == self._context.store.tree.replica
        self._after = message.after if known else Seq(0)
        self._wanted.set()

    async def _tell(self) -> None:
        store = self._context.store
        replica = store.tree.replica
        # Told first, so that both sides learn which replica they talk to before any row.
        await self._link.send(Rows(self._context.id, replica, self._after, ()))
        await self._heard.wait()
        while True:
            seen = self._context.history.count
            rows, last, is_all = await trio.to_thread.run_sync(self._page)
            if last > self._after:
                await self._link.send(Rows(self._context.id, replica, last, tuple(rows)))
                self._after = last
                if is_all:
                    await trio.sleep(GATHER_SECONDS)
            else:
                await self._context.history.after(seen)

    def _page(self) -> tuple[list[Row], Seq, bool]:
        """The next rows, the position after them, and whether there are no more; bounded in number
        and bytes."""
        store = self._context.store
        rows: list[Row] = []
        last, size = self._after, 0
        with store.env.read() as txn:
            echo = self._is_same_replica(txn)
            batch = self._context.batch(txn)
            history = store.tree.history(txn, self._after, limits.ROWS_BATCH_MAX)
            is_all = len(history) < limits.ROWS_BATCH_MAX
            for seq, ino in history:
                row = self._row(batch, ino, echo)
                if row is not None:
                    size += ROW_BYTES + len(row.path) + len(row.version.target)
                    size += 20 * len(row.version.vector)
                    if size > limits.ROWS_BATCH_BYTES_MAX and rows:
                        is_all = False
                        break
                    rows.append(row)
                last = seq
        return rows, last, is_all

    def _is_same_replica(self, txn: Txn) -> bool:
        replica, _ = self._theirs(txn)
        return replica == self._their_replica

    def _theirs(self, txn: Txn) -> tuple[ReplicaId, Seq]:
        return self._context.store.cursors.theirs(txn, self._link.peer, read_only=self._read_only)

    def _row(self, batch: Batch, ino: Inode, echo: bool) -> Row | None:
        """The row of an entry; None if this very replica told it to us and that is all there is.

        What we hold of it is nothing new either: a change of that resets the origin.
        """
        entry = self._context.store.tree.entry(batch.txn, ino)
        if entry is None or (echo and entry.origin == self._link.peer):
            return None
        path = self._context.store.tree.path(batch.txn, ino)
        if not path or paths.is_too_deep(path):
            return None
        return Row(path, entry.version, batch.held(entry))


def _inodes_needed(rows: tuple[Row, ...]) -> int:
    """A row makes at most its own entry and one for each directory above it."""
    directories = set()
    for row in rows:
        parent = row.path.rpartition(b"/")[0]
        while parent and parent not in directories:
            directories.add(parent)
            parent = parent.rpartition(b"/")[0]
    return len(rows) + len(directories)
