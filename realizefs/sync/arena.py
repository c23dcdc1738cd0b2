"""One arena while the daemon runs: its parts put together, and the changes that are asked of it.

What only looks is in `arena_view`. Methods without `async` answer from memory, one LMDB read or
one native system call; they run on the trio thread.
"""

import os
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict
from functools import partial

import trio

from realizefs.core.calls import Request
from realizefs.model.cache_limits import CacheLimits
from realizefs.model.changes import Change
from realizefs.model.entries import Entry
from realizefs.model.ids import ArenaId, Inode, PeerId
from realizefs.model.limits import INODE_RESERVE
from realizefs.model.marks import Mark
from realizefs.model.messages import Pin, ReadBlocks, Take
from realizefs.model.ports import Clock
from realizefs.model.versions import Version
from realizefs.store.arena import ArenaStore
from realizefs.store.openat import RENAME_EXCHANGE
from realizefs.store.watch import RootEvent
from realizefs.sync import local, serve
from realizefs.sync.actions import Actions
from realizefs.sync.approving import approve, reject, resume
from realizefs.sync.arena_view import ArenaView
from realizefs.sync.bell import Bell
from realizefs.sync.conflicts import Conflicts
from realizefs.sync.context import Context
from realizefs.sync.fetcher import Fetcher
from realizefs.sync.forgetting import Forgetting
from realizefs.sync.guard import Waiting
from realizefs.sync.handover import Handover
from realizefs.sync.homeless import Homeless
from realizefs.sync.jobs import Jobs
from realizefs.sync.leaving import forget_others
from realizefs.sync.links import Links
from realizefs.sync.made import note_made
from realizefs.sync.marking import change_mark
from realizefs.sync.name_changes import NameChanges
from realizefs.sync.notices import notices, said
from realizefs.sync.on_demand import OnDemand
from realizefs.sync.overlay import Overlay
from realizefs.sync.patience import patiently
from realizefs.sync.pinning import Pinning
from realizefs.sync.ruling import Ruling
from realizefs.sync.safety import droppable
from realizefs.sync.scanner import Scanner
from realizefs.sync.trashcan import Trashcan
from realizefs.sync.writer import Writer

FLUSH_SECONDS = 1.0
"""Seconds between flushes of fetched ranges: what a crash fetches again at most."""

INODES_AHEAD = 4 * INODE_RESERVE
"""Inodes reserved at a time for what is made natively: a second of it, while a commit waits for a
slow disk. A crash forgets them."""

SERVE_THREADS = 4
"""Threads reading for peers in one arena: enough to keep a disk busy."""


