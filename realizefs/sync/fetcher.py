"""Fetch on demand: the pieces of unreal files that are on their way, and who waits for them.

Readers of one block share one fetch. A fetch belongs to the fetcher's nursery and not to the
reader that started it, so a reader that is killed takes nothing from the others; what nobody else
wants isn't fetched any further then (`pieces`). Whoever waits
is bounded by the deadlines of `silence` and `candidates`. Which peer a piece comes
from, and that it is what it should be, is the business of `sources`.
"""

from collections import Counter, deque
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager

import trio

from realizefs.core import plan
from realizefs.model import limits, paths
from realizefs.model.errors import CacheFull, RealizeError, StoreFault, Unreachable
from realizefs.model.ids import Digest, Inode
from realizefs.model.ranges import Ranges
from realizefs.model.versions import Version
from realizefs.store.blob import Blob
from realizefs.store.direct import pays
from realizefs.sync.bases import Bases
from realizefs.sync.context import Context
from realizefs.sync.gate import UrgentGate
from realizefs.sync.gathering import Gathering
from realizefs.sync.lacking import ROOM_BYTES, check_room
from realizefs.sync.pace import Pace
from realizefs.sync.pieces import Piece, Pieces
from realizefs.sync.reading import Reading
from realizefs.sync.recent import Recent
from realizefs.sync.reuse import Here, bring
from realizefs.sync.shelf import Shelf
from realizefs.sync.siblings import Siblings
from realizefs.sync.sources import Sources
from realizefs.sync.urgency import Need, Urgency
from realizefs.sync.wanted import Wanted

IN_FLIGHT_BYTES_MAX = 32 * limits.MIB
"""Bytes on their way or being stored at once in one arena for readers, and as many for downloads."""

EVICTED_RETRIES = 3
"""Times a content is fetched again because what had been there before was evicted meanwhile."""


