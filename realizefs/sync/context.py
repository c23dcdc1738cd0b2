"""What the parts of one arena share: its store, its writer, its bells, its links.

Everything that writes goes through `commit`: one transaction (grouped with others), and only
after it is durable the listeners, the subscribers and the engine hear of it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from realizefs.model.changes import Change
from realizefs.model.ids import ArenaId, Digest, Inode, PeerId, Seq
from realizefs.model.marks import Mark
from realizefs.model.ports import Clock
from realizefs.model.ranges import NO_RANGES, Ranges
from realizefs.store.arena import ArenaStore
from realizefs.store.blob import Blob
from realizefs.store.env import Txn
from realizefs.sync.batch import Batch
from realizefs.sync.bell import Bell
from realizefs.sync.links import Links
from realizefs.sync.overlay import Overlay
from realizefs.sync.renames import Renames
from realizefs.sync.writer import Writer

T = TypeVar("T")


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
    history: Bell = field(default_factory=Bell)
    """rings when there is something new to tell peers"""
    work: Bell = field(default_factory=Bell)
    """rings when there may be something to decide or a job to run"""
    acked: dict[PeerId, Seq] = field(default_factory=dict)
    """how much of our history each peer has committed, as far as it isn't saved yet"""
    listeners: list[Callable[[Change], None]] = field(default_factory=list)
    arriving: Callable[[Inode, Digest], Ranges] = lambda ino, digest: NO_RANGES
    """ranges that were fetched and are being stored at this moment"""
    on_touched: Callable[[bytes], None] = lambda path: None
    renames: Renames = field(init=False)
    """what is known of renames that peers made"""

    def __post_init__(self) -> None:
        self.renames = Renames(self.store.root, self.clock)

    async def commit(self, work: Callable[[Batch], T]) -> T:
        """Run `work` on a Batch in a transaction; tell everybody once it is committed."""

        def run(txn: Txn) -> tuple[T, Batch]:
            batch = self.batch(txn)
            return work(batch), batch

        result, batch = await self.writer.do(run)
        self._tell(batch)
        return result

    def batch(self, txn: Txn) -> Batch:
        """For work in `txn` of which nobody is told."""
        return Batch(txn, self.store, self.me, self.me_name, self.default_mark)

    def _tell(self, batch: Batch) -> None:
        for ino in batch.indexed:
            self.overlay.forget(ino)
        for path in batch.touched:
            self.on_touched(path)
        for change in batch.changes:
            for listener in self.listeners:
                listener(change)
        self.history.ring()
        self.work.ring()

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

    async def keep_blocks(self, digest: Digest, digests: bytes) -> None:
        """Store a block list that was checked."""
        await self.commit(lambda batch: self.store.blocks.put(batch.txn, digest, digests))

    def effective_mark(self, txn: Txn, ino: Inode) -> tuple[Mark, Inode | None]:
        """The mark in force and the inode it was set on (None: the arena's default)."""
        return self.store.marks.effective(txn, ino, self.default_mark)
