"""One arena while the daemon runs: the parts put together, and what the mount and the control
socket ask of it.

Methods without `async` answer from memory, one LMDB read or one native system call; they run on
the trio thread.
"""

import errno
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import trio

from realizefs.model import paths
from realizefs.model.changes import Change
from realizefs.model.entries import Dirent, Entry
from realizefs.model.ids import ArenaId, Inode, PeerId
from realizefs.model.marks import Mark
from realizefs.model.messages import Read, ReadBlocks
from realizefs.model.ports import Clock
from realizefs.model.versions import Version
from realizefs.store.arena import ArenaStore
from realizefs.store.openat import RENAME_EXCHANGE
from realizefs.sync import local, serve
from realizefs.sync.actions import Actions
from realizefs.sync.batch import Batch
from realizefs.sync.context import Context
from realizefs.sync.describe import Description, describe, describe_native
from realizefs.sync.fetcher import Fetcher
from realizefs.sync.jobs import Jobs
from realizefs.sync.links import Links
from realizefs.sync.marking import change_mark, native_mark
from realizefs.sync.overlay import Overlay
from realizefs.sync.scanner import Scanner
from realizefs.sync.writer import Writer

FLUSH_SECONDS = 1.0
"""Seconds between flushes of fetched ranges: what a crash fetches again at most."""

SERVE_THREADS = 4
"""Threads reading for peers in one arena: enough to keep a disk busy."""


@dataclass(frozen=True, slots=True)
class Node:
    """An inode, its path, and its entry if the index knows it (tombstones included)."""

    ino: Inode
    path: bytes
    entry: Entry | None


