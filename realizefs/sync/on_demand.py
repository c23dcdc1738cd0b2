"""What a person asks to be cached now, or no longer: all files at or below some paths.

It goes on as long as whoever asked waits: stopped and asked again, what is here already is passed
over. Files go in the order of their paths, a page at a time, many small ones at once.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Self

import trio

from realizefs.model import limits
from realizefs.model.blobs import BlobRow
from realizefs.model.entries import Entry
from realizefs.model.errors import CacheFull, RealizeError
from realizefs.model.ids import Inode
from realizefs.model.marks import Mark
from realizefs.model.versions import Version
from realizefs.store.txn import Txn
from realizefs.sync.below import Page, Top
from realizefs.sync.below import page as page_below
from realizefs.sync.context import Context
from realizefs.sync.fetcher import Fetcher
from realizefs.sync.gate import SizeGate
from realizefs.sync.gathering import together
from realizefs.sync.safety import droppable

FAILURES_TOLD_MAX = 100
"""Named each time that is told how far it is; the others are counted."""


@dataclass(slots=True)
class Progress:
    """How far it is: `files` and their `size` in bytes that are done, of `all_files` and `all_size`;
    how many `failed`; of these the `failures` since they were taken last, as path and reason."""

    files: int = 0
    size: int = 0
    all_files: int = 0
    all_size: int = 0
    failed: int = 0
    failures: list[tuple[bytes, str]] = field(default_factory=list)
    arriving: dict[Inode, Version] = field(default_factory=dict)
    """those that are being fetched"""
    begun: dict[Inode, int] = field(default_factory=dict)
    """those that are yet to be, and bytes of them that are here already"""

    def fail(self, path: bytes, why: str) -> None:
        """One couldn't be done."""
        self.failed += 1
        if len(self.failures) < FAILURES_TOLD_MAX:
            self.failures.append((path, why))

    def take_failures(self) -> list[tuple[bytes, str]]:
        """Those that nobody has taken yet."""
        taken, self.failures = self.failures, []
        return taken


class _Unreal(NamedTuple):
    """A file that isn't a plain file here; `row` is its blob's, if it has any."""

    path: bytes
    entry: Entry
    row: BlobRow | None

    @property
    def is_complete(self) -> bool:
        return (
            self.row is not None and self.row.verified and self.row.hash == self.entry.version.hash
        )

    @property
    def partly(self) -> int:
        """Bytes of it that are here."""
        is_of_it = self.row is not None and self.row.hash == self.entry.version.hash
        return self.row.ranges.total() if self.row is not None and is_of_it else 0

    @property
    def is_kept(self) -> bool:
        return self.row is not None and self.row.protected


class _Pages:
    """Pages, each read where the former ended, in a worker thread; one that is left early leaves
    nothing behind, unlike an asynchronous generator."""

    def __init__(self, page: Callable[[bytes], Page[_Unreal]]) -> None:
        self._page = page
        self._after: bytes | None = b""

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Sequence[_Unreal]:
        if self._after is None:
            raise StopAsyncIteration
        page, self._after = await trio.to_thread.run_sync(self._page, self._after)
        return page


