"""Handing files over to another peer: it takes ownership, and only then this side lets go.

The other side is asked to mark them own; its nursery then brings them, verified, many small ones at once
or a big one, and tells of each that it owns it, as of all that it does. Once it owns all of them they
are marked watch here, and this side's nursery gives them up, each on the word of as many owners as
must be. So whatever ends in between, nothing is lost, and the same request goes on from there.
"""

import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import trio

from realizefs.core.ignore import are_patterns
from realizefs.model.entries import Entry
from realizefs.model.errors import Busy, ConnectionLost, Misuse, NotFound
from realizefs.model.ids import Inode, PeerId
from realizefs.model.limits import PROGRESS_SECONDS
from realizefs.model.marks import Mark
from realizefs.model.messages import TAKE
from realizefs.model.paths import show
from realizefs.model.versions import Held
from realizefs.store.txn import Txn
from realizefs.sync.below import Top, pages
from realizefs.sync.context import Context
from realizefs.sync.link import Link
from realizefs.sync.on_demand import Progress

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.25
"""Seconds between looks at how far it is, or LOOK_REST times as long as one takes."""

LOOK_REST = 9
"""A look at a million files takes some seconds of a worker thread: a tenth of the time."""

ASKED_MAX = 3
"""Times that the other side is asked, where the connection ends before its answer."""

STALLED_SECONDS = 60.0
"""Seconds for which the other side may be away, read nothing and own no more than before, until whoever
waits hears that it is so. What was asked for goes on all the same."""

_TO_STAY = "it is to be a plain file here, by a rule or a mark that was set meanwhile"
_IN_USE = "it is in use here, or nobody else owns it any more"

SetMark = Callable[[Inode, Mark | None], Awaitable[None]]


class _Seen(NamedTuple):
    """Of the files at and below some paths: all, those that the other side owns, and those that are
    still kept here; sizes in bytes."""

    files: int
    size: int
    theirs: int
    their_size: int
    ours: tuple[tuple[bytes, Inode], ...]


