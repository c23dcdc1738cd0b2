"""Carrying decisions out: Realize, Unrealize, UpdateCache, and making a file writable (DESIGN 7.1).

Each step is one rename between our own directories and the root, so a crash leaves a path wholly
real or wholly cached. What the index says follows in a transaction after it (realize) or just
before it (unrealize); what is left in between, the scanner and `Blobs.recover` put right.
A file that isn't the one that was indexed is never touched: Busy, and the scanner looks at it.
"""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, closing, contextmanager, nullcontext
from dataclasses import replace
from typing import TypeVar

import trio

from realizefs.model.decisions import Action, Decision
from realizefs.model.entries import RealRow
from realizefs.model.errors import Busy, NotFound, StoreFault
from realizefs.model.ids import NO_DIGEST, Digest, Inode
from realizefs.model.marks import Mark
from realizefs.model.paths import show
from realizefs.model.versions import Kind
from realizefs.store.blob import Blob
from realizefs.store.interrupted import end_adoption
from realizefs.store.txn import Txn
from realizefs.sync.aside import name_anew
from realizefs.sync.batch import Batch
from realizefs.sync.context import Context
from realizefs.sync.engine import is_wanted
from realizefs.sync.fetcher import Fetcher
from realizefs.sync.gathering import Content
from realizefs.sync.look import kind_of
from realizefs.sync.made import note_made
from realizefs.sync.our_doing import ABOUT_TO_BE_MADE
from realizefs.sync.own_attributes import native_attributes
from realizefs.sync.patience import patiently
from realizefs.sync.pinning import Pinning
from realizefs.sync.rootwork import RootWork, Target
from realizefs.sync.safety import may_drop
from realizefs.sync.trash import Trash
from realizefs.sync.turns import Turns

T = TypeVar("T")


