"""What a person asks to be cached now, or no longer: all files at or below a path.

In steps of about a second, so that whoever asks can tell how far it is and just stop asking: nothing
goes on by itself, and asked again from the start, what is here already is passed over. Files go in
the order of their paths, many small ones at once; `after` is the last path of which, and of all
before it, nothing is left to do.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice, takewhile

import trio

from realizefs.model import limits, paths
from realizefs.model.entries import Entry
from realizefs.model.errors import CacheFull, RealizeError
from realizefs.model.ids import Inode
from realizefs.model.marks import Mark
from realizefs.model.versions import Kind
from realizefs.store.tree import Tree
from realizefs.store.txn import Txn
from realizefs.sync.context import Context
from realizefs.sync.fetcher import Fetcher
from realizefs.sync.gate import SizeGate
from realizefs.sync.safety import droppable

PAGE = 2000
"""Entries looked at in one read transaction, some ten milliseconds."""

TOGETHER_MAX = 64
"""Files fetched at once, as far as the size gate lets them."""

IN_FLIGHT_BYTES = 32 * limits.MIB
"""Bytes of small files fetched at once; a bigger file goes alone."""


@dataclass(slots=True)
class Step:
    """What one step has done. `after` b"" and `done` False: nothing is finished yet. `files` and
    `size` in bytes are those finished, `partial` the bytes that are here of the first that isn't;
    `failed` pairs of path and reason."""

    done: bool = False
    after: bytes = b""
    files: int = 0
    size: int = 0
    partial: int = 0
    failed: list[tuple[bytes, str]] = field(default_factory=list)


class OnDemand:
    """Of one arena. Trio thread."""

    def __init__(self, context: Context, fetcher: Fetcher) -> None:
        self._context = context
        self._store = context.store
        self._fetcher = fetcher

    async def wanted(self, top: Inode) -> tuple[int, int]:
        """How many files at and below `top` aren't complete here, and their bytes; CacheFull, a
        sentence, where the cache can't hold them."""
        files = size = 0
        after = b""
        while True:
            page, last = await trio.to_thread.run_sync(self._page, top, after, self._lacks)
            files, size = files + len(page), size + sum(entry.version.size for _, entry in page)
            if last is None:
                break
            after = last
        if size > self._store.blobs.allowed:
            raise CacheFull(
                f"{size:,} bytes would have to be cached, and the cache may take "
                f"{self._store.blobs.allowed:,}: give it more, or mark what is to stay with own."
            )
        return files, size

    async def fetch(self, top: Inode, after: bytes, seconds: float) -> Step:
        """Cache what isn't complete here, for about so long."""
        step = Step(after=after)
        with trio.move_on_after(seconds):
            while not step.done:
                page, last = await trio.to_thread.run_sync(self._page, top, step.after, self._lacks)
                if not await self._fetch_page(page, step):
                    break
                step.done = last is None
                step.after = step.after if last is None else last
        return step

    async def free(self, top: Inode, after: bytes, seconds: float) -> Step:
        """Take out of the cache what may go (R1), for about so long. `size` is what that has freed."""
        step = Step(after=after)
        deadline = trio.current_time() + seconds
        while not step.done and trio.current_time() < deadline:
            page, last = await trio.to_thread.run_sync(self._page, top, step.after, self._is_cached)
            reasons = await trio.to_thread.run_sync(self._free_page, page, step)
            step.failed += reasons
            step.done = last is None
            step.after = step.after if last is None else last
        return step

    # -- which files ---------------------------------------------------------------------------

    def _page(
        self, top: Inode, after: bytes, is_one: Callable[[Txn, Entry], bool]
    ) -> tuple[list[tuple[bytes, Entry]], bytes | None]:
        """Those of the next PAGE files that are meant, and the last path; None at the end."""
        found: list[tuple[bytes, Entry]] = []
        last: bytes | None = None
        with self._store.env.read() as txn:
            files = islice(files_below(self._store.tree, txn, top, after), PAGE)
            for count, (path, ino) in enumerate(files, 1):
                entry = self._store.tree.entry(txn, ino)
                if entry is not None and is_one(txn, entry):
                    found.append((path, entry))
                last = path if count == PAGE else None
        return found, last

    def _lacks(self, txn: Txn, entry: Entry) -> bool:
        if not entry.version.size or self._store.real.has(txn, entry.ino):
            return False  # an outdated real file is brought up to date by itself
        row = self._store.blobs.find(txn, entry.ino)
        return row is None or row.hash != entry.version.hash or not row.verified

    def _is_cached(self, txn: Txn, entry: Entry) -> bool:
        row = self._store.blobs.find(txn, entry.ino)
        return row is not None and (row.usage > 0 or self._store.blobs.is_open(row.id))

    # -- fetching --------------------------------------------------------------------------------

    async def _fetch_page(self, page: Sequence[tuple[bytes, Entry]], step: Step) -> bool:
        """Whether all of it was finished. What was, in order, is noted in `step` in any case."""
        gate, several = SizeGate(IN_FLIGHT_BYTES), trio.CapacityLimiter(TOGETHER_MAX)
        finished: dict[bytes, str | None] = {}

        async def fetch(path: bytes, entry: Entry) -> None:
            async with several, gate.holding(entry.version.size):
                try:
                    (await self._fetcher.complete(entry.ino, entry.version)).close()
                    finished[path] = None
                except (RealizeError, OSError) as error:
                    finished[path] = str(error)

        try:
            async with trio.open_nursery() as nursery:
                for path, entry in page:
                    nursery.start_soon(fetch, path, entry)
        finally:
            _note(step, page, finished)
            unfinished = next((entry for path, entry in page if path not in finished), None)
            step.partial = self._here(unfinished) if unfinished is not None else 0
        return unfinished is None

    def _here(self, entry: Entry) -> int:
        """Bytes of an unfinished one that are here."""
        blob = self._store.blobs.opened(entry.ino, entry.version.hash)
        if blob is None:
            return 0
        try:
            return blob.ranges.total()
        finally:
            blob.close()

    # -- freeing ---------------------------------------------------------------------------------

    def _free_page(
        self, page: Sequence[tuple[bytes, Entry]], step: Step
    ) -> list[tuple[bytes, str]]:
        """Why each that had to stay did. Blocking."""
        reasons: dict[Inode, str] = {}
        with self._store.env.read() as txn:
            for _, entry in page:
                mark, _ = self._store.marks.effective(txn, entry.ino, self._context.default_mark)
                if mark is Mark.KEEP:
                    reasons[entry.ino] = "it is marked keep"
        free = [entry.ino for _, entry in page if entry.ino not in reasons]
        step_freed, stayed = self._store.blobs.free(free, droppable(self._store))
        step.size += step_freed
        step.files += len(free) - len(stayed)
        reasons.update(
            dict.fromkeys(stayed, "no other machine is known to own it, or it is in use")
        )
        return [(path, reasons[entry.ino]) for path, entry in page if entry.ino in reasons]


