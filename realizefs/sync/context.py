"""What the parts of one arena share: its store, its writer, its bells, its links.

Everything that writes goes through `commit`: one transaction (grouped with others), and only
after it is durable the listeners, the subscribers and the engine hear of it.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import trio

from realizefs.core.telling import Lately
from realizefs.model.background import Wait
from realizefs.model.changes import Change
from realizefs.model.decisions import Action
from realizefs.model.entries import Entry
from realizefs.model.ids import ArenaId, Digest, Inode, PeerId, Seq
from realizefs.model.marks import Mark
from realizefs.model.ports import Clock
from realizefs.model.ranges import NO_RANGES, Ranges
from realizefs.store.arena import ArenaStore
from realizefs.store.blob import Blob
from realizefs.store.marks import Marked
from realizefs.store.txn import Txn
from realizefs.store.watch import RootEvent
from realizefs.sync.background import Background
from realizefs.sync.batch import Batch
from realizefs.sync.bell import Bell
from realizefs.sync.guard import Guard
from realizefs.sync.links import Links
from realizefs.sync.names import Names
from realizefs.sync.overlay import Overlay
from realizefs.sync.pending import Place
from realizefs.sync.renames import Renames
from realizefs.sync.successors import Edited, Named
from realizefs.sync.telling import write_down
from realizefs.sync.to_leave import ToLeave
from realizefs.sync.writer import Request, Writer

T = TypeVar("T")


async def _at_once() -> None:
    """Nothing is queued."""


@dataclass(slots=True, eq=False)
class Context:
    """One arena's shared state; made by `Arena`, living on the trio thread."""

    id: ArenaId
    name: str
    me: PeerId
    me_name: str
    store: ArenaStore
    clock: Clock
    default_mark: Mark
    links: Links
    writer: Writer
    overlay: Overlay
    min_copies: int = 1
    background: Background | None = None
    """when jobs may fetch; always without it"""
    history: Bell = field(default_factory=Bell)
    """rings when there is something new to tell peers"""
    work: Bell = field(default_factory=Bell)
    """rings when there may be something to decide or a job to run"""
    acked: dict[PeerId, Seq] = field(default_factory=dict)
    """how much of our history each peer has committed, as far as it isn't saved yet"""
    members: frozenset[PeerId] | None = None
    """the other peers that are in this arena, asleep or not; None before anybody has said so"""
    members_changed: Bell = field(default_factory=Bell)
    heard_all: trio.Event = field(default_factory=trio.Event)
    """set once a peer has told all that it knows, to this process"""
    scanned: trio.Event = field(default_factory=trio.Event)
    """set once all of the root was looked at since the start"""
    read_only: bool = False
    """whether the others have been told not to heed what we change"""
    listeners: list[Callable[[Change], None]] = field(default_factory=list)
    watchers: list[Callable[[Sequence[RootEvent]], None]] = field(default_factory=list)
    """told of what is seen in the root, long before it is indexed"""
    arriving: Callable[[Inode, Digest], Ranges] = lambda ino, digest: NO_RANGES
    """ranges that were fetched and are being stored at this moment"""
    completing: Callable[[Inode, Digest], bool] = lambda ino, digest: False
    """whether somebody waits for all of a content"""
    on_touched: Callable[[bytes], None] = lambda path: None
    on_directories_moved: Callable[[Mapping[bytes, bytes]], None] = lambda places: None
    """called when a user has renamed directories through the mount, old → new"""
    on_moved_unseen: Callable[[Inode, Place], None] = lambda ino, place: None
    """called when something was indexed at a place that it had left meanwhile for another"""
    names_committed: Callable[[], Awaitable[None]] = _at_once
    """waits until the renames and deletes made here so far are in the index"""
    running: Mapping[Inode, Action] = field(default_factory=dict)
    """what jobs are carrying out"""
    in_hand: frozenset[Inode] = frozenset()
    """inodes whose native file an action is changing: the scanner records nothing of it"""
    to_leave: ToLeave = field(default_factory=ToLeave)
    """inodes whose Unrealize no crash can have left half done"""
    sought: Bell = field(default_factory=Bell)
    """rung when something more is to be looked for under other names"""
    edited: Edited = field(default_factory=Edited)
    """what was changed here from which content"""
    named: Named = field(default_factory=Named)
    """conflict copies whose file was just taken elsewhere"""
    lately: Lately = field(default_factory=Lately)
    """which changes the journal has told lately"""
    removed: set[Inode] = field(default_factory=set)
    """deleted by the user through the mount, natively gone, and not yet in the index"""
    is_looked_at: Callable[[bytes], bool] = lambda path: False
    """whether the scanner is just recording what it saw at a path"""
    problem: str | None = None
    """a sentence while the database refuses what must be recorded"""
    watching: str = ""
    """a sentence where changes in the root aren't seen as they happen"""
    ignoring: str = ""
    """a sentence where it can't be read what is never shared"""
    on_woken: Callable[[], None] = lambda: None
    """called when decisions that waited may be carried out"""
    guard: Guard = field(init=False)
    """whether peers may delete so much"""
    names: Names = field(init=False)
    """where everything is at this moment"""
    renames: Renames = field(init=False)
    """what is known of renames that peers made"""

    def __post_init__(self) -> None:
        self.store.marks.now_ns = self.clock.wall_ns
        self.guard = Guard(self.store, self.clock.wall_ns)
        self.names = Names(self.store, self.overlay)
        self.renames = Renames(self.store.root, self.clock)

    def wait(self) -> Wait | None:
        """Why jobs don't fetch now; None if they may."""
        return self.background.wait(self.id) if self.background is not None else None

    async def commit(self, work: Callable[[Batch], T]) -> T:
        """Run `work` on a Batch in a transaction; tell everybody once it is committed."""

        def run(txn: Txn) -> tuple[T, Batch]:
            batch = self.batch(txn)
            result = work(batch)
            self._write_down(batch)
            return result, batch

        result, batch = await self.writer.do(run)
        self._tell(batch)
        return result

    def queue(
        self,
        work: Callable[[Batch], None],
        inodes: Callable[[Txn], int],
        settled: Callable[[BaseException | None], None],
        *,
        patient: bool = False,
    ) -> Request:
        """The same without waiting; `settled` is called after it, with what went wrong if
        anything, before anybody is told. A `patient` one may wait for others."""

        def run(txn: Txn) -> Batch:
            batch = self.batch(txn)
            work(batch)
            self._write_down(batch)
            return batch

        def end(request: Request) -> None:
            settled(request.error)
            if request.error is None:
                self._tell(request.result)

        return self.writer.submit(Request(run, inodes, end, patient))

    def batch(self, txn: Txn) -> Batch:
        """For work in `txn` of which nobody is told."""
        return Batch(
            *(txn, self.store, self.me, self.me_name, self.default_mark),
            in_hand=self.in_hand,
            to_leave=self.to_leave,
        )

    def tell(self, change: Change) -> None:
        """Tell the listeners of one change."""
        for listener in self.listeners:
            listener(change)

    def tell_seen(self, events: Sequence[RootEvent]) -> None:
        """Tell the watchers what was seen in the root."""
        for watcher in self.watchers:
            watcher(events)

    def _write_down(self, batch: Batch) -> None:
        """What happened, in the journal; by the same commit."""
        batch.now_ns = self.clock.wall_ns()
        batch.happened = write_down(batch, self.lately)

    def _tell(self, batch: Batch) -> None:
        self.problem = None
        for ino, indexed in batch.indexed.items():
            self._is_indexed(ino, indexed)
        for path in batch.touched:
            self.on_touched(path)
        for change in batch.changes:
            self.tell(change)
        self.edited.note(batch.edited)
        self.named.note(batch.named)
        self.lately.note(batch.happened, batch.now_ns)
        if batch.seeks:
            self.sought.ring()
        self.history.ring()
        self.work.ring()

    def _is_indexed(self, ino: Inode, indexed: Place) -> None:
        """The index has what was in the overlay, which may have been renamed since it was seen."""
        place = self.overlay.place(ino)
        self.overlay.forget(ino)
        if place is not None and indexed != place:
            self.on_moved_unseen(ino, place)

    async def save_acked(self) -> None:
        """Save what peers acknowledged; a crash before only means that they are told again."""
        if not self.acked:
            return
        acked, self.acked = self.acked, {}
        replica, cursors = self.store.tree.replica, self.store.cursors

        def save(txn: Txn) -> None:
            for peer, seq in acked.items():
                cursors.set_acked(txn, peer, replica, seq)

        await self.writer.do(save)

    async def blob_complete(self, blob: Blob) -> None:
        """All bytes of a blob are here and checked: remember it and tell the peers."""

        def note(batch: Batch) -> None:
            self.store.blobs.mark_verified(batch.txn, blob)
            entry = self.store.tree.entry(batch.txn, blob.ino)
            if entry is not None and entry.version.hash == blob.hash:
                batch.held_changed(blob.ino)

        await self.commit(note)

    def keep_blocks(self, digest: Digest, digests: bytes) -> None:
        """Store a block list that was checked, some time; a list that can't be is fetched anew."""
        self.writer.submit(
            Request(lambda txn: self.store.blocks.put(txn, digest, digests), patient=True)
        )

    def effective_mark(self, txn: Txn, ino: Inode) -> tuple[Mark, Inode | None]:
        """The mark in force, and the inode it was set on (None: by a rule, or by default)."""
        entry = self.store.tree.entry(txn, ino)
        if entry is None:
            return self.default_mark, None
        found = self.store.marks.marked(txn, entry, self.default_mark)
        return found.mark, found.source

    def marked(self, txn: Txn, entry: Entry) -> Marked:
        """The mark in force for an entry, and why."""
        return self.store.marks.marked(txn, entry, self.default_mark)