class Actions:
    """The hands of the engine, for one arena."""

    def __init__(self, context: Context, fetcher: Fetcher, pinning: Pinning) -> None:
        self._context = context
        self._store = context.store
        self._fetcher = fetcher
        self._pinning = pinning
        self._turns = Turns(context.clock)
        self.turn = self._turns.of  # within it no action has done natively what it has yet to note
        self._work = RootWork(context.store, Trash(context.store.root, context.clock))

    async def carry_out(self, ino: Inode, decision: Decision) -> None:
        """Do it, or return if it is no longer wanted; raises RealizeError or OSError."""
        async with self._turns.of(ino):
            await self._carry_out(ino, decision)

    async def gather(self, contents: Sequence[Content]) -> None:
        """Have in the cache what of these can simply be had, before they are carried out."""
        await self._fetcher.gather(contents)

    async def _carry_out(self, ino: Inode, decision: Decision) -> None:
        await self._context.names_committed()  # where it is natively, the index says too
        target = self._target(ino)
        if target is None or target.version.hash != decision.hash:
            return
        if not self._is_wanted(ino, decision.action):
            return  # a mark or an owner changed since it was decided (R1); it is decided anew
        if decision.action is Action.UPDATE_CACHE:
            (await self._fetcher.complete(ino, target.version)).close()
        elif decision.action is Action.REALIZE:
            await self._realize(target)
        else:
            await self._unrealize(target)

    async def make_real(self, ino: Inode, *, truncate: bool) -> None:
        """Give an unreal file or symlink a native one: complete, or an empty file if it is about to
        be replaced."""
        self._turns.want(ino)
        seen = self._target(ino)  # before waiting: what its user saw
        async with self._turns.of(ino):
            await self._make_real(ino, seen, truncate=truncate)

    async def _make_real(self, ino: Inode, seen: Target | None, *, truncate: bool) -> None:
        await self._context.names_committed()
        target = self._target(ino)
        if target is None or target.version.deleted or target.version.kind is Kind.DIRECTORY:
            raise NotFound("It was removed meanwhile.")
        if target.real is not None:
            return
        if not truncate:
            await self._realize(target)
            return
        await self._make_parents(target.path)
        # The row comes first: a file without it would be one that appeared beside this version.
        # The write that follows is a change of the version that its writer knew; of a later one it
        # isn't (R2). Counters are those of a place: after a rename what was known is no version of
        # this one, and what is there now lives on under another name.
        unseen = seen is not None and seen.version.content != target.version.content
        moved = seen is not None and seen.path != target.path
        known = seen if seen is not None and unseen and not moved else target
        row = RealRow(ABOUT_TO_BE_MADE, NO_DIGEST, known.version.vector)
        with self._in_hand(target):  # if it can't be made, the row goes again
            await self._commit_real(target, row, aside=unseen and moved)
            await trio.to_thread.run_sync(self._work.create_empty, target)

    @asynccontextmanager
    async def holding(self, ino: Inode) -> AsyncIterator[None]:
        """Somebody else moves its file meanwhile, as an action does; Busy if it is gone."""
        async with self._turns.of(ino):
            target = self._target(ino)
            if target is None:
                raise Busy("It was removed meanwhile.")
            self._context.to_leave.dropped(ino)
            with self._in_hand(target):
                yield

    def _target(self, ino: Inode) -> Target | None:
        store = self._store
        with store.env.read() as txn:
            entry = store.tree.entry(txn, ino)
            path = store.tree.path(txn, ino)
            if entry is None or not path:
                return None
            real, mark = store.real.get(txn, ino), store.marks.get(txn, ino)
            return Target(ino, path, entry, real, mark, store.attributes.of(txn, ino))

    def _is_wanted(self, ino: Inode, action: Action) -> bool:
        with self._store.env.read() as txn:
            return is_wanted(self._context, txn, ino, action)

    # -- realize ------------------------------------------------------------------------------

    async def _realize(self, target: Target) -> None:
        if target.version.deleted:
            return
        if target.real and kind_of(target.real.fingerprint.mode) is not target.version.kind:
            await self._out_of_root(target)  # what replaces it is decided anew
            return
        if target.version.kind is not Kind.DIRECTORY:
            await self._native(target, self._work.check_indexed, target)
        await self._make_parents(target.path)
        if target.version.kind is Kind.FILE and not _has_content(target):
            await self._realize_content(target)
            return
        with self._in_hand(target):
            fingerprint = await self._native(target, self._work.realize_in_place, target)
            await self._commit_real(
                target, RealRow(fingerprint, target.version.hash, target.version.vector)
            )

    async def _realize_content(self, target: Target) -> None:
        """The verified blob becomes the real file; see store.moves for the steps."""
        with (
            self._store.blobs.pinned(target.ino),  # until `take` has noted that it must stay
            closing(await self._fetcher.complete(target.ino, target.version)) as blob,
        ):
            target = await self._as_it_is_now(target)
            await self._publish(target, blob)

    async def _publish(self, target: Target, blob: Blob) -> None:
        store, moves = self._store, self._store.blobs.moves
        with self._in_hand(target):
            row = await self._context.writer.do(lambda txn: moves.take(txn, target.ino))
            try:
                fingerprint, place = await self._native(
                    target, self._work.publish, target, blob, row
                )
            except BaseException:
                await self._surely(
                    target,
                    lambda batch: moves.not_taken(batch.txn, row, store.root.state.temp.names_of),
                )
                raise

            def note(batch: Batch) -> None:
                moves.taken(batch.txn, row)
                now = self._work.follow(batch.txn, target, fingerprint)
                real = RealRow(now, target.version.hash, target.version.vector)
                batch.became_real(target.ino, real)
                if target.real is not None and place:  # it may have another name by now
                    self._context.renames.trashed(batch, target.ino, target.real, place)

            await self._surely(target, note)

    async def _as_it_is_now(self, target: Target) -> Target:
        """It may have been renamed while it was fetched; Busy if it is another version by now."""
        await self._context.names_committed()
        now = self._target(target.ino)
        if now is None or now.version.content != target.version.content or now.real != target.real:
            raise Busy(f'"{show(target.path)}" was changed while it was fetched.')
        if now.path != target.path:
            await self._make_parents(now.path)
        return now

    async def _make_parents(self, path: bytes) -> None:
        for made, entry in await trio.to_thread.run_sync(self._work.make_parents, path):
            note_made(self._context, made, entry)

    async def _commit_real(self, target: Target, row: RealRow, *, aside: bool = False) -> None:
        def note(batch: Batch) -> None:
            if aside:
                name_anew(batch, target.entry, target.version)
            batch.became_real(target.ino, row)

        await self._surely(target, note)

    async def _surely(self, target: Target, note: Callable[[Batch], None]) -> None:
        """Commit what was done natively, or undone: it is so whatever the disk of the database says.

        Tried until it succeeds, or until we are stopped: then start-up finds out.
        """

        def run(batch: Batch) -> None:
            note(batch)
            self._context.renames.again(batch, target.ino)

        try:
            with trio.CancelScope(shield=True):
                await self._context.commit(run)
        except (StoreFault, OSError):
            await patiently(lambda: self._context.commit(run), "Noting what was moved")

    # -- unrealize ----------------------------------------------------------------------------

    async def _unrealize(self, target: Target) -> None:
        if target.real is None:
            return
        if self._turns.is_wanted(target.ino):
            raise Busy(f'"{show(target.path)}" is about to be written to.')
        await self._keep_attributes(target)
        version = target.version
        keeps = not version.deleted and target.real.hash == version.hash
        if keeps:
            await self._native(target, self._work.check_alone, target.path)
        if keeps and version.kind is Kind.FILE and version.size:
            await self._give_up(target)
        elif self._is_wanted(target.ino, Action.UNREALIZE):
            await self._out_of_root(target)

    async def _give_up(self, target: Target) -> None:
        """To the cache, on the word of other owners that they keep theirs (R1)."""
        pins = self._pinning.giving_up(target.ino, target.path, target.version.hash)
        async with pins as still:
            now = self._target(target.ino)
            # `_keep_attributes` may just have noted them; one set since then changes the ctime.
            same = now is not None and now == replace(target, attributes=now.attributes)
            if not same or now is None or now.real is None:
                raise Busy(f'"{show(target.path)}" changed while others were asked to keep it.')
            if not self._is_wanted(target.ino, Action.UNREALIZE):
                return  # its folder got another mark, say
            await self._to_cache(now, now.real, still)

    async def _keep_attributes(self, target: Target) -> None:
        """The user's own attributes stay when the native file leaves; one set after they were
        read changes its ctime, and then it stays, too."""
        found = await trio.to_thread.run_sync(native_attributes, self._store.root, target.path)
        if found != target.attributes:
            attributes, ino = self._store.attributes, target.ino
            await self._context.writer.do(lambda txn: attributes.replace(txn, ino, found))

    async def _out_of_root(self, target: Target, *, promised: bool = False) -> None:
        real = target.real
        assert real is not None, "only real files leave the root"

        def note(batch: Batch) -> None:
            if self._store.real.delete(batch.txn, target.ino) or place:
                self._context.renames.trashed(batch, target.ino, real, place)
            self._context.guard.left(batch.txn, target.ino)
            batch.held_changed(target.ino)
            if (now := self._store.tree.entry(batch.txn, target.ino)) is not None:
                self._store.dirty.mark(batch.txn, now.parent)  # it may be empty now

        with self._in_hand(target):
            leave = self._work.drop if promised else self._work.leave
            place = await self._native(target, leave, target.path, real.fingerprint)
            await self._surely(target, note)

    async def _to_cache(self, target: Target, real: RealRow, still: Callable[[], None]) -> None:
        """The real file becomes a verified blob; see store.moves for the steps."""
        store, moves = self._store, self._store.blobs.moves
        with store.env.read() as txn:
            known = store.blobs.find(txn, target.ino)
            kept = self._context.marked(txn, target.entry).mark is Mark.KEEP
        if known is not None and known.verified and known.hash == target.version.hash:
            # A crash came between the rename and its commit: the cache has it already.
            await self._out_of_root(target)
            return
        room = await trio.to_thread.run_sync(
            store.blobs.reserve, target.version.size, self._may_drop
        )
        still()
        if room is None and not kept:  # the trash would take the room that is to be freed
            await self._out_of_root(target, promised=True)
            return
        # What is kept is on the disk already: to count it to the cache makes that no fuller.
        with room or nullcontext(), self._in_hand(target):
            row = await self._context.writer.do(
                lambda txn: moves.adopt(txn, target.ino, target.version)
            )
            try:
                await self._native(target, self._work.adopt, target, real, row)
            except BaseException:
                await self._surely(target, lambda batch: end_adoption(batch.txn, store, row))
                raise

            def note(batch: Batch) -> None:
                moves.adopted(batch.txn, row)
                store.real.delete(batch.txn, target.ino)
                batch.held_changed(target.ino)

            await self._surely(target, note)

    def _may_drop(self, txn: Txn, ino: Inode, digest: Digest) -> bool:
        return may_drop(txn, self._store, ino, digest)

    @contextmanager
    def _in_hand(self, target: Target) -> Iterator[None]:
        """From before the native step until its commit: what is there meanwhile is our doing, and
        the index doesn't say so yet. What a user does to it then is looked at afterwards."""
        context = self._context
        context.in_hand |= {target.ino}  # it has our turn, so nobody else puts it there
        try:
            yield
        finally:
            context.in_hand -= {target.ino}
            context.on_touched(target.path)

    async def _native(self, target: Target, work: Callable[..., T], *arguments: object) -> T:
        """Native work in a thread; if the file isn't what it was, the scanner is told. If the disk
        failed, the file may have left the root all the same (see store.publish.take_out)."""
        try:
            return await trio.to_thread.run_sync(work, *arguments)
        except (Busy, FileExistsError):
            self._context.on_touched(target.path)
            raise
        except BaseException:
            self._context.to_leave.dropped(target.ino)
            raise


def _has_content(target: Target) -> bool:
    return target.real is not None and target.real.hash == target.version.hash
