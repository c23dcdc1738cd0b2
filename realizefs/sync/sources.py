"""Where fetched bytes come from: the holders of a version, asked in turn, and checked.

Nothing that a peer sends is passed on before it was compared with the version's own digests: the
block list with the version's digest of it, every block with its digest in the list, and a file of
one block with the hash of the file. A peer that sends something else is left for the next one.
"""

from collections import OrderedDict
from dataclasses import dataclass, field, replace

import trio

from realizefs.core.calls import DIGEST_BYTES
from realizefs.model import limits, paths
from realizefs.model.errors import (
    RealizeError,
    RequestFailed,
    Unreachable,
    VersionGone,
    WrongBytes,
)
from realizefs.model.ids import Digest, Inode, is_by
from realizefs.model.versions import Version
from realizefs.store.hashing import block_size, hash_bytes
from realizefs.store.txn import Txn
from realizefs.sync.bases import Base
from realizefs.sync.candidates import Candidates
from realizefs.sync.context import Context
from realizefs.sync.holder import Part
from realizefs.sync.link import Link
from realizefs.sync.race import Ask, Race
from realizefs.sync.urgency import Urgency
from realizefs.sync.wanted import Wanted

LISTS_MAX = 16
"""Block lists that may not be in the database yet, 2 MiB."""

GONE_WAITS_SECONDS = (0.05, 0.1, 0.2, 0.4)
"""Seconds between tries where the current version is gone at every holder, at most: they look at
their file at once, and tell what it is now. Less than a second in all."""

FIRST_KEPT_MAX = 4
"""Blocks that have come with their lists and that their readers haven't taken: 2 MiB. Who goes away in
that moment leaves his until others come."""

CLAIM_LOOK_SECONDS = 0.25
"""Seconds between looks whether anybody is connected who could say that he has it."""


@dataclass(slots=True)
class _Asked:
    """A block list on its way; `digests` or `error` once `over`, neither where nobody waited for it."""

    over: trio.Event = field(default_factory=trio.Event)
    digests: bytes = b""
    error: RealizeError | None = None


