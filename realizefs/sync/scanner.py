"""Keeping the index true to the arena root: a scan at start, inotify afterwards.

Everything ends in `touched(path)`: look at this path again, soon. Paths wait until they are
quiet (DEBOUNCE_*), are looked at in a worker thread, and recorded in one transaction. What is
written through our own mount isn't hashed while it is open for writing.
"""

import logging
from collections import Counter
from collections.abc import Mapping, Set

import trio

from realizefs.model import paths
from realizefs.model.errors import RealizeError
from realizefs.model.ids import Inode
from realizefs.sync.bell import Bell
from realizefs.sync.context import Context
from realizefs.sync.due import TICK_SECONDS, TOGETHER_MAX, Due
from realizefs.sync.following import DEBOUNCE_SECONDS, Following
from realizefs.sync.ignoring import QUIET_SECONDS, Ignoring, directories_of, is_ignore_file
from realizefs.sync.known import Known, known_of
from realizefs.sync.look import DirectoryScan, is_gone, scan_directory
from realizefs.sync.looking import BATCH_PATHS, Looking
from realizefs.sync.moved import Leaving, is_below, others
from realizefs.sync.presence import check_still_present
from realizefs.sync.record import Found
from realizefs.sync.recording import is_directory, record_together

log = logging.getLogger(__name__)

BELIEVED_GONE_MAX = 1
"""Files that may be deleted last, leaving an empty root: a root that loses more at once has lost
its disk, or its owner all of it, and says so himself."""

TOUCHED_MAX = 100_000
"""Paths waiting; beyond it a scan of everything is cheaper than a list."""

LOOKED_THROUGH_MAX = 2000
"""Of these, looked through at once for what is in a directory that is renamed: half a millisecond.
Where more wait, the directory is scanned."""

RETRY_SECONDS = 15.0
"""Seconds until something is indexed again that couldn't be: the disk was full, say."""