class Arena(ArenaView):
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
        self._few_inodes = Bell()
        super().__init__(
            Context(
                id=arena,
                name=name,
                me=me,
                me_name=me_name,
                store=store,
                clock=clock,
                default_mark=default_mark,
                links=Links(),
                writer=Writer(store.env, store.inodes.ensure),
                overlay=Overlay(self._allocate),
            )
        )
        self.context.links.names[me] = me_name
        self._name_changes = NameChanges(self.context)
        self.fetcher = Fetcher(self.context)
        self.scanner = Scanner(self.context)
        self._pinning = Pinning(self.context)
        self._actions = Actions(self.context, self.fetcher, self._pinning)
        self.jobs = Jobs(self.context, self._actions)
        self._homeless = Homeless(self.context, self.fetcher)
        self.forgetting = Forgetting(self.context)
        self.trashcan = Trashcan(self.context)
        self.ruling = Ruling(self.context)
        self.handover = Handover(self.context, self.set_mark)
        self.on_demand = OnDemand(self.context, self.fetcher)
        self.conflicts = Conflicts(self.context, self.remove, self.move, self._actions.turn)
        self._writing = trio.CancelScope(shield=True)
        self._serving = trio.CapacityLimiter(SERVE_THREADS)

    @property
    def listeners(self) -> list[Callable[[Change], None]]:
        """Called on the trio thread for every committed change; must not block."""
        return self.context.listeners

    @property
    def watchers(self) -> list[Callable[[Sequence[RootEvent]], None]]:
        """Called on the trio thread with what was seen to change in the root; must not block."""
        return self.context.watchers

    def is_watched(self, directory: bytes) -> bool:
        """Whether whatever changes in this very directory of the root is seen."""
        return self.scanner.is_watched(directory)

    def status(self) -> dict[str, object]:
        """The numbers of `status`: files, bytes, and what is waiting; sentences, None if well."""
        store = self.store
        with store.env.read() as txn:
            known = notices(self.context, txn)
            return {
                "name": self.name,
                "root": os.fspath(store.root.path),
                "files": store.tree.counts(txn).files,
                "bytes": store.tree.counts(txn).bytes,
                "real_bytes": store.real.total_bytes(txn),
                "cached_bytes": store.blobs.usage(),
                "cache_limit": store.blobs.allowed,
                "kept_bytes": store.blobs.kept(txn),
                "pending": store.decisions.count(txn) + store.dirty.count(txn),
                "jobs": len(self.jobs.running),
                "problem": self.context.problem,
                "notice": said(known),
                "notices": [asdict(one) for one in known],
                "held": self.context.guard.waiting(txn, 0).count,
                "wrong": self.context.links.distrust.sentences(),
            }

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Scan, follow, decide and carry out until cancelled; what is queued is still written."""
        async with trio.open_nursery() as writing:
            writing.start_soon(self._write_to_the_end)
            try:
                async with trio.open_nursery() as nursery:
                    await nursery.start(self.fetcher.run)
                    await nursery.start(self.scanner.run)
                    nursery.start_soon(self.jobs.run)
                    nursery.start_soon(self._homeless.run)
                    nursery.start_soon(self.forgetting.run)
                    nursery.start_soon(self._reserve_inodes)
                    nursery.start_soon(self._flush_regularly)
                    nursery.start_soon(self.trashcan.run)
                    nursery.start_soon(self.ruling.run)
                    nursery.start_soon(self._forget_others)
                    nursery.start_soon(self._resume_guard)
                    task_status.started()
            finally:
                try:
                    with trio.CancelScope(shield=True):
                        await trio.to_thread.run_sync(partial(self.store.blobs.flush, closing=True))
                finally:  # whatever the disk says: nobody else ends the writer
                    self._writing.cancel()

    async def _write_to_the_end(self) -> None:
        """The writer outlives everybody who writes: its scope is cancelled last."""
        with self._writing:
            await self.context.writer.run()

    async def _flush_regularly(self) -> None:
        while True:
            await trio.sleep(FLUSH_SECONDS)
            await patiently(self._flush, f"Saving what is cached of {self.name}")

    def _allocate(self) -> Inode:
        """An inode for what was just made natively, without a commit: reserved well before."""
        ino = self.context.store.inodes.allocate()
        if self.context.store.inodes.low:
            self._few_inodes.ring()
        return ino

    async def _reserve_inodes(self) -> None:
        async def reserve() -> None:
            if self.store.inodes.low:
                await trio.to_thread.run_sync(self.store.inodes.ensure, INODES_AHEAD)

        while True:
            seen = self._few_inodes.count
            await patiently(reserve, f"Reserving inodes for {self.name}")
            await self._few_inodes.after(seen)

    async def _resume_guard(self) -> None:
        what = f"What was said about deletions in {self.name}"
        await patiently(partial(resume, self.context), what)

    def held(self) -> Waiting:
        """What peers deleted and waits for somebody; the paths of some."""
        with self.store.env.read() as txn:
            return self.context.guard.waiting(txn)

    async def approve(self) -> int:
        """Let all be deleted that waits for it (see `guard`); how much that is."""
        return await approve(self.context)

    async def reject(self) -> int:
        """Take back what peers deleted and waits, and what went to the trash with it; how much."""
        count, wave = await reject(self.context)
        if wave.removed:
            back = await self.trashcan.restore(b"", wave.since_ns, beside=False)
            count += len(back)
        return count

    async def _forget_others(self) -> None:
        """Peers that aren't in the arena any more."""
        context = self.context
        while True:
            seen, members = context.members_changed.count, context.members
            if members is not None:
                what = f"Forgetting who left {self.name}"
                await patiently(partial(forget_others, context, members), what)
            await context.members_changed.after(seen)

    async def _flush(self) -> None:
        await trio.to_thread.run_sync(self.store.blobs.flush)
        await trio.to_thread.run_sync(self.store.blobs.shrink, droppable(self.store))
        await self.context.save_acked()

    async def limit_cache(self, limits: CacheLimits) -> None:
        """Other limits for the cache, held on return; what failed may have room now, and is tried."""
        before, self.store.blobs.limits = self.store.blobs.limits, limits
        await trio.to_thread.run_sync(self.store.blobs.shrink, droppable(self.store))
        if limits != before:
            await self.jobs.try_again()

    def keep_trash(self, seconds: float) -> None:
        """How long the trash keeps what comes to it."""
        self.trashcan.keep(seconds)

    # -- native changes made through the mount ------------------------------------------------

    def touched(self, path: bytes, made: Entry | None = None) -> None:
        """Something native at `path` may have changed, or was `made` as the index has it: index it."""
        note_made(self.context, path, made)

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
        """Give an unreal file a native one with its content, with `truncate` an empty one; or a
        symlink."""
        await self._actions.make_real(ino, truncate=truncate)

    async def answer(self, peer: PeerId, request: Request) -> bytes:
        """What a peer asks for: bytes, or that we keep or take something that it gives up."""
        if isinstance(request, Pin):
            return self._pinning.promise(peer, request.path, request.hash)
        if isinstance(request, Take):
            return await self.handover.take(peer, request.path)
        self.handover.was_read(peer, len(data := await self.serve(request)))
        return data

    async def serve(self, request: Request) -> bytes:
        """Bytes for a peer; a real file that isn't what was indexed is looked at again."""
        assert not isinstance(request, Pin | Take), "`answer` knows these"
        try:
            if isinstance(request, ReadBlocks) and not request.length:
                return serve.read_blocks(self.store, request.path, request.hash)
            return await trio.to_thread.run_sync(
                serve.read, self.store, request, limiter=self._serving
            )
        except serve.Moved as moved:
            self.scanner.suspected(moved.path)
            raise

    def holding(self, ino: Inode) -> AbstractAsyncContextManager[None]:
        """No action moves its file meanwhile, and what is seen of it isn't its user's doing."""
        return self._actions.holding(ino)

    # -- changes of the index -----------------------------------------------------------------

    async def remove(self, ino: Inode, *, native: bool = False) -> None:
        """Record that an entry is deleted, after its `native` file if it had one; see
        `name_changes` for when this is committed."""
        await self._name_changes.remove(ino, native=native)

    async def move(
        self,
        ino: Inode,
        new_parent: Inode,
        new_name: bytes,
        flags: int,
        *,
        over_native: bool = False,
    ) -> None:
        """Record a rename: the inode and all below it follow, what was there is replaced, with
        `over_native` something native.

        RENAME_EXCHANGE: both inodes follow, and all below them.
        """
        if flags & RENAME_EXCHANGE:
            await self._name_changes.exchange(ino, new_parent, new_name)
        else:
            await self._name_changes.move(ino, new_parent, new_name, over_native=over_native)

    async def change_metadata(self, ino: Inode, mode: int | None, mtime_ns: int | None) -> None:
        """Record new permission bits or mtime of an unreal entry."""
        await self.context.commit(lambda batch: local.record_metadata(batch, ino, mode, mtime_ns))

    async def set_attribute(self, ino: Inode, name: bytes, value: bytes | None) -> None:
        """Set, or with None remove, a user's own attribute of an unreal entry."""
        attributes = self.store.attributes
        await self.context.writer.do(lambda txn: attributes.set(txn, ino, name, value))

    async def set_mark(self, ino: Inode, mark: Mark | None) -> None:
        """Set or clear the explicit mark; committed on return."""
        await change_mark(self.context, self.node(ino), mark)

    async def set_default_mark(self, mark: Mark) -> None:
        """The mark of everything that has and inherits none."""
        self.context.default_mark = mark
        await self.decide_anew()

    async def decide_anew(self) -> None:
        """What everything depends on has changed: the default mark, or how many must own a file."""
        dirty, root = self.store.dirty, self.root_ino
        await self.context.commit(lambda batch: dirty.mark_subtree(batch.txn, root))