def files_below(tree: Tree, txn: Txn, top: Inode, after: bytes) -> Iterator[tuple[bytes, Inode]]:
    """Live files at or below an inode by their paths from there, beyond `after`, in the order of the
    names of each directory; b"" is the path of `top` itself. Depth bounded by PATH_BYTES_MAX."""
    entry = tree.entry(txn, top)
    if entry is None or entry.version.deleted:
        return
    if entry.version.kind is Kind.FILE:
        if not after:
            yield b"", top
        return
    yield from _below(tree, txn, top, b"", paths.components(after))


def _below(
    tree: Tree, txn: Txn, directory: Inode, path: bytes, after: Sequence[bytes]
) -> Iterator[tuple[bytes, Inode]]:
    if len(after) > 1:  # it ended somewhere within this one
        inner = tree.lookup(txn, directory, after[0])
        if inner is not None and not inner.deleted and inner.kind is Kind.DIRECTORY:
            yield from _below(tree, txn, inner.ino, paths.join(path, after[0]), after[1:])
    for child in tree.children(txn, directory, after[0] if after else None):
        if child.deleted:
            continue
        where = paths.join(path, child.name)
        if child.kind is Kind.DIRECTORY:
            yield from _below(tree, txn, child.ino, where, ())
        elif child.kind is Kind.FILE:
            yield where, child.ino


def _note(
    step: Step, page: Sequence[tuple[bytes, Entry]], finished: Mapping[bytes, str | None]
) -> None:
    """Those that are here now count wherever they are in the order; the others are met again."""
    for path, entry in page:
        if path in finished and finished[path] is None:
            step.files += 1
            step.size += entry.version.size
    for path, _ in takewhile(lambda one: one[0] in finished, page):
        step.after = path
        failure = finished[path]
        if failure is not None:
            step.failed.append((path, failure))