class Arena:
    """A named tree of files on this machine."""

    def __init__(
        self,
        arena: ArenaId,
        name: str,
        store: ArenaStore,
        *,
        me: PeerId,
        me_name: str,
        default_mark: Mark,
        clock: Clock,
    ) -> None:
        self.context = Context(
            id=arena,
            name=name,
            me=me,
            me_name=me_name,
            store=store,
            clock=clock,
            default_mark=default_mark,
            links=Links(),
            writer=Writer(store.env),
            overlay=Overlay(store.inodes.allocate),
        )
        self.fetcher = Fetcher(self.context)
        self.scanner = Scanner(self.context)
        self._actions = Actions(self.context, self.fetcher)
        self.jobs = Jobs(self.context, self._actions)
        self._writing = trio.CancelScope(shield=True)
        self._serving = trio.CapacityLimiter(SERVE_THREADS)

    # -- what it is ---------------------------------------------------------------------------

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
    def listeners(self) -> list[Callable[[Change], None]]:
        """Called on the trio thread for every committed change; must not block."""
        return self.context.listeners

    @property
    def root_ino(self) -> Inode:
        """The inode of the arena root."""
        return self.store.tree.root

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Scan, follow, decide and carry out until cancelled; what is queued is still written."""
        async with trio.open_nursery() as writing:
            writing.start_soon(self._write_to_the_end)
            try:
                async with trio.open_nursery() as nursery:
                    await nursery.start(self.fetcher.run)
                    await nursery.start(self.scanner.run)
                    nursery.start_soon(self.jobs.run)
                    nursery.start_soon(self._flush_regularly)
                    task_status.started()
            finally:
                with trio.CancelScope(shield=True):
                    await trio.to_thread.run_sync(self.store.blobs.flush)
                self._writing.cancel()

    async def _write_to_the_end(self) -> None:
        """The writer outlives everybody who writes: its scope is cancelled last."""
        with self._writing:
            await self.context.writer.run()

    async def _flush_regularly(self) -> None:
        while True:
            await trio.sleep(FLUSH_SECONDS)
            if self.store.inodes.low:
                await trio.to_thread.run_sync(self.store.inodes.ensure, 1)
            await trio.to_thread.run_sync(self.store.blobs.flush)
            await self.context.save_acked()

    # -- looking ------------------------------------------------------------------------------

    def node(self, ino: Inode) -> Node:
        """What the inode is now; FileNotFoundError if neither index nor overlay knows it."""
        with self.store.env.read() as txn:
            entry = self.store.tree.entry(txn, ino)
            path = self.store.tree.path(txn, ino) if entry is not None else None
            if path is None:
                path = self.overlay.path(ino, self._indexed_path)
        if path is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        return Node(ino, path, entry)

    def path(self, ino: Inode) -> bytes:
        """Where the inode is now."""
        return self.node(ino).path

    def ino_for(self, parent: Inode, name: bytes) -> Inode | None:
        """The inode called so: of a live entry of the index, else of the overlay."""
        with self.store.env.read() as txn:
            dirent = self.store.tree.lookup(txn, parent, name)
        if dirent is not None and not dirent.deleted:
            return dirent.ino
        return self.overlay.peek(parent, name)

    def children(self, ino: Inode) -> Sequence[Dirent]:
        """The index's entries in a directory, tombstones included, by name. Any thread."""
        with self.store.env.read() as txn:
            return list(self.store.tree.children(txn, ino))

    def believed_real(self, inodes: Iterable[Inode]) -> set[Inode]:
        """Those of which the index holds that a native file belongs to them. Any thread."""
        with self.store.env.read() as txn:
            return {ino for ino in inodes if self.store.real.get(txn, ino) is not None}

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
        return not version.size or (row is not None and row.hash == version.hash and row.verified)

    def explicit_mark(self, ino: Inode) -> Mark | None:
        """The mark set on this very inode."""
        with self.store.env.read() as txn:
            if self.store.tree.entry(txn, ino) is not None:
                return self.store.marks.get(txn, ino)
        return native_mark(self.store.root, self.path(ino))

    def describe(self, ino: Inode) -> Description:
        """Everything about a path; FileNotFoundError for what doesn't exist."""
        with self.store.env.read() as txn:
            entry = self.store.tree.entry(txn, ino)
            if entry is not None and not entry.version.deleted:
                return describe(self.context, txn, entry)
        path = self.overlay.path(ino, self._indexed_path)
        if path is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        return describe_native(self.context, path)

    def _indexed_path(self, ino: Inode) -> bytes | None:
        with self.store.env.read() as txn:
            return self.store.tree.path(txn, ino)

    def status(self) -> dict[str, int | str | None]:
        """The numbers of `status`: files, bytes, and what is waiting."""
        store = self.store
        with store.env.read() as txn:
            return {
                "name": self.name,
                "root": os.fspath(store.root.path),
                "files": store.tree.counts(txn).files,
                "real_bytes": store.real.total_bytes(txn),
                "cached_bytes": store.blobs.usage(),
                "pending": store.decisions.count(txn) + store.dirty.count(txn),
                "jobs": len(self.jobs.running),
                "problem": self.scanner.problem,
            }

    # -- native changes made through the mount ------------------------------------------------

    def touched(self, path: bytes) -> None:
        """Something native at `path` may have changed: index it soon."""
        self.scanner.touched(path)

    def writing(self, ino: Inode) -> None:
        """A handle that can write was opened: the file isn't hashed while it is written."""
        self.scanner.writing(ino)

    def written(self, ino: Inode, path: bytes | None) -> None:
        """A handle that could write was closed; None if the file has no name any more."""
        self.scanner.written(ino)
        if path is not None:
            self.scanner.touched(path)

    # -- content ------------------------------------------------------------------------------

    async def read(self, ino: Inode, version: Version, start: int, length: int) -> bytes:
        """Bytes of exactly that version, from the cache or a peer."""
        return await self.fetcher.read(ino, version, start, length)

    async def make_real(self, ino: Inode, truncate: bool) -> None:
        """Give an unreal file a native one with its content; with `truncate` an empty one."""
        await self._actions.make_real(ino, truncate=truncate)

    async def serve(self, request: Read | ReadBlocks) -> bytes:
        """Bytes for a peer; a real file that isn't what was indexed is looked at again."""
        try:
            if isinstance(request, ReadBlocks):
                return serve.read_blocks(self.store, request.path, request.hash)
            return await trio.to_thread.run_sync(
                serve.read_range,
                self.store,
                request.path,
                request.hash,
                request.start,
                request.length,
                limiter=self._serving,
            )
        except serve.Moved as moved:
            self.touched(moved.path)
            raise

    # -- changes of the index -----------------------------------------------------------------

    async def remove(self, ino: Inode) -> None:
        """Record that an entry is deleted; committed on return."""
        now_ns = self.context.clock.wall_ns()
        if not self._indexed(ino):
            self.overlay.forget(ino)
            return
        await self.context.commit(lambda batch: local.record_removal(batch, ino, now_ns))

    async def move(self, ino: Inode, new_parent: Inode, new_name: bytes, flags: int) -> None:
        """Record a rename: the inode and all below it follow, what was there is replaced.

        RENAME_EXCHANGE: of two files, both inodes follow. What isn't indexed yet moves in the
        overlay, and both places are looked at anew.
        """
        old_path = self.path(ino)
        new_path = paths.join(self.path(new_parent), new_name)
        if flags & RENAME_EXCHANGE:
            await self._record_exchange(ino, new_parent, new_name)
        elif self._indexed(ino) and self._indexed(new_parent):
            await self._record_move(ino, new_parent, new_name)
        else:
            self.overlay.move(ino, new_parent, new_name)
        self.touched(old_path)
        self.touched(new_path)

    async def _record_exchange(self, ino: Inode, parent: Inode, name: bytes) -> None:
        other = self.ino_for(parent, name)
        if other is None:
            return  # gone since: the scanner finds out what is where
        if self._indexed(ino) and self._indexed(other):
            await self.context.commit(lambda batch: local.record_exchange(batch, ino, other))
        else:
            self.overlay.exchange(ino, other)

    async def _record_move(self, ino: Inode, parent: Inode, name: bytes) -> None:
        now_ns = self.context.clock.wall_ns()

        def count() -> None:
            with self.store.env.read() as txn:
                needed = local.count_below(self.store.tree, txn, ino)
            self.store.inodes.ensure(needed)

        await trio.to_thread.run_sync(count)
        await self.context.commit(lambda batch: local.record_move(batch, ino, parent, name, now_ns))

    async def change_metadata(self, ino: Inode, mode: int | None, mtime_ns: int | None) -> None:
        """Record new permission bits or mtime of an unreal entry."""
        await self.context.commit(lambda batch: local.record_metadata(batch, ino, mode, mtime_ns))

    async def set_mark(self, ino: Inode, mark: Mark | None) -> None:
        """Set or clear the explicit mark; committed on return."""
        await change_mark(self.context, self.node(ino), mark)

    async def set_default_mark(self, mark: Mark) -> None:
        """The mark of everything that has and inherits none."""
        self.context.default_mark = mark

        def note(batch: Batch) -> None:
            self.store.dirty.mark_subtree(batch.txn, self.root_ino)

        await self.context.commit(note)

    def _indexed(self, ino: Inode) -> bool:
        with self.store.env.read() as txn:
            return self.store.tree.entry(txn, ino) is not None

    def resolve(self, path: bytes) -> Inode:
        """The inode at a path, of the index or native; FileNotFoundError."""
        at = self.root_ino
        for name in paths.components(path):
            known = self.ino_for(at, name)
            if known is None:
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
            at = known
        return at
