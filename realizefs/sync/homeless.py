"""Contents that nobody is known to hold under a name, and that this machine has under another one.

Who renames a file that he hasn't got announces a name of which he holds nothing; who has it follows
(see `renames`). But where two rename it apart from each other, its holder can follow one of them only,
and the other name would have no content anywhere. And where two that he hasn't got changed places, each is
under the other's name. So what nobody holds is looked for among the
real files here, by its hash, and copied into the cache; from there it goes where it is wanted. Where
our user has changed it meanwhile, the name gets what it became (`successors`).
"""

import logging
from collections import Counter
from collections.abc import Iterator
from math import inf

import trio

from realizefs.model import paths
from realizefs.model.entries import Entry
from realizefs.model.errors import RealizeError
from realizefs.model.ids import Digest, Inode
from realizefs.model.versions import Kind, Version
from realizefs.store.txn import Txn
from realizefs.sync.batch import Batch
from realizefs.sync.context import Context
from realizefs.sync.fetcher import Fetcher
from realizefs.sync.patience import patiently
from realizefs.sync.successors import give_on, give_up

log = logging.getLogger(__name__)

SETTLE_SECONDS = 2.0
"""Before anything is looked for: who has followed says so in a moment."""

TRIES_MAX = 8
"""Times that a content is found and can't be taken in, until the next start."""

PAGE = 2000
"""Rows of what is sought, and of real files, looked at in one read transaction: some ten
milliseconds."""


def is_homeless(context: Context, txn: Txn, entry: Entry) -> bool:
    """Whether nobody, we included, is known to hold this file's content as this file's."""
    store, version = context.store, entry.version
    if version.deleted or version.kind is not Kind.FILE or not version.size:
        return False
    blob = store.blobs.find(txn, entry.ino)
    real = store.real.get(txn, entry.ino)
    if real is not None and real.hash == version.hash:
        return False
    if blob is not None and blob.verified and blob.hash == version.hash:
        return False
    return not store.holders.having(txn, entry.ino, version.hash)