class Fetcher:
    """Reads of unreal content of one arena."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._store = context.store
        self._counts = context.store.blobs.counts
        self._sources = Sources(context)
        self._nursery: trio.Nursery | None = None
        self._shelf = Shelf(context)
        self.gather = Gathering(context, self._shelf).bring  # ahead of `complete` of each
        self._bases = Bases(context.store)
        self._pace = Pace(context.store.blobs, self._sources, self._bases)
        self._siblings = Siblings(context, self.gather, self._pace.moment)
        self._recent = Recent()
        self._reading = Reading(context.store.blobs)
        self._gate = UrgentGate(IN_FLIGHT_BYTES_MAX)
        self._pieces = Pieces()
        self._patterns = plan.Patterns()
        self._completing: Counter[tuple[Inode, Digest]] = Counter()
        context.arriving = self._pieces.arriving
        context.completing = self.completing

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Own the fetches until cancelled."""
        with closing(self._bases):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._shelf.run)
                nursery.start_soon(self._reading.run)
                nursery.start_soon(self._siblings.run)
                nursery.start_soon(self._recent.run)
                self._nursery = nursery
                task_status.started()
                try:
                    await trio.sleep_forever()
                finally:  # before it takes no more: a job may hear later that all ends
                    self._nursery = None

    async def read(self, ino: Inode, version: Version, start: int, length: int) -> bytes:
        """Bytes [start, start+length) of exactly that version, fewer only at its end.

        Raises Unreachable where no holder answers, PeerFault where all hold something else.
        """
        end = min(start + length, version.size)
        if start >= end:
            return b""
        ahead = await self._siblings.arrived(ino, version)
        data = self._from_memory(ino, version, start, end) if ahead is None else ahead[start:end]
        if data is not None:
            self._counts.hit += end - start
            return data
        blob = self._reading.open(ino, version.hash)
        try:
            data = await self._from_blob(blob, start, end)
            if data is None:
                if not start:
                    self._siblings.missed(ino, version)
                return await self._from_peers(blob, ino, version, start, end)
            self._counts.hit += len(data)
            return data
        finally:
            if blob is not None:
                blob.close()

    async def complete(self, ino: Inode, version: Version) -> Blob:
        """The complete, verified blob of a version; the caller closes it."""
        key = ino, version.hash
        self._completing[key] += 1
        try:
            with self._store.blobs.pinned(ino):
                return await self._complete(ino, version)
        finally:
            self._completing[key] -= 1
            if not self._completing[key]:
                del self._completing[key]

    def borrow(self, ino: Inode, version: Version, path: bytes) -> None:
        """The real file at `path` is said to have all of this content: it is taken from there."""
        self._bases.lend(ino, version, path)

    def completing(self, ino: Inode, digest: Digest) -> bool:
        """Whether somebody waits for all of a content."""
        return (ino, digest) in self._completing

    async def _complete(self, ino: Inode, version: Version) -> Blob:
        for _ in range(EVICTED_RETRIES):
            blob = self._store.blobs.open_existing(ino, version.hash)
            if blob is None and not version.size:  # nothing to fetch
                blob = await trio.to_thread.run_sync(self._store.blobs.open, ino, version)
            if blob is not None and blob.complete:
                self._bases.forget(ino, version.hash)
                self._reading.let_go(ino, version.hash)
                return await self._verified(blob)
            here = blob.ranges if blob is not None else Ranges()
            try:
                await self._fetch_all(ino, version, here)
            finally:
                if blob is not None:
                    blob.close()
        raise Unreachable(f'"{self._show(ino)}" is evicted faster than it is fetched.')

    async def _verified(self, blob: Blob) -> Blob:
        try:
            # A crash, or a disk that refused, came before the note of it: the engine would ask again.
            if blob.unsaved or not blob.verified:
                await self._context.blob_complete(blob)
        except BaseException:
            blob.close()
            raise
        return blob

    def _from_memory(self, ino: Inode, version: Version, start: int, end: int) -> bytes | None:
        pieces = self._recent.find(ino, version.hash, start, end)
        if not pieces:
            return None
        wanted, at = pieces[0].wanted, self._recent.until(pieces[-1])
        ahead = self._patterns.read((ino, version.hash), start, end, wanted.block, version.size)
        if at < ahead:
            here, blob = Ranges(), self._reading.open(ino, version.hash)
            if blob is not None:  # it may have been closed since: nobody reads it
                here = blob.ranges
                blob.close()
            self._start(wanted, here.missing(at, ahead), Need.AHEAD)
        parts = list[bytes]()
        for piece in pieces:  # they may overlap: what was evicted may be fetched in other pieces
            parts.append(piece.part(start, end))
            start = piece.end
        return parts[0] if len(parts) == 1 else b"".join(parts)

    async def _from_blob(self, blob: Blob | None, start: int, end: int) -> bytes | None:
        if blob is None or not blob.covers(start, end):
            return None
        data = blob.read_at_once(start, end - start)
        if data is None:
            data = await trio.to_thread.run_sync(blob.read, start, end - start)
        return data

    async def _from_peers(
        self, blob: Blob | None, ino: Inode, version: Version, start: int, end: int
    ) -> bytes:
        here = blob.ranges if blob is not None else Ranges()
        wanted = await self._sources.wanted(ino, version, (start, end))
        ahead = self._patterns.read((ino, version.hash), start, end, wanted.block, version.size)
        missing = here.missing(start, end)
        pieces = self._start(wanted, missing, Need.READ)
        self._start(wanted, here.missing(end, ahead), Need.AHEAD)
        parts: list[bytes] = []
        at = start
        with self._pieces.followed(ino, version.hash), self._pieces.used(pieces):
            for piece in pieces:
                if piece.start > at:
                    parts.append(await self._between(blob, wanted, at, min(piece.start, end)))
                    at = piece.start
                parts.append(await piece.awaited(at, end))
                at = min(piece.end, end)
            if at < end:
                parts.append(await self._between(blob, wanted, at, end))
        self._counts.miss += missing.total()
        self._counts.hit += end - start - missing.total()
        return parts[0] if len(parts) == 1 else b"".join(parts)

    async def _between(self, blob: Blob | None, wanted: Wanted, start: int, end: int) -> bytes:
        """Bytes that were here a moment ago. If they were evicted since, they come from a piece,
        whether that can be stored or not: so a read ends however small the cache is."""
        data = await self._from_blob(blob, start, end)
        if data is not None:
            return data
        pieces = self._start(wanted, Ranges.of(start, end), Need.READ)
        with self._pieces.used(pieces):
            return b"".join([await piece.awaited(start, end) for piece in pieces])

    async def _fetch_all(self, ino: Inode, version: Version, here: Ranges) -> None:
        """Fetch what is missing, some pieces ahead of the one waited for: memory is bounded."""
        wanted = await self._sources.wanted(ino, version)
        lacking = version.size - here.total()
        if lacking >= ROOM_BYTES and not self._bases.has(ino, version.hash):
            await trio.to_thread.run_sync(check_room, self._store, wanted.path, lacking)
        ahead: deque[Piece] = deque()
        at = 0
        try:
            while at < version.size or ahead:
                while at < version.size and _size(ahead) < IN_FLIGHT_BYTES_MAX:
                    step = self._pace.piece_bytes(wanted)
                    until = min(at - at % step + step, version.size)  # where `plan.pieces` cuts
                    pieces = self._start(wanted, here.missing(at, until), Need.DOWNLOAD)
                    for piece in pieces:
                        self._pieces.want(piece)
                        piece.bound = False  # all is wanted here, whatever the cache's limit
                    ahead += pieces
                    at = max([until, *(piece.end for piece in pieces)])
                if ahead:
                    await self._stored(ahead[0], wanted)
                    self._pieces.leave(ahead.popleft())
        finally:
            for piece in ahead:
                self._pieces.leave(piece)

    async def _stored(self, piece: Piece, wanted: Wanted) -> None:
        await piece.done.wait()
        if piece.error is not None:
            raise piece.error
        if not piece.kept:
            raise CacheFull(f'There is no room on the disk for "{paths.show(wanted.path)}".')

    def _start(self, wanted: Wanted, missing: Ranges, need: Need) -> list[Piece]:
        """The pieces that bring `missing`, started or joined; in order, not overlapping."""
        if not missing:
            return []
        # Who reads at random asks for a block at a time, and needn't know how fast the line is.
        is_one = missing.total() <= wanted.block
        most = wanted.block if is_one else self._pace.piece_bytes(wanted)
        found: list[Piece] = []
        for start, end in plan.pieces(missing, wanted.block, wanted.version.size, most):
            at = start
            while at < end:
                piece = self._join_or_start(wanted, at, end, need)
                piece.urgency.hurry(need)
                found.append(piece)
                at = piece.end
        return found

    def _join_or_start(self, wanted: Wanted, start: int, end: int, need: Need) -> Piece:
        if self._nursery is None:
            raise Unreachable("The daemon is stopping.")
        known = self._pieces.bringing(wanted, start)
        if known is not None:
            return known
        stop = start + wanted.block  # up to the next block that is already on its way
        while stop < end and self._pieces.bringing(wanted, stop) is None:
            stop += wanted.block
        piece = Piece(wanted, start, min(stop, end, wanted.version.size), Urgency(need))
        self._pieces.add(piece)
        self._nursery.start_soon(self._run_piece, wanted, piece)
        return piece

    async def _run_piece(self, wanted: Wanted, piece: Piece) -> None:
        """Fetch, let the readers go on, store. Readers that come until it is stored join it."""
        try:
            with piece.scope:
                async with self._gate.holding(piece.end - piece.start, piece.urgency):
                    await self._bring(wanted, piece)
        except RealizeError as error:
            piece.error = error
        except OSError as error:
            piece.error = StoreFault(f"The cache can't be written: {error.strerror}.")
        finally:
            self._pieces.remove(piece)
            if not piece.data and piece.error is None:
                piece.error = Unreachable("The daemon is stopping.")
            piece.here.set()
            piece.done.set()

    async def _bring(self, wanted: Wanted, piece: Piece) -> None:
        with (
            self._bases.using(wanted.ino, wanted.path, wanted.version.hash) as base,
            self._opened(wanted) as blob,
        ):
            here = Here(base, blob)
            brought = await bring(
                self._sources, wanted, piece.start, piece.end, piece.urgency, here
            )
            if piece.scope.cancel_called:
                return  # in this very moment; what follows isn't to be cut off in the middle
            piece.data = brought.data
            piece.here.set()  # from here on it isn't given up
            # Who reads has it from memory: the page cache would hold it twice, for it goes to him
            # through that of the mount. Whom a download was for reads it later.
            direct = pays(wanted.version.size, len(brought.data)) and (
                not piece.bound or self._recent.keep(piece)
            )
            piece.kept = await self._shelf.put(
                wanted.ino,
                wanted.version,
                piece.start,
                brought.data,
                copied=brought.copied,
                bound=piece.bound,
                direct=direct,
            )

    @contextmanager
    def _opened(self, wanted: Wanted) -> Iterator[Blob | None]:
        """The blob that a piece goes to, if a reader has it open."""
        blob = self._store.blobs.opened(wanted.ino, wanted.version.hash)
        try:
            yield blob
        finally:
            if blob is not None:
                blob.close()

    def _show(self, ino: Inode) -> str:
        with self._store.env.read() as txn:
            return paths.show(self._store.tree.path(txn, ino) or b"?")


def _size(pieces: Iterable[Piece]) -> int:
    return sum(piece.end - piece.start for piece in pieces)