class OnDemand:
    """Of one arena. Trio thread."""

    def __init__(self, context: Context, fetcher: Fetcher) -> None:
        self._context = context
        self._store = context.store
        self._fetcher = fetcher

    async def fetch(self, tops: Sequence[Top], progress: Progress) -> None:
        """Cache what isn't complete at and below each, as `count_lacking` has counted it."""
        failed: set[Inode] = set()
        for top in tops:
            async for page in self._pages(top):
                await self._fetch_page(
                    [one for one in page if not one.is_complete], progress, failed
                )
        # What is fetched may be evicted as anything else that is used once, and peers go on changing.
        for top in tops:
            async for page in self._pages(top):
                for one in page:
                    if not one.is_complete and one.entry.ino not in failed:
                        progress.files -= 1
                        progress.size -= one.entry.version.size
                        progress.fail(one.path, "it was changed, or had to make room for others")

    async def count_lacking(self, tops: Sequence[Top], progress: Progress) -> None:
        """Add to `all_files` and `all_size` what isn't complete at and below these; CacheFull, a
        sentence, where the cache can't hold all of them beside what is kept."""
        size = 0
        for top in tops:
            async for page in self._pages(top):
                for one in page:
                    size += 0 if one.is_kept else one.entry.version.size
                    if not one.is_complete:
                        progress.all_files += 1
                        progress.all_size += one.entry.version.size
                        here = self._here(one.entry.ino, one.entry.version) or one.partly
                        if here:
                            progress.begun[one.entry.ino] = here
        with self._store.env.read() as txn:
            room = max(self._store.blobs.allowed - self._store.blobs.kept(txn), 0)
        if size > room:
            raise CacheFull(
                f"{size:,} bytes would have to be cached, and beside what is kept the cache may take "
                f"{room:,}: give it more, or mark what is to stay with own."
            )

    def arrived(self, progress: Progress) -> int:
        """Bytes that are here of those on their way."""
        return sum(self._here(ino, version) for ino, version in progress.arriving.items())

    async def free(self, tops: Sequence[Top], progress: Progress) -> None:
        """Take out of the cache what may go (R1). `size` is what that has freed."""
        for top in tops:
            async for page in self._pages(top):
                cached = [one for one in page if self._is_cached(one)]
                if cached:
                    await trio.to_thread.run_sync(self._free_page, cached, progress)

    # -- which files ---------------------------------------------------------------------------

    def _pages(self, top: Top) -> "_Pages":
        """All unreal files that have content; what comes or goes meanwhile may be among them."""
        return _Pages(lambda after: self._page(top, after))

    def _page(self, top: Top, after: bytes) -> Page[_Unreal]:
        def look(txn: Txn, path: bytes, entry: Entry) -> _Unreal | None:
            if not self._is_unreal(txn, entry):
                return None
            return _Unreal(path, entry, self._store.blobs.find(txn, entry.ino))

        return page_below(self._store, top, after, look)

    def _is_unreal(self, txn: Txn, entry: Entry) -> bool:
        # An outdated real file is brought up to date by itself.
        return entry.version.size > 0 and not self._store.real.has(txn, entry.ino)

    def _is_cached(self, one: _Unreal) -> bool:
        row = one.row
        return row is not None and (row.usage > 0 or self._store.blobs.is_open(row.id))

    # -- fetching --------------------------------------------------------------------------------

    async def _fetch_page(
        self, page: Sequence[_Unreal], progress: Progress, failed: set[Inode]
    ) -> None:
        """What may change at the await: a file is changed, evicted, removed, or becomes a plain file;
        `complete` says what then couldn't be had, and the look at the end what is gone."""
        gate, several = SizeGate(limits.CHUNK_BYTES), trio.CapacityLimiter(limits.JOBS_MAX)

        async def fetch(one: _Unreal) -> None:
            ino, version = one.entry.ino, one.entry.version
            async with several, gate.holding(version.size):
                progress.begun.pop(ino, None)
                progress.arriving[ino] = version
                try:
                    (await self._fetcher.complete(ino, version)).close()
                except (RealizeError, OSError) as error:
                    failed.add(ino)
                    progress.fail(one.path, str(error))
                else:
                    progress.files += 1
                    progress.size += version.size
                finally:
                    del progress.arriving[ino]

        async def fetch_some(some: Sequence[_Unreal]) -> None:
            contents = [(one.entry.ino, one.entry.version) for one in some]
            if len(contents) > 1:
                async with gate.holding(sum(version.size for _, version in contents)):
                    await self._fetcher.gather(contents)
                    here = await trio.to_thread.run_sync(self._complete_of, some)
                progress.files += len(here)
                progress.size += sum(
                    one.entry.version.size for one in some if one.entry.ino in here
                )
                some = [one for one in some if one.entry.ino not in here]
            async with trio.open_nursery() as nursery:
                for one in some:
                    nursery.start_soon(fetch, one)

        by_ino = {one.entry.ino: one for one in page}
        async with trio.open_nursery() as nursery:
            for some in together((ino, one.entry.version) for ino, one in by_ino.items()):
                nursery.start_soon(fetch_some, [by_ino[ino] for ino, _ in some])

    def _complete_of(self, some: Sequence[_Unreal]) -> set[Inode]:
        """Those that are complete by now."""
        with self._store.env.read() as txn:
            now = [one._replace(row=self._store.blobs.find(txn, one.entry.ino)) for one in some]
        return {one.entry.ino for one in now if one.is_complete}

    def _here(self, ino: Inode, version: Version) -> int:
        blob = self._store.blobs.opened(ino, version.hash)
        if blob is None:
            return 0
        try:
            return blob.ranges.total()
        finally:
            blob.close()

    # -- freeing ---------------------------------------------------------------------------------

    def _free_page(self, page: Sequence[_Unreal], progress: Progress) -> None:
        """Blocking."""
        reasons: dict[Inode, str] = {}
        with self._store.env.read() as txn:
            for one in page:
                mark = self._store.marks.marked(txn, one.entry, self._context.default_mark).mark
                if mark is Mark.KEEP:
                    reasons[one.entry.ino] = "it is marked keep"
        free = [one.entry.ino for one in page if one.entry.ino not in reasons]
        freed, stayed = self._store.blobs.free(free, droppable(self._store))
        reasons |= dict.fromkeys(stayed, "no other machine is known to own it, or it is in use")
        progress.size += freed
        progress.files += len(free) - len(stayed)
        for one in page:
            if one.entry.ino in reasons:
                progress.fail(one.path, reasons[one.entry.ino])