class Sources:
    """The peers of one arena as sources of verified bytes."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._store = context.store
        self._links = context.links
        self._lists: OrderedDict[Digest, bytes] = OrderedDict()
        self._asked: dict[tuple[Inode, Digest], _Asked] = {}
        self._first: OrderedDict[tuple[Inode, Digest, int], bytes] = OrderedDict()

    async def wanted(self, ino: Inode, version: Version, first: tuple[int, int] = (0, 0)) -> Wanted:
        """The version's path and block list. If the list isn't here it is fetched, and where nothing is
        here that the first block may be taken from, that as well: what is read `first` is in it."""
        with self._store.env.read() as txn:
            path = self._store.tree.path(txn, ino)
            digests = self._block_list(txn, version)
            if digests is None and (
                self._store.real.has(txn, ino) or self._store.blobs.find(txn, ino) is not None
            ):
                first = (0, 0)
        if path is None:
            raise Unreachable("The file was removed while it was read.")
        wanted = Wanted(ino, path, version, block_size(version.size), digests or b"")
        if digests is None:
            return await self._with_digests(wanted, first)
        return wanted

    def _block_list(self, txn: Txn, version: Version) -> bytes | None:
        """None where it isn't known here."""
        if not version.block_root:
            return b""
        return self._lists.get(version.hash) or self._store.blocks.get(txn, version.hash)

    async def _with_digests(self, wanted: Wanted, first: tuple[int, int]) -> Wanted:
        """Fetch the block list: one asks, and all who want it meanwhile hear what came of it. If he
        goes away, the next one asks."""
        key = (wanted.ino, wanted.version.hash)
        while (other := self._asked.get(key)) is not None:
            await other.over.wait()
            if other.error is not None:
                raise other.error
            if other.digests:
                return replace(wanted, digests=other.digests)
        asked = self._asked[key] = _Asked()
        try:
            asked.digests = await self._ask_digests(wanted, *_one_block(wanted, *first))
        except RealizeError as error:
            asked.error = error
            raise
        finally:
            del self._asked[key]
            asked.over.set()
        return replace(wanted, digests=asked.digests)

    async def _ask_digests(self, wanted: Wanted, start: int, end: int) -> bytes:
        """Checked against the version's own digest of them. Block [start, end) of it comes along, and
        saves its reader the way to and fro; what isn't that is asked for once more, as ever."""
        version, length = wanted.version, end - start
        size = DIGEST_BYTES * -(-version.size // wanted.block)

        async def ask(link: Link) -> bytes:
            data = await link.read_blocks(
                self._context.id, wanted.path, version.hash, start, length
            )
            digests, block = bytes(data[:size]), bytes(data[size:])
            if hash_bytes(digests) != version.block_root:
                shown = paths.show(wanted.path)
                error = WrongBytes(f'{link.name} sent a wrong block list for "{shown}".')
                self._is_wrong(link, error)
                raise error
            if block:
                await self._keep_first(link, replace(wanted, digests=digests), (start, end), block)
            return digests

        digests = await self._patiently(wanted, ask, limits.BLOCKS_MAX * DIGEST_BYTES + length)
        # Nobody waits until it is durable: the reader wants his first byte. A crash loses nothing
        # but the list, which is asked for again.
        self._lists[version.hash] = digests
        while len(self._lists) > LISTS_MAX:
            self._lists.popitem(last=False)
        self._context.keep_blocks(version.hash, digests)
        return digests

    async def _keep_first(
        self, link: Link, wanted: Wanted, place: tuple[int, int], block: bytes
    ) -> None:
        start, end = place
        try:
            await wanted.check(start, end, block, link.name)
        except WrongBytes as error:
            self._is_wrong(link, error)
            return
        self._first[wanted.ino, wanted.version.hash, start] = block
        if len(self._first) > FIRST_KEPT_MAX:
            self._first.popitem(last=False)

    def rate(self, ino: Inode, digest: Digest) -> float:
        """Bytes per second of the fastest holder that is connected; 0.0 where that isn't known."""
        links = self._links.holding(self._store, ino, digest)
        return max((link.rate for link in links), default=0.0)

    async def read(
        self, wanted: Wanted, start: int, end: int, urgency: Urgency, base: Base | None
    ) -> bytes:
        """Bytes [start, end), whole blocks, from the best holder; the others are tried after it.

        Deltas are made of `base` where that is less to send. Raises Unreachable where none answers,
        VersionGone or RequestFailed where all say no.
        """
        first = self._first.pop((wanted.ino, wanted.version.hash, start), b"")
        if len(first) == end - start:
            return first
        part = Part(self._context.id, wanted, start, end, urgency, base, self._is_wrong)
        return await self._patiently(wanted, part.ask, end - start)

    def _is_wrong(self, link: Link, error: WrongBytes) -> None:
        self._links.distrust.noted(link.peer, error)

    async def _patiently(self, wanted: Wanted, ask: Ask, size: int) -> bytes:
        """Who is just changing permissions or times of its file says for a moment that the
        version is gone: it is asked again. Who changed its content tells so in a moment."""
        for seconds in GONE_WAITS_SECONDS:
            try:
                return await self._from_holders(wanted, ask, size)
            except VersionGone:
                if not await self._still_current(wanted, seconds):
                    raise
        return await self._from_holders(wanted, ask, size)

    async def _still_current(self, wanted: Wanted, seconds: float) -> bool:
        """Whether the content is the current one, once something else was told or after
        `seconds`."""
        before = self._current(wanted.ino)
        with trio.move_on_after(seconds):
            seen = self._context.history.count
            while before is not None and before.hash == wanted.version.hash:
                await self._context.history.after(seen)
                seen = self._context.history.count
                if self._current(wanted.ino) != before:
                    break
        return self._is_current(wanted)

    def _is_current(self, wanted: Wanted) -> bool:
        now = self._current(wanted.ino)
        return now is not None and now.hash == wanted.version.hash

    def _current(self, ino: Inode) -> Version | None:
        with self._store.env.read() as txn:
            entry = self._store.tree.entry(txn, ino)
        return entry.version if entry is not None else None

    async def _claimed(self, wanted: Wanted) -> None:
        """Wait for the first to say that he has it, where nobody could yet: what was renamed here
        a moment ago is owned under its new name by who has followed."""
        with trio.move_on_after(limits.PROGRESS_SECONDS):
            while self._is_ours_alone(wanted) and self._links.any_connected:
                seen = self._context.history.count
                with trio.move_on_after(CLAIM_LOOK_SECONDS):
                    await self._context.history.after(seen)

    def _is_ours_alone(self, wanted: Wanted) -> bool:
        """Whether the version was made here and nobody is known to hold it."""
        now = self._current(wanted.ino)
        if now is None or now.hash != wanted.version.hash or not self._is_ours(now):
            return False
        return not self._links.holder_names(self._store, wanted.ino, wanted.version.hash)

    async def _from_holders(self, wanted: Wanted, ask: Ask, size: int) -> bytes:
        """What the first of them gives that has it."""
        await self._claimed(wanted)
        candidates = Candidates(self._links, self._store, wanted.ino, wanted.version.hash)
        race = Race(candidates, ask, size)
        data = await race.run()
        if data is None:
            raise self._failure(wanted, race.errors)
        return data

    def _is_ours(self, version: Version) -> bool:
        return is_by(version.author, self._context.me)

    def _failure(self, wanted: Wanted, errors: list[RealizeError]) -> RealizeError:
        shown = paths.show(wanted.path)
        unreachable = not errors or any(isinstance(error, Unreachable) for error in errors)
        causes = " ".join(dict.fromkeys(str(error) for error in errors))  # each once
        if unreachable:
            names = self._links.holder_names(self._store, wanted.ino, wanted.version.hash)
            if not names and not self._is_current(wanted):
                return _gone(shown)
            holders = ", ".join(names) or "no peer holds it"
            if errors:
                return Unreachable(
                    f'"{shown}" could not be read from any peer ({holders}). {causes}'
                )
            return Unreachable(
                f'"{shown}" is not here and no peer that holds it is connected ({holders}).'
            )
        if all(isinstance(error, VersionGone) for error in errors):
            return _gone(shown)
        return RequestFailed("io", f'"{shown}" could not be read from any peer. {causes}')


def _one_block(wanted: Wanted, start: int, end: int) -> tuple[int, int]:
    """The block in which [start, end) is; nothing where that is none, or more than one, or much."""
    at = start - start % wanted.block
    stop = min(at + wanted.block, wanted.version.size)
    return (at, stop) if start < end <= stop and stop - at <= limits.FIRST_BYTES_MAX else (0, 0)


def _gone(shown: str) -> VersionGone:
    return VersionGone(f'This version of "{shown}" no longer exists at any peer.')
