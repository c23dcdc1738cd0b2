"""What is known of an arena without asking anybody: its paths, inodes, marks and descriptions.

Everything here answers from memory or one LMDB read, some with one native system call besides; on
the trio thread unless it says that any thread may ask. Nothing here changes anything.
"""

import errno
import os
from collections.abc import Callable, Collection, Container, Iterable, Sequence

import trio

from realizefs.model.decisions import Action
from realizefs.model.entries import Dirent, Entry, Node
from realizefs.model.ids import ArenaId, Inode
from realizefs.model.marks import Mark
from realizefs.store.arena import ArenaStore
from realizefs.store.txn import Txn
from realizefs.sync.bell import Bell
from realizefs.sync.below import Top
from realizefs.sync.context import Context
from realizefs.sync.describe import Description, describe, describe_native, ranges_here
from realizefs.sync.foresight import Foresight, foresight
from realizefs.sync.marking import native_mark
from realizefs.sync.overlay import Overlay
from realizefs.sync.summary import Listed, Span, Usage, listing, never_shared, span, usage
from realizefs.sync.telling import Told, Wanted, journal
from realizefs.sync.work import Work, work

NEWS_SECONDS = 3.0
"""What the first mount after joining waits at most: a hundred thousand files come in that time."""


class ArenaView:
    """The reading half of an `Arena`."""

    def __init__(self, context: Context) -> None:
        self.context = context

    @property
    def id(self) -> ArenaId:
        """The identity that peers share."""
        return self.context.id

    @property
    def name(self) -> str:
        """The name on this machine."""
        return self.context.name

    @property
    def store(self) -> ArenaStore:
        """Its databases, blobs and real files."""
        return self.context.store

    @property
    def overlay(self) -> Overlay:
        """Inodes of what only exists natively."""
        return self.context.overlay

    @property
    def root_ino(self) -> Inode:
        """The inode of the arena root."""
        return self.store.tree.root

    async def first_news(self) -> None:
        """Where nothing is known yet and there are others: until one of them has told all that it
        knows, or NEWS_SECONDS. Who has just joined is to see files, and not an empty folder."""
        with self.store.env.read() as txn:
            is_known = self.store.tree.positions.last(txn) > 0
        if self.context.members and not is_known:
            with trio.move_on_after(NEWS_SECONDS):
                await self.context.heard_all.wait()

    async def looked_through(self, seconds: float) -> bool:
        """Whether all of the root was looked at since the start; waits so long for it at most."""
        with trio.move_on_after(seconds):
            await self.context.scanned.wait()
        return self.context.scanned.is_set()

    def usage(self, tops: Sequence[Top], checkpoint: Callable[[], None]) -> dict[str, Usage]:
        """How much at and below some paths is in which state. Any thread; blocking."""
        return usage(self.context, tops, checkpoint)

    def foresight(
        self, tops: Sequence[Top], mark: Mark | None, checkpoint: Callable[[], None]
    ) -> Foresight:
        """What a mark on some paths would bring or take away. Any thread; blocking."""
        connected = self.context.links.all_connected()
        return foresight(self.context, tops, mark, connected, checkpoint)

    def work(self, limit: int) -> Work:
        """What is carried out, and some of what waits and why. Any thread; blocking."""
        return work(self.context, limit)

    def listing(self, ino: Inode, after: bytes) -> list[Listed]:
        """Some entries of a directory beyond a name. Any thread; blocking."""
        return listing(self.context, ino, after)

    def never_shared(self, path: bytes) -> list[Listed]:
        """What of a native directory stays on this machine. Any thread; blocking; FileNotFoundError."""
        return never_shared(self.context, path)

    def span(self, ino: Inode, start: int, count: int, sought: Collection[bytes]) -> Span:
        """Some entries of a directory from a position on. Any thread; blocking."""
        return span(self.context, ino, start, count, sought)

    async def journal(self, wanted: Wanted) -> tuple[list[Told], int]:
        """What happened, the oldest first, and where what happens from now on comes."""
        await self.context.names_committed()

        def read() -> tuple[list[Told], int]:
            with self.store.env.read() as txn:
                return journal(self.store, txn, self.context.links, wanted)

        return await trio.to_thread.run_sync(read)

    @property
    def news(self) -> Bell:
        """Rings after each commit."""
        return self.context.history

    def node(self, ino: Inode) -> Node:
        """What the inode is now; FileNotFoundError if neither index nor overlay knows it."""
        names = self.context.names
        with self.store.env.read() as txn:
            path, entry = names.path(txn, ino), names.entry(txn, ino)
        if path is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        return Node(ino, path, entry)

    def path(self, ino: Inode) -> bytes:
        """Where the inode is now."""
        with self.store.env.read() as txn:
            path = self.context.names.path(txn, ino)
        if path is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        return path

    def ino_for(self, parent: Inode, name: bytes) -> Inode | None:
        """The inode called so: of a live entry of the index, else of the overlay."""
        return self.context.names.lookup(parent, name)

    def unreal_child(self, parent: Inode, name: bytes) -> Entry | None:
        """The live entry called so, unless it is believed real (see `believed_real`)."""
        names, in_hand = self.context.names, self.context.in_hand
        with self.store.env.read() as txn:
            ino = names.find(txn, parent, name)
            entry = names.entry(txn, ino) if ino is not None else None
            if entry is None or entry.version.deleted:
                return None
            if self._is_believed_real(txn, entry.ino, in_hand):
                return None
        return entry

    def children(self, ino: Inode) -> Sequence[Dirent]:
        """The index's entries in a directory, tombstones included, by name. Any thread."""
        return self.context.names.children(ino)

    def believed_real(self, inodes: Iterable[Inode]) -> set[Inode]:
        """Those of which the index holds that a native file belongs to them. Any thread.

        Not those that are just leaving the root or coming to it, whatever is decided about them by now:
        they are shown without a gap, real until the rename and unreal from then on, or the other way round.
        """
        in_hand = self.context.in_hand  # before the rows: an action may end in between
        with self.store.env.read() as txn:
            return {ino for ino in inodes if self._is_believed_real(txn, ino, in_hand)}

    def _is_believed_real(self, txn: Txn, ino: Inode, in_hand: Container[Inode]) -> bool:
        if ino in in_hand:
            return False
        return self.store.real.has(txn, ino) and not self._leaves(txn, ino)

    def _leaves(self, txn: Txn, ino: Inode) -> bool:
        decision = self.store.decisions.get(txn, ino)
        return decision is not None and decision.action is Action.UNREALIZE

    def cached_bytes(self, inodes: Iterable[Inode]) -> dict[Inode, int]:
        """Bytes of disk that the cache uses for these, 0 left out. Any thread."""
        with self.store.env.read() as txn:
            rows = ((ino, self.store.blobs.find(txn, ino)) for ino in inodes)
            return {ino: row.usage for ino, row in rows if row is not None and row.usage}

    def cached_complete(self, ino: Inode) -> bool:
        """Whether reading this entry's current version needs no peer."""
        with self.store.env.read() as txn:
            entry = self.store.tree.entry(txn, ino)
            row = self.store.blobs.find(txn, ino)
        if entry is None:
            return True
        version = entry.version
        if not version.size or (row is not None and row.hash == version.hash and row.verified):
            return True
        # What was just read is on its way into the blob: no row says so yet, and nothing is fetched for it.
        return ranges_here(self.context, row, entry).total() == version.size

    def explicit_mark(self, ino: Inode) -> Mark | None:
        """The mark set on this very inode."""
        with self.store.env.read() as txn:
            if self.store.tree.entry(txn, ino) is not None:
                return self.store.marks.get(txn, ino)
        return native_mark(self.store.root, self.path(ino))

    def attributes(self, ino: Inode) -> dict[bytes, bytes]:
        """The user's own attributes of an unreal entry."""
        with self.store.env.read() as txn:
            return self.store.attributes.of(txn, ino)

    def describe(self, ino: Inode) -> Description:
        """Everything about a path; FileNotFoundError for what doesn't exist."""
        with self.store.env.read() as txn:
            entry = self.store.tree.entry(txn, ino)
            if entry is not None and not entry.version.deleted:
                return describe(self.context, txn, entry)
        return describe_native(self.context, self.path(ino))

    def describe_at(self, path: bytes) -> Description:
        """The same for a path, of what isn't indexed and nobody has looked up, too."""
        ino = self.context.names.resolve(path)
        return self.describe(ino) if ino is not None else describe_native(self.context, path)

    def resolve(self, path: bytes) -> Inode:
        """The inode at a path, of the index or native; FileNotFoundError."""
        ino = self.context.names.resolve(path)
        if ino is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        return ino