class Handover:
    """Both sides of it, for one arena. Trio thread."""

    def __init__(self, context: Context, set_mark: SetMark) -> None:
        self._context = context
        self._store = context.store
        self._set_mark = set_mark
        self._read: Counter[PeerId] = Counter()

    def was_read(self, peer: PeerId, count: int) -> None:
        """A peer has read so many bytes more."""
        self._read[peer] += count

    # -- the side that takes -------------------------------------------------------------------

    async def take(self, peer: PeerId, path: bytes) -> bytes:
        """The answer, without bytes: own a path because somebody at `peer` asks; Misuse where it can't
        be, a sentence."""
        found = await trio.to_thread.run_sync(self._lacking, path)
        if found is None:
            raise NotFound(f'There is no "{show(path)}" here.')
        ino, lacking = found
        room = await trio.to_thread.run_sync(self._room)
        if lacking > room:
            raise Misuse(
                f'"{show(path)}" takes {lacking:,} bytes more here, and the disk has room for {room:,}.'
            )
        for at, shown in await trio.to_thread.run_sync(self._not_own, ino):
            name = self._context.links.name(peer)
            log.info('"%s" is marked own: somebody at %s moves it here.', shown, name)
            await self._set_mark(at, Mark.OWN)
        return b""

    def _not_own(self, top: Inode) -> list[tuple[Inode, str]]:
        """What is to be marked own so that all at and below it is; with paths. Blocking."""
        store = self._store
        with store.env.read() as txn:
            found = [ino for ino, mark in self._marked_below(txn, top) if mark is not Mark.OWN]
            if store.marks.effective(txn, top, self._context.default_mark) is not Mark.OWN:
                found.append(top)
            return [(ino, show(store.tree.path(txn, ino) or b"?")) for ino in found]

    def _marked_below(self, txn: Txn, top: Inode) -> Iterator[tuple[Inode, Mark]]:
        """Marks that were set below it, of what there still is."""
        for ino, mark in self._store.marks.all(txn):
            entry = self._store.tree.entry(txn, ino)
            is_there = entry is not None and not entry.version.deleted
            if is_there and ino != top and self._is_within(txn, ino, top):
                yield ino, mark

    def _is_within(self, txn: Txn, ino: Inode, top: Inode) -> bool:
        """Whether it is at or below it."""
        at: Inode | None = ino
        while at is not None and at != top:
            at = self._store.tree.parent(txn, at)
        return at == top

    def _room(self) -> int:
        with self._store.env.read() as txn:
            return self._store.blobs.spare(txn)

    def _lacking(self, path: bytes) -> tuple[Inode, int] | None:
        """The inode of what lives at a path, and the bytes of what isn't real at and below it."""
        with self._store.env.read() as txn:
            entry = self._store.tree.entry_at(txn, path)
        if entry is None or entry.version.deleted:
            return None

        def lacks(txn: Txn, where: bytes, below: Entry) -> int:
            self._check_rules(txn, entry.ino, where, below)
            return 0 if self._store.real.has(txn, below.ino) else below.version.size

        return entry.ino, sum(pages(self._store, Top(path, entry.ino), lacks))

    def _check_rules(self, txn: Txn, top: Inode, path: bytes, entry: Entry) -> None:
        """Misuse where a rule of a folder that is moved here would give it up again."""
        if not self._store.rules.any(txn):
            return
        rule = self._store.marks.marked(txn, entry, self._context.default_mark).rule
        if rule and rule.mark is not Mark.OWN and self._is_within(txn, rule.below, top):
            raise Misuse(
                f'"{show(path)}" would not stay: here is a rule that says {rule.said()}; '
                "`realizefs rule remove` takes it away."
            )

    # -- the side that gives -------------------------------------------------------------------

    async def give(self, tops: Sequence[Top], to: PeerId, progress: Progress) -> None:
        """Hand over all at and below these, and add that to the progress; Unreachable or Busy, sentences,
        where it doesn't come to an end. What couldn't be let go of is among the failures."""
        for top in tops:
            await self._ask(top, to)
        await self._until_owned(tops, to, progress)
        for top in tops:
            await self._let_go(top.ino)
        await self._until_gone(tops, to, progress)

    async def _ask(self, top: Top, to: PeerId) -> None:
        """Asked twice it is as if asked once, so a connection that ends is no obstacle."""
        with self._store.env.read() as txn:
            path = self._store.tree.path(txn, top.ino)
        if not path:
            raise Misuse("A whole arena can't be moved; name what is in it.")
        links = self._context.links
        for _ in range(ASKED_MAX - 1):
            try:
                return await self._ask_once(links.get(to), path)
            except ConnectionLost:
                with trio.move_on_after(PROGRESS_SECONDS):
                    while not links.connected(to):
                        await links.changed.after(links.changed.count)
        return await self._ask_once(links.get(to), path)

    async def _ask_once(self, link: Link, path: bytes) -> None:
        if TAKE not in link.hello.features:
            raise Misuse(f"{link.name} runs a version that can't be asked to take files.")
        await link.take(self._context.id, path)

    async def _until_owned(self, tops: Sequence[Top], to: PeerId, progress: Progress) -> None:
        began, name = self._read[to], self._context.links.name(to)
        patience = _Patience(
            f"{name} has taken nothing for a minute; ask `realizefs status` there."
        )
        before, first = replace(progress), None
        while True:
            seen = await self._look(tops, to)
            first = first or seen
            progress.all_files = before.all_files + seen.files
            progress.all_size = before.all_size + seen.size
            progress.files = before.files + seen.theirs
            read = first.their_size + self._read[to] - began
            progress.size = before.size + min(max(seen.their_size, read), seen.size)
            if seen.theirs == seen.files:
                return
            patience.spent((seen.theirs, self._read[to], self._context.links.connected(to)))

    async def _let_go(self, ino: Inode) -> None:
        """No longer kept here, unless something above it is to be, which is another mark."""
        for below in await trio.to_thread.run_sync(self._own_below, ino):
            await self._set_mark(below, None)
        await self._set_mark(ino, None)
        with self._store.env.read() as txn:
            mark = self._store.marks.effective(txn, ino, self._context.default_mark)
        if mark is not Mark.WATCH:
            await self._set_mark(ino, Mark.WATCH)

    def _own_below(self, top: Inode) -> list[Inode]:
        """Blocking."""
        with self._store.env.read() as txn:
            return [ino for ino, mark in self._marked_below(txn, top) if mark is Mark.OWN]

    async def _until_gone(self, tops: Sequence[Top], to: PeerId, progress: Progress) -> None:
        patience = _Patience("")
        while True:
            seen = await self._look(tops, to)
            if not seen.ours:
                return
            try:
                patience.spent(len(seen.ours))
                staying = await trio.to_thread.run_sync(self._staying, seen)
                if all(why == _TO_STAY for _, why in staying):
                    raise Busy(_TO_STAY)
            except Busy:
                for path, why in await trio.to_thread.run_sync(self._staying, seen):
                    progress.fail(path, why)
                    progress.files -= 1
                return

    def _staying(self, seen: _Seen) -> list[tuple[bytes, str]]:
        """What is still here, and why. Blocking."""
        found, store = [], self._store
        with store.env.read() as txn:
            for path, ino in seen.ours:
                decision = store.decisions.get(txn, ino)
                mark = store.marks.effective(txn, ino, self._context.default_mark)
                why = decision.error if decision is not None else ""
                found.append((path, _TO_STAY if mark is Mark.OWN else why or _IN_USE))
        return found

    async def _look(self, tops: Sequence[Top], to: PeerId) -> _Seen:
        """How far it is, a moment later."""
        began = trio.current_time()
        seen = await trio.to_thread.run_sync(self._count, tops, to)
        took = trio.current_time() - began
        await trio.sleep(max(LOOK_SECONDS, LOOK_REST * took))
        return seen

    def _count(self, tops: Sequence[Top], to: PeerId) -> _Seen:
        """Blocking."""
        files = size = theirs = their_size = 0
        ours: list[tuple[bytes, Inode]] = []
        for top in tops:
            for path, entry, is_theirs, is_real in pages(self._store, top, partial(self._of, to)):
                files, size = files + 1, size + entry.version.size
                if is_theirs:
                    theirs, their_size = theirs + 1, their_size + entry.version.size
                if is_real:
                    ours.append((path, entry.ino))
        return _Seen(files, size, theirs, their_size, tuple(ours))

    def _of(
        self, to: PeerId, txn: Txn, path: bytes, entry: Entry
    ) -> tuple[bytes, Entry, bool, bool]:
        """A file, whether the other side owns it, and whether it is kept here."""
        holder = self._store.holders.get(txn, entry.ino, to)
        is_theirs = (
            holder is not None and holder.held is Held.OWN and holder.hash == entry.version.hash
        )
        stays = are_patterns(entry.name, entry.version)
        is_real = self._store.real.has(txn, entry.ino)
        return path, entry, is_theirs, is_real and not stays


class _Patience:
    """Busy with a sentence once nothing has changed for STALLED_SECONDS."""

    def __init__(self, sentence: str) -> None:
        self._sentence = sentence
        self._state: object = None
        self._since = trio.current_time()

    def spent(self, state: object) -> None:
        """It is like this now."""
        if state != self._state:
            self._state, self._since = state, trio.current_time()
        elif trio.current_time() - self._since > STALLED_SECONDS:
            raise Busy(self._sentence)
