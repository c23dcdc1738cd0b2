"""Keeping the index true to the arena root: a scan at start, inotify afterwards.

Everything ends in `touched(path)`: look at this path again, soon. Paths wait until they are
quiet (DEBOUNCE_*), are looked at in a worker thread, and recorded in one transaction. What is
written through our own mount isn't hashed while it is open for writing.
"""

import logging
import stat
from collections import Counter

import trio

from realizefs.model import limits, paths
from realizefs.model.errors import Cancelled, RealizeError, RootGone, StoreFault
from realizefs.model.ids import Inode
from realizefs.store.watch import RootWatch
from realizefs.sync.batch import Batch
from realizefs.sync.bell import Bell
from realizefs.sync.context import Context
from realizefs.sync.look import Unstable, is_indexed, look, scan_directory
from realizefs.sync.record import Found, record_found, record_gone

log = logging.getLogger(__name__)

DEBOUNCE_SECONDS = 0.02
"""Quiet time after a create, close, rename or delete: groups what one command does."""

DEBOUNCE_WRITING_SECONDS = 1.0
"""Quiet time after a write without close: a file is hashed when its writer pauses."""

BATCH_PATHS = 256
"""Paths looked at in one worker thread call and recorded in one transaction."""

BATCH_BYTES = 64 * limits.MIB
"""Bytes hashed in one such call, unless one file alone is bigger."""

TOUCHED_MAX = 100_000
"""Paths waiting; beyond it a scan of everything is cheaper than a list."""

RETRY_SECONDS = 15.0
"""Seconds until something is indexed again that couldn't be: the disk was full, say."""

RESCAN_SECONDS = 60.0
"""Seconds between scans where inotify can't watch everything."""


