"""The next small files of a folder, fetched before their reader opens them (see core.browsing).

They come together, as those of a download do (`gathering`), but within the cache's limit. A reader
that comes for one on its way waits for it until HEDGE_SECONDS after it was asked for; then it is
fetched by itself, as ever, and nothing more ahead. What was fetched in vain is bounded: a window of
what the line carries in a moment and a sixteenth of the cache, and none where the background is to
wait, as on a network that costs money. Trio thread.
"""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Protocol

import trio

from realizefs.core.browsing import NEAR_MAX, WINDOW_MAX, Run, asked, goes_on, late, reached
from realizefs.core.striping import PIECES_MIN
from realizefs.model.entries import Entry
from realizefs.model.ids import Digest, Inode
from realizefs.model.limits import HEDGE_SECONDS, SEVERAL_BYTES_MAX
from realizefs.model.versions import Version
from realizefs.store.txn import Txn
from realizefs.sync.context import Context
from realizefs.sync.gathering import Came, Content, Stored, is_small
from realizefs.sync.patience import guarded
from realizefs.sync.urgency import Need

FOLDERS_MAX = 64
"""Folders of which it is remembered how far they were read."""

LOOKED_AT_MAX = 4 * WINDOW_MAX
"""Names looked at for one window."""


class Gather(Protocol):
    """Brings small files together; see `Gathering.bring`."""

    def __call__(self, contents: Sequence[Content], *, need: Need, came: Came) -> Awaitable[None]:
        """As far as they come plainly."""
        ...


@dataclass(slots=True)
class _Coming:
    """One that is on its way, or here and about to be stored; waited for until `deadline`."""

    parent: Inode
    name: bytes
    digest: Digest
    deadline: float
    here: trio.Event = field(default_factory=trio.Event)
    data: bytes | None = None


class Siblings:
    """Of one arena. `moment` says how many bytes the holder of a content sends in a moment."""

    def __init__(
        self, context: Context, gather: Gather, moment: Callable[[Inode, Version], int]
    ) -> None:
        self._context = context
        self._store = context.store
        self._gather = gather
        self._moment = moment
        self._runs: OrderedDict[Inode, Run] = OrderedDict()
        self._marks: dict[Inode, Inode] = {}  # in the middle of a window → its folder
        self._coming: dict[Inode, _Coming] = {}
        self._nursery: trio.Nursery | None = None

    async def run(self) -> None:
        """Own what is on its way until cancelled."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            try:
                await trio.sleep_forever()
            finally:
                self._nursery = None

    async def arrived(self, ino: Inode, version: Version) -> bytes | None:
        """A file is about to be read: all of it, if it is on its way, and comes in a moment."""
        parent = self._marks.pop(ino, None)
        if parent is not None and (run := self._runs.get(parent)) is not None:
            self._go_on(parent, reached(run), ino, version)
        coming = self._coming.get(ino)
        if coming is None or coming.digest != version.hash:
            return None
        # The file may be another version afterwards; these are the bytes of the one that was asked for.
        with trio.move_on_at(coming.deadline) as waiting:
            await coming.here.wait()
        if waiting.cancelled_caught:
            self._give_up(coming.parent, coming.name)
        return coming.data

    def missed(self, ino: Inode, version: Version) -> None:
        """A file isn't here as its first bytes are read."""
        if not is_small(version):
            return
        with self._store.env.read() as txn:
            entry = self._store.tree.entry(txn, ino)
            if entry is None:
                return
            run = self._runs.pop(entry.parent, None)
            if run is None:
                run = Run(entry.name)
            else:
                run = goes_on(run, entry.name, is_near=self._is_near(txn, run.last, entry))
        self._go_on(entry.parent, run, ino, version)

    def _is_near(self, txn: Txn, last: bytes, entry: Entry) -> bool:
        names = self._store.tree.children(txn, entry.parent, last)
        return any(one.name == entry.name for one in islice(names, NEAR_MAX + 1))

    def _go_on(self, parent: Inode, run: Run, ino: Inode, version: Version) -> None:
        self._runs[parent] = run
        self._runs.move_to_end(parent)
        self._unmark(parent)
        if len(self._runs) > FOLDERS_MAX:
            first, _ = self._runs.popitem(last=False)
            self._unmark(first)
        if run.window and self._nursery is not None and self._context.wait() is None:
            most = min(self._moment(ino, version), SEVERAL_BYTES_MAX)
            # A bad disk or database is no reason to end: each file is fetched when it is read.
            self._nursery.start_soon(guarded, self._fetch, parent, run, most)

    def _give_up(self, parent: Inode, name: bytes) -> None:
        self._unmark(parent)
        if parent in self._runs:  # else it wasn't read lately
            self._runs[parent] = late(name)

    def _unmark(self, parent: Inode) -> None:
        self._marks = {ino: of for ino, of in self._marks.items() if of != parent}

    async def _fetch(self, parent: Inode, run: Run, most: int) -> None:
        """The window behind `run.last`, of `most` bytes. What may change at the first await: another
        reader was there, and the run is another one; then that one's window is fetched."""
        entries = await trio.to_thread.run_sync(self._next, parent, run, most)
        entries = [one for one in entries if one.ino not in self._coming]
        if not entries or self._runs.get(parent) != run:
            return
        self._runs[parent] = asked(run, entries[-1].name)
        self._marks[entries[len(entries) // 2].ino] = parent
        deadline = trio.current_time() + HEDGE_SECONDS
        coming = {one.ino: _Coming(parent, one.name, one.version.hash, deadline) for one in entries}
        self._coming |= coming
        try:
            contents = [(one.ino, one.version) for one in entries]
            await self._gather(contents, need=Need.AHEAD, came=self._came)
            if not any(one.data for one in coming.values()):  # nobody can, or will
                self._give_up(parent, entries[-1].name)
        finally:
            for ino, one in coming.items():
                del self._coming[ino]
                one.here.set()

    def _came(self, some: Sequence[Stored]) -> None:
        for ino, _, data in some:
            self._coming[ino].data = data
            self._coming[ino].here.set()

    def _next(self, parent: Inode, run: Run, most: int) -> list[Entry]:
        """Small files behind the last one that aren't here. Blocks."""
        most = min(most, self._store.blobs.allowed // PIECES_MIN)
        found: list[Entry] = []
        with self._store.env.read() as txn:
            for entry in islice(self._missing(txn, parent, run.last), run.window):
                most -= entry.version.size
                if most < 0:
                    break
                found.append(entry)
        return found

    def _missing(self, txn: Txn, parent: Inode, last: bytes) -> Iterator[Entry]:
        store = self._store
        for dirent in islice(store.tree.children(txn, parent, last), LOOKED_AT_MAX):
            entry = None if dirent.deleted else store.tree.entry(txn, dirent.ino)
            if entry is None or not is_small(entry.version):
                continue
            if not store.real.has(txn, entry.ino) and not store.blobs.find(txn, entry.ino):
                yield entry