class Scanner:
    """The indexing half of one arena."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._due = Due(context.clock)
        self._wake = Bell()
        self._writing: Counter[Inode] = Counter()
        self._looking: frozenset[bytes] = frozenset()
        self._rescan = True
        self._scans = 0
        self._moved: dict[bytes, None] = {}
        self._came: set[bytes] = set()  # each of them is due or looked at, too
        self._left: set[bytes] = set()  # likewise
        self._leaving = Leaving(context.store, context.clock)
        self._eyes = Looking(context.store, self.touched)
        self._limiter = trio.CapacityLimiter(2)
        self._following: Following | None = None
        self.scanned = context.scanned
        context.on_touched = self.touched
        context.on_directories_moved = self.moved
        context.is_looked_at = lambda path: path in self._looking

    def touched(self, path: bytes, delay: float = DEBOUNCE_SECONDS) -> None:
        """The native thing at `path` may have changed: index it after `delay` quiet seconds."""
        if paths.is_reserved(path):
            return
        if is_ignore_file(path):
            self._context.ignoring, delay = "", max(delay, QUIET_SECONDS + TICK_SECONDS)
        if len(self._due) >= TOUCHED_MAX:
            self._due.clear()
            self._came.clear()
            self._left.clear()
            self._rescan = True
        self._due.add(path, delay)
        self._wake.ring()

    def moved(self, places: Mapping[bytes, bytes]) -> None:
        """Directories were renamed in the mount, old → new: what waits to be looked at in them is
        elsewhere now, and what a scan has still to come to."""
        for old, new in places.items():
            if not self._touched_elsewhere(old, new) or self._scans or self._rescan:
                self._moved[new] = None
                self._wake.ring()

    def left(self, path: bytes) -> None:
        """A directory isn't there any more, with all that was in it, of which nobody tells, or which was
        looked for when nothing was where it was: should a job make another one of its name before it is
        recorded as gone, that is scanned. Nothing else tells one from the other: numbers are given
        out again."""
        if path in self._due:
            self._left.add(path)

    def renamed(self, old: bytes, new: bytes) -> None:
        """A directory was renamed by another program. What waits to be looked at in it is elsewhere
        now, and some of that was looked for in vain before this was heard of: so once the new name is
        indexed, the directory is scanned."""
        self._touched_elsewhere(old, new)
        self.touched(new)
        if new in self._due:
            self._came.add(new)

    def _touched_elsewhere(self, old: bytes, new: bytes) -> bool:
        """What waits below `old` waits below `new`; False where too much waits to be looked through."""
        if len(self._due) > LOOKED_THROUGH_MAX:
            return False
        for path in {*self._due.within(old), *self._looking}:
            if paths.is_within(path, old):
                self.touched(new + path[len(old) :])
        return True

    def suspected(self, path: bytes) -> None:
        """A peer asked for it as it is indexed, and it is different: its reader waits for what it
        is now. Not put off by asking again."""
        if not paths.is_reserved(path):
            self._due.hurry(path, DEBOUNCE_SECONDS)
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
        return self._context.names.resolve(path) in self._writing

    def is_pending(self, path: bytes) -> bool:
        """Whether what is at `path` is about to be indexed, or is being written. Any thread."""
        return (
            self._rescan
            or not self.scanned.is_set()
            or path in self._due
            or path in self._looking
            or self._is_written(path)
        )

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Scan, then follow; returns never. RootGone where everything is gone (R8).

        Started at once, as a start doesn't wait for a million files (R5): what changes before it is
        watched is found by the scan that comes after.
        """
        task_status.started()
        following = self._following = Following(self._context, self, self._scan_anew)
        try:
            await following.begin()  # before the scan, so that nothing falls between the two
            async with trio.open_nursery() as nursery:
                nursery.start_soon(following.run)
                await self._index_forever()
        finally:
            self._eyes.stop()
            following.close()

    def is_watched(self, directory: bytes) -> bool:
        """Whether whatever changes in this very directory of the root is seen, and told."""
        return self._following is not None and directory in self._following

    def _scan_anew(self) -> None:
        self._rescan = True
        self._wake.ring()

    async def _index_forever(self) -> None:
        while True:
            seen = self._wake.count
            if self._rescan:
                self._rescan = False
                await self._scan_all()
                self.scanned.set()
            if self._moved:
                await self._scan_below(self._moved.popitem()[0])
            ready, wait = self._due.take(self._is_written)  # which rings when it is closed
            if ready:
                await self._index(self._in_their_turn(ready))
                continue
            with trio.move_on_after(wait):
                await self._wake.after(seen)
                await trio.sleep(TICK_SECONDS)  # not each of a thousand touches is worth a look

    def _in_their_turn(self, ready: list[bytes]) -> list[bytes]:
        """What waits in a folder that comes from elsewhere is looked at once the index knows that: it
        would be hashed as if it were new."""
        came = self._came.intersection(ready)
        later = {path for path in ready if is_below(path, came)}
        for path in later:
            self._due.hurry(path, 0.0)  # it was due
        return [path for path in ready if path not in later]

    # -- scanning -----------------------------------------------------------------------------

    async def _scan_all(self) -> None:
        """RootGone, which stops the arena, where everything is gone (R8)."""
        await check_still_present(self._context)
        await self._scan_below(b"")

    async def _scan_below(self, directory: bytes) -> None:
        """And what was moved meanwhile from where it had not come to to where it had been."""
        self._scans += 1
        try:
            await self._scan_tree(directory)
            while self._moved and self._scans == 1:
                await self._scan_tree(self._moved.popitem()[0])
        finally:
            self._scans -= 1

    async def _scan_tree(self, directory: bytes) -> None:
        """Depth first; the stack holds the siblings on the way down only.

        What differs is gathered over directories, so that many small ones share a transaction and
        both names of what was renamed are seen together; a directory comes before what is in it.
        """
        await self._context.names_committed()
        stack = [directory]
        differs: list[bytes] = []
        ignored: list[bytes] = []
        gone = set[bytes]()
        while stack:
            scan = await self._scan_directory(stack.pop())
            differs += scan.changed + scan.gone
            gone.update(scan.gone)
            ignored = [*ignored, *scan.ignored][-TOGETHER_MAX:] if scan.ignored else ignored
            stack += reversed(scan.directories)
            if len(differs) >= TOGETHER_MAX:
                await self._index(differs + (ignored if gone else []), descend=False, missed=gone)
                differs, gone = [], set()
        # Something ignored may be what is gone, under another name.
        await self._index(differs + (ignored if gone else []), descend=False, missed=gone)

    async def _scan_directory(self, path: bytes) -> DirectoryScan:
        ignoring = Ignoring(self._context, self._due.__contains__)
        return await trio.to_thread.run_sync(
            scan_directory, self._context.store, path, ignoring.ignores
        )

    # -- indexing -----------------------------------------------------------------------------

    async def _index(
        self, touched: list[bytes], *, descend: bool = True, missed: Set[bytes] = frozenset()
    ) -> None:
        """What is there is recorded before what is gone: peers hear of it in that order (R1).

        A folder that a scan `missed`, or that has left its place, and that is there in the end, as a job
        has just made one of its name, is scanned next, and one that took the place of another as events
        tell: what was in the former is gone, and nobody is told of that any more.
        """
        missed = missed | self._left.intersection(touched)
        self._left -= missed
        outer = self._looking
        self._looking = outer.union(touched)  # before any await: they aren't due any more
        await self._context.names_committed()
        gone, there, known = await trio.to_thread.run_sync(self._gone_of, touched)
        anew: set[bytes] = set()
        ignoring = Ignoring(self._context, self._due.__contains__, gone)
        rest = await trio.to_thread.run_sync(ignoring.with_those_above, there)
        while rest:
            found, vanished, rest = await trio.to_thread.run_sync(
                self._eyes.look_at, rest, known, ignoring, limiter=self._limiter
            )
            gone += vanished
            if descend:
                anew |= set(await trio.to_thread.run_sync(others, self._context.store, found))
            left = await trio.to_thread.run_sync(self._leaving.left_of, self._due.some(), found)
            moved_whole = await self._record(found, gone + left, ignoring.conditional)
            above = [one for one in found if is_directory(one)]
            with self._leaving.while_gone(gone if above else []):
                for one in above:
                    if one.path in moved_whole:
                        self._came.discard(one.path)
                        await self._scan_below(one.path)
                    elif descend:
                        await self._descend(one)
        came = self._came.intersection(touched)
        self._came -= came
        gone = await self._believed(gone)
        for start in range(0, len(gone), BATCH_PATHS):
            await self._record([], gone[start : start + BATCH_PATHS], set())
        if missed:
            anew |= await trio.to_thread.run_sync(self._there_of, missed)
            self._left |= {path for path in missed - anew if path in self._due}  # nothing recorded
        self._moved |= dict.fromkeys(came | {path for path in anew if not is_below(path, anew)})
        if descend:
            self._moved |= directories_of(touched)
        self._looking = outer

    async def _believed(self, gone: list[bytes]) -> list[bytes]:
        """Those of which no more is about to be told, as of a rename: then both names are looked at
        together. RootGone where these are the rest of what was in the root (R8)."""
        if gone and self._following is not None:
            await self._following.caught_up()
            gone = [path for path in gone if path not in self._due]
        if gone:
            await check_still_present(self._context, BELIEVED_GONE_MAX + 1)
        return gone

    def _gone_of(self, touched: list[bytes]) -> tuple[list[bytes], list[bytes], Known]:
        """Those where nothing is, the others, and what is known of what was there."""
        gone = [path for path in touched if is_gone(self._context.store, path)]
        left = set(gone)
        there = [path for path in touched if path not in left]
        return gone, there, known_of(self._context.store, gone)

    def _there_of(self, missed: Set[bytes]) -> set[bytes]:
        return {path for path in missed if not is_gone(self._context.store, path)}

    async def _descend(self, found: Found) -> None:
        """A directory in which something is new (it was moved in, say) is scanned below."""
        scan = await self._scan_directory(found.path)
        if scan.changed or scan.gone:
            await self._scan_below(found.path)

    async def _record(
        self, found: list[Found], gone: list[bytes], ignored: set[bytes]
    ) -> Set[bytes]:
        """What was found, in one transaction, of which some may have had a name of `gone`; without
        any, those of `gone`. What fails with the others is recorded alone, or tried again.

        Returns the directories that came with all that was in them.
        """
        recorded = [one.path for one in found] or gone
        if not recorded:
            return set()
        try:
            return await record_together(self._context, found, gone, ignored)
        except (RealizeError, OSError) as error:
            if len(recorded) > 1:
                moved_whole: set[bytes] = set()
                for thing in found:
                    moved_whole |= await self._record([thing], gone, ignored)
                for one in gone if not found else []:
                    await self._record([], [one], ignored)
                return moved_whole
            path = recorded[0]
            log.warning('"%s" can\'t be indexed just now: %s', paths.show(path), error)
            self.touched(path, RETRY_SECONDS)
            return set()
