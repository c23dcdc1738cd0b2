"""Carrying decisions out: Realize, Unrealize, UpdateCache, and making a file writable (DESIGN 7.1).

Each step is one rename between our own directories and the root, so a crash leaves a path wholly
real or wholly cached. What the index says follows in a transaction after it (realize) or just
before it (unrealize); what is left in between, the scanner and `Blobs.recover` put right.
A file that isn't the one that was indexed is never touched: Busy, and the scanner looks at it.
"""

from collections.abc import Callable
from typing import TypeVar

import trio

from realizefs.core.decide import decide
from realizefs.model.decisions import Action, Decision
from realizefs.model.entries import RealRow
from realizefs.model.errors import Busy, NotFound
from realizefs.model.ids import NO_DIGEST, Digest, Inode
from realizefs.model.versions import Kind
from realizefs.store.env import Txn
from realizefs.sync.batch import Batch
from realizefs.sync.context import Context
from realizefs.sync.engine import situation
from realizefs.sync.fetcher import Fetcher
from realizefs.sync.look import kind_of
from realizefs.sync.rootwork import NEVER_INDEXED, RootWork, Target
from realizefs.sync.safety import may_drop
from realizefs.sync.trash import Trash

T = TypeVar("T")


class Actions:
    """The hands of the engine, for one arena."""

    def __init__(self, context: Context, fetcher: Fetcher) -> None:
        self._context = context
        self._store = context.store
        self._fetcher = fetcher
        self._work = RootWork(context.store, Trash(context.store.root, context.clock))

    async def carry_out(self, ino: Inode, decision: Decision) -> None:
        """Do it, or return if it is no longer wanted; raises RealizeError or OSError."""
        target = self._target(ino)
        if target is None or target.version.hash != decision.hash:
            return
        if not self._is_wanted(target, decision):
            return  # a mark or an owner changed since it was decided (R1); it is decided anew
        if decision.action is Action.UPDATE_CACHE:
            (await self._fetcher.complete(ino, target.version)).close()
        elif decision.action is Action.REALIZE:
            await self._realize(target)
        else:
            await self._unrealize(target)
        # What a user did between our rename and our commit was seen by the scanner when the index
        # was not yet what we have made of it.
        self._context.on_touched(target.path)

    async def make_real(self, ino: Inode, *, truncate: bool) -> None:
        """Give an unreal file a native one: complete, or empty if it is about to be replaced."""
        target = self._target(ino)
        if target is None or target.version.deleted or target.version.kind is not Kind.FILE:
            raise NotFound("It was removed meanwhile.")
        if target.real is not None:
            return
        if not truncate:
            await self._realize(target)
            self._context.on_touched(target.path)
            return
        await trio.to_thread.run_sync(self._work.make_parents, target.path)
        await trio.to_thread.run_sync(self._work.create_empty, target)
        # The write that follows is a change of this version, which its writer knows.
        row = RealRow(NEVER_INDEXED, NO_DIGEST, target.version.vector)
        await self._commit_real(target, row)
        self._context.on_touched(target.path)

    def _target(self, ino: Inode) -> Target | None:
        store = self._store
        with store.env.read() as txn:
            entry = store.tree.entry(txn, ino)
            path = store.tree.path(txn, ino)
            if entry is None or not path:
                return None
            return Target(ino, path, entry, store.real.get(txn, ino), store.marks.get(txn, ino))

    def _is_wanted(self, target: Target, decision: Decision) -> bool:
        """Whether the engine would decide the same at this moment."""
        with self._store.env.read() as txn:
            return decide(situation(self._context, txn, target.entry)) is decision.action

    # -- realize ------------------------------------------------------------------------------

    async def _realize(self, target: Target) -> None:
        if target.version.deleted:
            return
        if target.real and kind_of(target.real.fingerprint.mode) is not target.version.kind:
            await self._out_of_root(target)  # what replaces it is decided anew
            return
        await trio.to_thread.run_sync(self._work.make_parents, target.path)
        if target.version.kind is Kind.FILE and not _has_content(target):
            await self._realize_content(target)
            return
        fingerprint = await self._native(target, self._work.realize_in_place, target)
        await self._commit_real(
            target, RealRow(fingerprint, target.version.hash, target.version.vector)
        )

    async def _realize_content(self, target: Target) -> None:
        """The verified blob becomes the real file; see store.moves for the steps."""
        store, version = self._store, target.version
        moves = store.blobs.moves
        blob = await self._fetcher.complete(target.ino, version)
        try:
            row = await self._context.writer.do(lambda txn: moves.take(txn, target.ino))
            try:
                fingerprint = await self._native(target, self._work.publish, target, blob, row)
            except BaseException:
                with trio.CancelScope(shield=True):
                    await self._context.writer.do(lambda txn: moves.not_taken(txn, row))
                raise

            def note(batch: Batch) -> None:
                moves.taken(batch.txn, row)
                real = RealRow(fingerprint, version.hash, version.vector)
                store.real.put(batch.txn, target.ino, real)
                batch.held_changed(target.ino)

            with trio.CancelScope(shield=True):
                await self._context.commit(note)
        finally:
            blob.close()

    async def _commit_real(self, target: Target, row: RealRow) -> None:
        def note(batch: Batch) -> None:
            self._store.real.put(batch.txn, target.ino, row)
            batch.held_changed(target.ino)

        await self._context.commit(note)

    # -- unrealize ----------------------------------------------------------------------------

    async def _unrealize(self, target: Target) -> None:
        if target.real is None:
            return
        version = target.version
        keeps = not version.deleted and target.real.hash == version.hash
        if keeps and version.kind is Kind.FILE and version.size:
            await self._to_cache(target, target.real)
        else:
            await self._out_of_root(target)

    async def _out_of_root(self, target: Target) -> None:
        real = target.real
        assert real is not None, "only real files leave the root"
        place = await self._native(target, self._work.leave, target.path, real.fingerprint)

        def note(batch: Batch) -> None:
            if self._store.real.delete(batch.txn, target.ino) or place:
                self._context.renames.trashed(batch, target.ino, real, place)
            batch.held_changed(target.ino)
            self._store.dirty.mark(batch.txn, target.entry.parent)  # it may be empty now

        await self._context.commit(note)

    async def _to_cache(self, target: Target, real: RealRow) -> None:
        """The real file becomes a verified blob; see store.moves for the steps."""
        store, moves = self._store, self._store.blobs.moves
        with store.env.read() as txn:
            known = store.blobs.find(txn, target.ino)
        if known is not None and known.verified and known.hash == target.version.hash:
            # A crash came between the rename and its commit: the cache has it already.
            await self._out_of_root(target)
            return
        room = await trio.to_thread.run_sync(
            store.blobs.reserve, target.version.size, self._may_drop
        )
        if room is None:  # larger than the cache: others own it, and the trash keeps it a while
            await self._out_of_root(target)
            return
        with room:
            row = await self._context.writer.do(
                lambda txn: moves.adopt(txn, target.ino, target.version)
            )
            try:
                await self._native(target, self._work.adopt, target, real, row)
            except BaseException:
                with trio.CancelScope(shield=True):
                    await self._context.writer.do(lambda txn: moves.not_adopted(txn, row))
                raise

            def note(batch: Batch) -> None:
                moves.adopted(batch.txn, row)
                store.real.delete(batch.txn, target.ino)
                batch.held_changed(target.ino)

            with trio.CancelScope(shield=True):
                await self._context.commit(note)

    def _may_drop(self, txn: Txn, ino: Inode, digest: Digest) -> bool:
        return may_drop(txn, self._store, ino, digest)

    async def _native(self, target: Target, work: Callable[..., T], *arguments: object) -> T:
        """Native work in a thread; if the file isn't what it was, the scanner is told."""
        try:
            return await trio.to_thread.run_sync(work, *arguments)
        except (Busy, FileExistsError):
            self._context.on_touched(target.path)
            raise


def _has_content(target: Target) -> bool:
    return target.real is not None and target.real.hash == target.version.hash