class Scanner:
    """The indexing half of one arena."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._due: dict[bytes, float] = {}
        self._wake = Bell()
        self._writing: Counter[Inode] = Counter()
        self._rescan = True
        self._stopping = False
        self._limiter = trio.CapacityLimiter(2)
        self.problem: str | None = None
        self.scanned = trio.Event()
        context.on_touched = self.touched

    def touched(self, path: bytes, delay: float = DEBOUNCE_SECONDS) -> None:
        """The native thing at `path` may have changed: index it after `delay` quiet seconds."""
        if paths.is_reserved(path):
            return
        if len(self._due) >= TOUCHED_MAX:
            self._due.clear()
            self._rescan = True
        self._due[path] = self._context.clock.now() + delay
        self._wake.ring()

    def writing(self, ino: Inode) -> None:
        """A handle of our mount is open for writing."""
        self._writing[ino] += 1

    def written(self, ino: Inode) -> None:
        """One such handle was closed."""
        self._writing[ino] -= 1
        if self._writing[ino] <= 0:
            del self._writing[ino]
        self._wake.ring()

    def _is_written(self, path: bytes) -> bool:
        if not self._writing:
            return False
        parent, name = paths.split(path)
        store, overlay = self._context.store, self._context.overlay
        with store.env.read() as txn:
            directory = store.tree.resolve(txn, parent)
            if directory is None:
                return False
            dirent = store.tree.lookup(txn, directory, name)
        ino = dirent.ino if dirent is not None else overlay.peek(directory, name)
        return ino in self._writing

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Scan, then follow; returns never."""
        watch = await self._watch()
        task_status.started()
        try:
            async with trio.open_nursery() as nursery:
                if watch is not None:
                    nursery.start_soon(self._follow, watch)
                else:
                    nursery.start_soon(self._rescan_regularly)
                await self._index_forever()
        finally:
            self._stopping = True
            if watch is not None:
                watch.close()

    async def _watch(self) -> RootWatch | None:
        """Watches before the scan, so that nothing falls between the two."""
        watch = RootWatch(self._context.store.root)
        try:
            await trio.to_thread.run_sync(watch.add_tree, b"")
        except StoreFault as error:
            log.warning("%s It is scanned every %d s instead.", error, RESCAN_SECONDS)
            watch.close()
            return None
        return watch

    async def _follow(self, watch: RootWatch) -> None:
        while True:
            await trio.lowlevel.wait_readable(watch.fd)
            for event in await trio.to_thread.run_sync(watch.read):
                if event.kind == "overflow":
                    self._rescan = True
                    self._wake.ring()
                else:
                    slow = event.kind == "changed"
                    self.touched(event.path, DEBOUNCE_WRITING_SECONDS if slow else DEBOUNCE_SECONDS)

    async def _rescan_regularly(self) -> None:
        while True:
            await trio.sleep(RESCAN_SECONDS)
            self._rescan = True
            self._wake.ring()

    async def _index_forever(self) -> None:
        while True:
            seen = self._wake.count
            if self._rescan:
                self._rescan = False
                await self._scan_all()
                self.scanned.set()
            ready, wait = self._take_due()
            if ready:
                await self._index(ready)
                continue
            with trio.move_on_after(wait):
                await self._wake.after(seen)

    def _take_due(self) -> tuple[list[bytes], float]:
        """Paths that have been quiet long enough, and seconds until the next one is."""
        now = self._context.clock.now()
        ready: list[bytes] = []
        soonest = now + 3600.0
        for path, due in self._due.items():
            if due <= now:
                if not self._is_written(path):  # else `written` rings again
                    ready.append(path)
            else:
                soonest = min(soonest, due)
        ready.sort()  # parents before what is in them
        for path in ready[:BATCH_PATHS]:
            del self._due[path]
        return ready[:BATCH_PATHS], soonest - now

    # -- scanning -----------------------------------------------------------------------------

    async def _scan_all(self) -> None:
        try:
            await trio.to_thread.run_sync(self._check_root)
        except RootGone as error:
            self.problem = str(error)
            log.error("%s", error)  # noqa: TRY400 - one sentence, no traceback
            return
        self.problem = None
        await self._scan_below(b"")

    def _check_root(self) -> None:
        """R8: a root that is gone or empty is a missing disk, not the deletion of everything."""
        store, name = self._context.store, self._context.name
        here = store.root.lstat(b"")
        if here.st_nlink == 0 or not stat.S_ISDIR(here.st_mode):
            raise RootGone(f"The root of {name} was removed while it was in use.")
        with store.env.read() as txn:
            indexed = next(iter(store.real.all(txn)), None) is not None
        if indexed and not store.root.list(b""):
            raise RootGone(
                f"The root of {name} is empty although files of it are known: "
                "nothing is announced as deleted; attach the disk, or restore the files."
            )

    async def _scan_below(self, directory: bytes) -> None:
        """Depth first; the stack holds the siblings on the way down only.

        What changed is gathered over directories, so that many small ones share a transaction;
        a directory comes before what is in it.
        """
        stack = [directory]
        changed: list[bytes] = []
        while stack:
            path = stack.pop()
            scan = await trio.to_thread.run_sync(scan_directory, self._context.store, path)
            changed += scan.changed
            while len(changed) >= BATCH_PATHS or (changed and not (stack or scan.directories)):
                await self._index(changed[:BATCH_PATHS], descend=False)
                del changed[:BATCH_PATHS]
            if scan.gone:
                await self._index(scan.gone, descend=False)
            stack += reversed(scan.directories)

    # -- indexing -----------------------------------------------------------------------------

    async def _index(self, touched: list[bytes], *, descend: bool = True) -> None:
        rest = touched
        while rest:
            found, gone, rest = await trio.to_thread.run_sync(
                self._look_at, rest, limiter=self._limiter
            )
            await self._record(found, gone)
            if descend:
                for one in found:
                    await self._descend(one)

    async def _descend(self, found: Found) -> None:
        """A directory that came whole (moved in) is scanned below."""
        if stat.S_ISDIR(found.fingerprint.mode):
            scan = await trio.to_thread.run_sync(scan_directory, self._context.store, found.path)
            if scan.changed or scan.gone:
                await self._scan_below(found.path)

    def _look_at(self, touched: list[bytes]) -> tuple[list[Found], list[bytes], list[bytes]]:
        """(what was found, what is gone, what is left for the next call)."""
        found: list[Found] = []
        gone: list[bytes] = []
        hashed = 0
        for position, path in enumerate(touched):
            if hashed >= BATCH_BYTES:
                return found, gone, touched[position:]
            one = self._look(path, gone)
            if one is not None:
                found.append(one)
                hashed += one.fingerprint.size
        return found, gone, []

    def _look(self, path: bytes, gone: list[bytes]) -> Found | None:
        if paths.is_too_deep(path):
            return None
        store = self._context.store
        try:
            if is_indexed(store, path):
                return None
            one = look(store.root, path, lambda: self._stopping)
        except Unstable:
            trio.from_thread.run_sync(self.touched, path, DEBOUNCE_WRITING_SECONDS)
            return None
        except Cancelled:
            return None
        except OSError as error:
            log.warning('"%s" is not shared: %s.', paths.show(path), error.strerror)
            return None
        if one is None:
            gone.append(path)
        return one

    async def _record(self, found: list[Found], gone: list[bytes]) -> None:
        """In one transaction; what fails with the others is recorded alone, or tried again."""
        if not found and not gone:
            return
        try:
            await self._commit(found, gone)
        except (RealizeError, OSError) as error:
            if len(found) + len(gone) > 1:
                for one in gone:
                    await self._record([], [one])
                for thing in found:
                    await self._record([thing], [])
                return
            path = gone[0] if gone else found[0].path
            log.warning('"%s" can\'t be indexed just now: %s', paths.show(path), error)
            self.touched(path, RETRY_SECONDS)

    async def _commit(self, found: list[Found], gone: list[bytes]) -> None:
        context = self._context
        await trio.to_thread.run_sync(context.store.inodes.ensure, len(found))
        now_ns = context.clock.wall_ns()

        def record(batch: Batch) -> None:
            for path in gone:
                record_gone(batch, path, now_ns)
            for one in found:
                record_found(batch, context.overlay, one, now_ns)

        await context.commit(record)
