"""Small files fetched together, ahead of those who will ask for each of them.

One small file alone is a dozen looks into the database, a race of holders and a few tasks, all for
one block. Of many that are wanted at the same time the plain ones are brought here in one go: looked
up in one transaction, asked for in one request, stored as one batch. What doesn't come so (nobody
connected has it, the answer is late or wrong, an old version is here to take from, the disk is full)
is fetched by whoever wants it as ever, with all that `sources` knows to do about it and with its
errors; then nothing was gained and nothing lost.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import trio

from realizefs.codec.several import split
from realizefs.core.striping import PIECES_MIN, piece_bytes, rank
from realizefs.model.errors import RealizeError
from realizefs.model.ids import Inode, PeerId
from realizefs.model.limits import BLOCK_BYTES_MIN, SEVERAL_BYTES_MAX, SEVERAL_MAX
from realizefs.model.messages import SEVERAL, Small
from realizefs.model.versions import Kind, Version
from realizefs.store.hashing import hash_bytes
from realizefs.store.txn import Txn
from realizefs.sync.context import Context
from realizefs.sync.link import Link
from realizefs.sync.shelf import Shelf
from realizefs.sync.urgency import Need

log = logging.getLogger(__name__)

AT_ONCE_MAX = 3
"""Of one arena, so many files together on their way: one is asked for, one comes, one is stored."""

Content = tuple[Inode, Version]
Stored = tuple[Inode, Version, bytes]
Came = Callable[[Sequence[Stored]], None]


@dataclass(frozen=True, slots=True)
class _Plain:
    """A file of one block of which nothing is here, and who has it."""

    ino: Inode
    version: Version
    path: bytes
    holders: tuple[PeerId, ...]


def is_small(version: Version) -> bool:
    """Whether it may come with others."""
    return version.kind is Kind.FILE and 0 < version.size <= BLOCK_BYTES_MIN


def together(contents: Iterable[Content]) -> Iterator[list[Content]]:
    """Those that may come together, in order; a large one is alone."""
    some: list[Content] = []
    size = 0
    for content in contents:
        if not is_small(content[1]):
            yield [content]
            continue
        if len(some) == SEVERAL_MAX or size + content[1].size > SEVERAL_BYTES_MAX:
            yield some
            some, size = [], 0
        some.append(content)
        size += content[1].size
    if some:
        yield some


def in_time(plain: Sequence[_Plain], rate: float) -> Iterator[list[_Plain]]:
    """Few enough for one answer that on a slow line nobody is kept waiting behind it."""
    most = piece_bytes(rate, BLOCK_BYTES_MIN, PIECES_MIN * SEVERAL_BYTES_MAX)
    some: list[_Plain] = []
    size = 0
    for one in plain:
        if some and size + one.version.size > most:
            yield some
            some, size = [], 0
        some.append(one)
        size += one.version.size
    if some:
        yield some


class Gathering:
    """Of one arena. Trio thread."""

    def __init__(self, context: Context, shelf: Shelf) -> None:
        self._context = context
        self._store = context.store
        self._shelf = shelf
        self._turns = trio.CapacityLimiter(AT_ONCE_MAX)

    async def bring(
        self,
        contents: Sequence[Content],
        *,
        need: Need = Need.DOWNLOAD,
        came: Came = lambda _: None,
    ) -> None:
        """Have in the cache what can be had plainly; no more than `together` gives at a time. What isn't
        a download comes within the cache's limit only. `came` is told what is here, before it is
        stored."""
        if len(contents) < 2 or not self._context.links.any_connected:
            return
        async with self._turns:
            plain = await trio.to_thread.run_sync(self._plain_ones, contents)
            async with trio.open_nursery() as nursery:
                for link, all_of_it in self._by_link(plain).items():
                    for some in in_time(all_of_it, link.rate):
                        nursery.start_soon(self._bring_from, link, some, need, came)

    async def _bring_from(self, link: Link, some: Sequence[_Plain], need: Need, came: Came) -> None:
        brought = await self._read(link, some, need)
        if brought:
            came(brought)
            await self._shelf.put_all(brought, bound=need is not Need.DOWNLOAD)

    def _by_link(self, plain: Sequence[_Plain]) -> dict[Link, list[_Plain]]:
        """Each asked of the holder that is likely to answer first, with those that it has, too."""
        asked: dict[Link, list[_Plain]] = {}
        for holders, some in _by_holders(plain).items():
            link = self._best(holders)
            if link is not None:
                asked.setdefault(link, []).extend(some)
        return asked

    async def _read(self, link: Link, some: Sequence[_Plain], need: Need) -> list[Stored]:
        files = tuple(Small(one.path, one.version.hash, one.version.size) for one in some)
        link.busy += 1
        try:
            answer = await link.read_several(self._context.id, files, need)
            return await trio.to_thread.run_sync(_verified, some, answer)
        except RealizeError as error:
            log.debug("%d files don't come together: %s", len(some), error)
            return []
        finally:
            link.busy -= 1

    def _best(self, holders: tuple[PeerId, ...]) -> Link | None:
        links = self._context.links
        found = [links.get(peer) for peer in holders if links.connected(peer)]
        found = [
            link
            for link in found
            if SEVERAL in link.hello.features and link.peer not in links.distrust
        ]
        best = max((link.rate for link in found), default=0.0)
        return min(
            found,
            key=lambda link: rank(link.busy, link.rate, best, distrusted=False),
            default=None,
        )

    def _plain_ones(self, contents: Sequence[Content]) -> list[_Plain]:
        """Blocking."""
        with self._store.env.read() as txn:
            found = (self._plain(txn, ino, version) for ino, version in contents)
            return [one for one in found if one is not None]

    def _plain(self, txn: Txn, ino: Inode, version: Version) -> _Plain | None:
        """None where there is an old version to take from, or it is here already."""
        store = self._store
        if not is_small(version) or store.real.has(txn, ino) or store.blobs.find(txn, ino):
            return None
        path = store.tree.path(txn, ino)
        if path is None:
            return None
        holders = store.holders.having(txn, ino, version.hash)
        return _Plain(ino, version, path, tuple(holder.peer for holder in holders))


def _by_holders(plain: Sequence[_Plain]) -> dict[tuple[PeerId, ...], list[_Plain]]:
    found: dict[tuple[PeerId, ...], list[_Plain]] = {}
    for one in plain:
        found.setdefault(one.holders, []).append(one)
    return found


def _verified(some: Sequence[_Plain], answer: bytes) -> list[Stored]:
    """Those that came as they should be (R4). Who sends something else is found out, and named, when
    it is asked for alone. Blocking."""
    contents = split(answer, [one.version.size for one in some])
    return [
        (one.ino, one.version, data)
        for one, data in zip(some, contents, strict=True)
        if data and hash_bytes(data) == one.version.hash
    ]
