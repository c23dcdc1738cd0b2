"""Telling a peer our history, and taking in its own: one stream, catch-up and live (DESIGN 5.2)."""

import logging
from collections.abc import Callable, Iterator
from typing import TypeVar

import trio

from realizefs.core.causal import Context as Seen
from realizefs.model import limits, paths
from realizefs.model.errors import ConnectionLost
from realizefs.model.ids import Inode, ReplicaId, Seq
from realizefs.model.messages import Ack, Row, Rows, Subscribe
from realizefs.model.versions import Kind, join_vectors, vector_of
from realizefs.store.txn import Txn
from realizefs.sync.apply import apply_row, mark_cached, note_held
from realizefs.sync.batch import Batch, HeardFirst
from realizefs.sync.context import Context
from realizefs.sync.link import Link
from realizefs.sync.restored import ChangesLost, begin_anew, check_nothing_is_lost
from realizefs.sync.told_seen import ToldSeen

log = logging.getLogger(__name__)

T = TypeVar("T")

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
        self._at: Seq | None = None  # how far they have told us on this link, without a gap
        self._they_saw: Seen = {}  # as they have told on this link
        self._is_first = False  # whether they tell all that they know, to this machine
        self._told_seen = ToldSeen()

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
        """Apply a piece of their history in one transaction and acknowledge it.

        What comes twice is left alone: it may say what they no longer hold. Where a piece is
        missing the link ends, and on the next one all is asked for that isn't here.
        """
        context, peer = self._context, self._link.peer
        first = self._at is None
        self._they_saw = dict(join_vectors(tuple(self._they_saw.items()), message.seen))
        if self._at is not None and message.last <= self._at:
            await self._nothing_new(message, self._at)
            return
        if message.after != self._at and not (first and not message.rows):
            raise ConnectionLost(f"A part of what {self._link.name} tells is missing.")
        self._their_replica = message.replica
        if message.rows:
            needed = _inodes_needed(message.rows) + limits.INODE_RESERVE
            await trio.to_thread.run_sync(context.store.inodes.ensure, needed)

        def apply(batch: Batch) -> bool:
            check_nothing_is_lost(batch, message)
            known, _ = self._theirs(batch.txn)
            is_first = self._is_first or known != message.replica
            batch.heard_first = HeardFirst(peer) if is_first else None
            if known != message.replica:
                # Its database is another one: what the old one said that it holds, it may have
                # lost, and it tells nothing of what it has just heard from us (R1).
                for ino in context.store.holders.drop_peer(batch.txn, peer):
                    mark_cached(batch, ino)
                tree = context.store.tree
                now = tree.positions.last(batch.txn)
                context.store.cursors.set_began_anew(batch.txn, peer, tree.replica, now)
            for row in _directories_first(message.rows):
                if self._read_only:
                    note_held(batch, row, peer)
                else:
                    apply_row(batch, row, peer, context.renames, self._they_saw)
            if known or first:  # a repair may have forgotten it, to ask for all
                context.store.cursors.set_theirs(
                    batch.txn, peer, message.replica, message.last, read_only=self._read_only
                )
            self._note_seen(batch, message)
            return is_first

        self._is_first = await self._commit(apply)
        self._at = message.last
        self._heard.set()
        await self._acknowledge(message, message.last)

    async def _nothing_new(self, message: Rows, at: Seq) -> None:
        """But what they have seen, perhaps, or that this is all."""
        if message.is_all:

            def note(batch: Batch) -> None:
                check_nothing_is_lost(batch, message)
                self._note_seen(batch, message)

            await self._commit(note)
        await self._acknowledge(message, at)

    async def _acknowledge(self, message: Rows, at: Seq) -> None:
        if message.is_all:
            self._is_first = False
            self._context.heard_all.set()
        await self._link.send(Ack(self._context.id, message.replica, at))

    async def _commit(self, work: Callable[[Batch], T]) -> T:
        """ConnectionLost where it shows that our database is an older copy: on the next link all is
        told, and claimed, by another author."""
        try:
            return await self._context.commit(work)
        except ChangesLost as lost:
            told = lost.position
            await self._context.commit(lambda batch: self._begin_anew(batch, told))
            raise ConnectionLost("The database of this machine is an older copy.") from lost

    def _note_seen(self, batch: Batch, message: Rows) -> None:
        """With what they have seen, once all that they had to tell is applied here. Not where a repair
        has forgotten how far that was: something is missing until they tell all, on the next link."""
        if self._theirs(batch.txn)[0] != message.replica:
            return
        contexts, author = self._context.store.contexts, batch.author
        if message.is_settled:
            contexts.set_known(batch.txn, self._link.peer, message.seen)
        if not message.is_all:
            return
        if message.seen and not self._read_only:
            contexts.take_in(batch.txn, author, message.seen)
        if self._context.members is not None:
            contexts.heard(batch.txn, [self._link.peer], self._context.members)

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
        with store.env.read() as txn:
            is_older = store.tree.positions.is_unknown(txn, self._after)
        if is_older:
            told = self._after
            await self._context.commit(lambda batch: self._begin_anew(batch, told))
            self._after = Seq(0)
        # Told first, so that both sides learn which replica they talk to, and what it has seen, before
        # any row.
        with store.env.read() as txn:
            first, _ = self._piece(txn, (), self._after, is_all=False)
        await self._link.send(first)
        await self._heard.wait()
        while True:
            count = self._context.history.count
            piece, is_told = await trio.to_thread.run_sync(self._page)
            if piece.last > self._after or is_told:
                await self._link.send(piece)
                self._after = piece.last
                if piece.is_all:
                    await trio.sleep(GATHER_SECONDS)
            else:
                with trio.move_on_after(self._told_seen.due(self._context.clock.now())):
                    await self._context.history.after(count)

    def _begin_anew(self, batch: Batch, told: Seq) -> None:
        """They have heard more of this history than there is: it came back from a backup. What is
        told under its old positions they would take for what they have heard already."""
        log.warning(
            '%s knows changes of "%s" that this machine has lost: its database is an older copy, '
            "and everything is compared anew.",
            self._link.name,
            self._context.name,
        )
        begin_anew(batch, told)

    def _page(self) -> tuple[Rows, bool]:
        """The next rows, bounded in number and bytes, and whether they tell what has been seen."""
        store = self._context.store
        rows: list[Row] = []
        last, size = self._after, 0
        with store.env.read() as txn:
            told_since = self._told_since(txn)
            batch = self._context.batch(txn)
            history = store.tree.history(txn, self._after, limits.ROWS_BATCH_MAX)
            is_all = len(history) < limits.ROWS_BATCH_MAX
            for seq, ino in history:
                row = self._row(batch, ino, told_since)
                if row is not None:
                    size += ROW_BYTES + len(row.path) + len(row.version.target)
                    size += 20 * len(row.version.vector)
                    if size > limits.ROWS_BATCH_BYTES_MAX and rows:
                        is_all = False
                        break
                    rows.append(row)
                last = seq
            return self._piece(txn, tuple(rows), last, is_all=is_all)

    def _piece(
        self, txn: Txn, rows: tuple[Row, ...], last: Seq, *, is_all: bool
    ) -> tuple[Rows, bool]:
        store = self._context.store
        author = store.tree.author(self._context.me)
        seen = vector_of(store.contexts.seen(txn, author))
        # What was heard of and isn't decided yet may be a deletion.
        is_settled = not store.removals.count(txn) and not store.dirty.any(txn)
        is_told = self._told_seen.is_to_tell(
            *(seen, self._context.clock.now()),
            forgotten=store.contexts.forgotten,
            is_all=is_all,
            is_settled=is_settled,
        )
        piece = Rows(
            *(self._context.id, store.tree.replica, self._after, last, rows),
            seen=seen if is_told else (),
            is_all=is_all,
            is_settled=is_told and is_settled,
        )
        return piece, is_told

    def _theirs(self, txn: Txn) -> tuple[ReplicaId, Seq]:
        return self._context.store.cursors.theirs(txn, self._link.peer, read_only=self._read_only)

    def _told_since(self, txn: Txn) -> Seq | None:
        """Our position from which on the origin of an entry says that this very replica told it;
        None where it hasn't told anything."""
        replica, _ = self._theirs(txn)
        _, anew = self._context.store.cursors.began_anew(txn, self._link.peer)
        return anew if replica == self._their_replica else None

    def _row(self, batch: Batch, ino: Inode, told_since: Seq | None) -> Row | None:
        """The row of an entry; None if this very replica told it to us and that is all there is.

        What we hold of it is nothing new either: a change of that resets the origin.
        """
        entry = self._context.store.tree.entry(batch.txn, ino)
        if entry is None:
            return None
        if entry.origin == self._link.peer and told_since is not None and entry.seq > told_since:
            return None
        path = self._context.store.tree.path(batch.txn, ino)
        if not path or paths.is_too_deep(path):
            return None
        return Row(path, entry.version, batch.held(entry))


def _directories_first(rows: tuple[Row, ...]) -> Iterator[Row]:
    """Those of live directories before what is in them: one that has replaced a file knows of it
    what a directory that is made because something is in it can't."""
    for live in (True, False):
        for row in rows:
            is_directory = row.version.kind is Kind.DIRECTORY and not row.version.deleted
            if is_directory is live:
                yield row


def _inodes_needed(rows: tuple[Row, ...]) -> int:
    """A row makes at most its own entry and one for each directory above it."""
    directories = set()
    for row in rows:
        parent = row.path.rpartition(b"/")[0]
        while parent and parent not in directories:
            directories.add(parent)
            parent = parent.rpartition(b"/")[0]
    return len(rows) + len(directories)