class Homeless:
    """Those of one arena. Trio thread."""

    def __init__(self, context: Context, fetcher: Fetcher) -> None:
        self._context = context
        self._fetcher = fetcher
        self._again = False
        self._seen = 0
        self._in_vain: Counter[tuple[Inode, Digest]] = Counter()  # of what is sought, no more

    @property
    def is_busy(self) -> bool:
        """Whether something is about to be looked for."""
        return self._again or self._context.sought.count > self._seen

    async def run(self) -> None:
        """Until cancelled. What is sought is stored, so a restart goes on."""
        sought = self._context.sought
        while True:
            self._seen = seen = sought.count
            await trio.sleep(SETTLE_SECONDS)
            await patiently(self._go_over, f"Looking for contents in {self._context.name}")
            with trio.move_on_after(SETTLE_SECONDS if self._again else inf):
                await sought.after(seen)

    async def _go_over(self) -> None:
        """All that is sought, a page at a time. What couldn't be taken in stays, and is tried again
        a few times.

        What may change at each await: what was noted has found a holder, and is here twice then; the
        file found is changed, and then its bytes aren't taken, since they are checked; the one it is
        for is another version by then, and the cache doesn't take what is outdated.
        """
        after, self._again = Inode(0), False
        while page := await trio.to_thread.run_sync(self._page, after):
            after = page[-1][0]
            wanted = await trio.to_thread.run_sync(self._wanted, page)
            found = await trio.to_thread.run_sync(self._search, set(wanted)) if wanted else {}
            left = {one[0] for one in page if self._in_vain[one] >= TRIES_MAX}
            for digest, path in found.items():
                for ino, version in wanted[digest]:
                    if not await self._take_in(ino, version, path):
                        left.add(ino)
                        self._in_vain[ino, digest] += 1
                        self._again = True  # a job may just have asked for it in vain
            missing = {digest: wanted[digest] for digest in wanted.keys() - found.keys()}
            await self._give_on(missing)
            in_vain = [(ino, digest) for digest, some in missing.items() for ino, _ in some]
            lost = {one for one in in_vain if self._in_vain[one] + 1 >= TRIES_MAX}
            await self._give_up(lost)  # counted once that is done: what fails is tried again
            for one in in_vain:  # its file may just be on its way
                if one not in lost:
                    self._in_vain[one] += 1
                    left.add(one[0])
                    self._again = True
            await self._settle([one for one in page if one[0] not in left])

    def _page(self, after: Inode) -> list[tuple[Inode, Digest]]:
        with self._context.store.env.read() as txn:
            return self._context.store.sought.page(txn, after, PAGE)

    def _wanted(
        self, page: list[tuple[Inode, Digest]]
    ) -> dict[Digest, list[tuple[Inode, Version]]]:
        wanted: dict[Digest, list[tuple[Inode, Version]]] = {}
        with self._context.store.env.read() as txn:
            for ino, digest in page:
                entry = self._context.store.tree.entry(txn, ino)
                if (
                    entry is not None
                    and entry.version.hash == digest
                    and self._in_vain[ino, digest] < TRIES_MAX
                    and is_homeless(self._context, txn, entry)
                ):
                    wanted.setdefault(digest, []).append((ino, entry.version))
        return wanted

    async def _give_on(self, missing: dict[Digest, list[tuple[Inode, Version]]]) -> None:
        """What isn't here may have been changed here."""
        context = self._context
        with context.store.env.read() as txn:
            any_is = any(context.edited.successor(context.store, txn, one) for one in missing)
        if not any_is:
            return

        def note(batch: Batch) -> None:
            for digest, seekers in missing.items():
                successor = context.edited.successor(context.store, batch.txn, digest)
                if successor is None:
                    continue
                for ino, _ in seekers:
                    entry = batch.store.tree.entry(batch.txn, ino)
                    if entry is None or entry.version.hash != digest:
                        continue  # another version by now
                    if is_homeless(context, batch.txn, entry):
                        give_on(batch, entry, successor)

        await context.commit(note)

    async def _give_up(self, lost: set[tuple[Inode, Digest]]) -> None:
        """Of these contents nothing is left, so conflict copies that were named for them go again."""
        context = self._context
        if not any(ino in context.named for ino, _ in lost):
            return
        elsewhere = await trio.to_thread.run_sync(self._known, {digest for _, digest in lost})

        def note(batch: Batch) -> None:
            for ino, digest in lost:
                entry = batch.store.tree.entry(batch.txn, ino)
                if entry is None or entry.version.hash != digest or digest in elsewhere:
                    continue
                # What has a real row, whichever, is being written.
                if batch.store.real.has(batch.txn, ino) or ino in batch.in_hand:
                    continue
                if is_homeless(context, batch.txn, entry) and context.named.is_given_up(
                    batch.store, batch.txn, entry
                ):
                    give_up(batch, entry, context.clock.wall_ns())

        await context.commit(note)

    def _known(self, wanted: set[Digest]) -> set[Digest]:
        """Those of which a file here has the content, as far as is known: its disk may be away.
        Blocking."""
        return {digest for _, digest in self._real_files() if digest in wanted}

    async def _settle(self, page: list[tuple[Inode, Digest]]) -> None:
        sought = self._context.store.sought

        def note(txn: Txn) -> None:
            for ino, digest in page:
                sought.settled(txn, ino, digest)

        if page:
            await self._context.writer.do(note)
            for one in page:
                self._in_vain.pop(one, None)

    def _search(self, wanted: set[Digest]) -> dict[Digest, bytes]:
        """Paths of real files with these contents, one for each that is found. Blocking: it goes over
        all real files."""
        found: dict[Digest, bytes] = {}
        for ino, digest in self._real_files():
            if digest in wanted and digest not in found:
                path = self._unchanged(ino)
                if path is not None:
                    found[digest] = path
                    if len(found) == len(wanted):
                        break
        return found

    def _real_files(self) -> Iterator[tuple[Inode, Digest]]:
        after = Inode(0)
        while True:
            with self._context.store.env.read() as txn:
                page = self._context.store.real.page(txn, after, PAGE)
            yield from ((ino, row.hash) for ino, row in page)
            if len(page) < PAGE:
                return
            after = page[-1][0]

    def _unchanged(self, ino: Inode) -> bytes | None:
        store = self._context.store
        with store.env.read() as txn:
            path, real = store.tree.path(txn, ino), store.real.get(txn, ino)
        if not path or real is None or store.root.fingerprint_if_any(path) != real.fingerprint:
            return None
        return path

    async def _take_in(self, ino: Inode, version: Version, path: bytes) -> bool:
        """Complete in the cache, checked as what comes from a peer is; False if it couldn't be.

        A job may be asking for it at this moment, in vain; its failure would be ours, too, the first
        time.
        """
        for _ in range(2):
            try:
                self._fetcher.borrow(ino, version, path)
                (await self._fetcher.complete(ino, version)).close()
            except (RealizeError, OSError) as error:
                log.debug('What "%s" has was not taken: %s', paths.show(path), error)
            else:
                return True
        return False
