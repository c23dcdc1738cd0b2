"""Carrying decisions out: Realize, Unrealize, UpdateCache, and making a file writable (DESIGN 7.1).

Each step is one rename between our own directories and the root, so a crash leaves a path wholly
real or wholly cached. What the index says follows in a transaction after it (realize) or just
before it (unrealize); what is left in between, the scanner and `Blobs.recover` put right.
A file that isn't the one that was indexed is never touched: Busy, and the scanner looks at it.
"""

import errno
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

import trio

from realizefs.model import paths
from realizefs.model.blobs import BlobRow
from realizefs.model.decisions import Action, Decision
from realizefs.model.entries import Entry, Fingerprint, RealRow
from realizefs.model.errors import Busy, NotFound
from realizefs.model.ids import NO_DIGEST, Digest, Inode
from realizefs.model.marks import Mark
from realizefs.model.versions import Kind, Version
from realizefs.store.blob import Blob
from realizefs.store.env import Txn
from realizefs.store.fingerprint import fingerprint_of, same_but_renamed
from realizefs.store.realfile import Root
from realizefs.sync.batch import Batch
from realizefs.sync.context import Context
from realizefs.sync.fetcher import Fetcher
from realizefs.sync.look import kind_of
from realizefs.sync.marking import write_fd_mark
from realizefs.sync.record import MARK_XATTR
from realizefs.sync.safety import may_drop
from realizefs.sync.trash import Trash

T = TypeVar("T")

NEVER_INDEXED = Fingerprint(0, 0, 0, 0, 0, 0)
"""Matches no file: what carries it is looked at again."""


@dataclass(frozen=True, slots=True)
class _Target:
    """What an action works on, as of one moment."""

    ino: Inode
    path: bytes
    entry: Entry
    real: RealRow | None
    mark: Mark | None

    @property
    def version(self) -> Version:
        return self.entry.version


class Actions:
    """The hands of the engine, for one arena."""

    def __init__(self, context: Context, fetcher: Fetcher) -> None:
        self._context = context
        self._store = context.store
        self._root: Root = context.store.root
        self._fetcher = fetcher
        self._trash = Trash(context.store.root, context.clock)

    async def carry_out(self, ino: Inode, decision: Decision) -> None:
        """Do it, or return if it is no longer wanted; raises RealizeError or OSError."""
        target = self._target(ino)
        if target is None or target.version.hash != decision.hash:
            return
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
        await trio.to_thread.run_sync(self._make_parents, target.path)
        await trio.to_thread.run_sync(self._create_empty, target)
        # The write that follows is a change of this version, which its writer knows.
        row = RealRow(NEVER_INDEXED, NO_DIGEST, target.version.vector)
        await self._commit_real(target, row)
        self._context.on_touched(target.path)

    def _target(self, ino: Inode) -> _Target | None:
        store = self._store
        with store.env.read() as txn:
            entry = store.tree.entry(txn, ino)
            path = store.tree.path(txn, ino)
            if entry is None or not path:
                return None
            return _Target(ino, path, entry, store.real.get(txn, ino), store.marks.get(txn, ino))

    # -- realize ------------------------------------------------------------------------------

    async def _realize(self, target: _Target) -> None:
        if target.version.deleted:
            return
        if target.real and kind_of(target.real.fingerprint.mode) is not target.version.kind:
            await self._out_of_root(target)  # what replaces it is decided anew
            return
        await trio.to_thread.run_sync(self._make_parents, target.path)
        if target.version.kind is Kind.FILE and not _has_content(target):
            await self._realize_content(target)
            return
        fingerprint = await self._native(target, self._realize_in_place, target)
        await self._commit_real(
            target, RealRow(fingerprint, target.version.hash, target.version.vector)
        )

    async def _realize_content(self, target: _Target) -> None:
        """The verified blob becomes the real file; see store.moves for the steps."""
        store, version = self._store, target.version
        moves = store.blobs.moves
        blob = await self._fetcher.complete(target.ino, version)
        try:
            row = await self._context.writer.do(lambda txn: moves.take(txn, target.ino))
            try:
                fingerprint = await self._native(target, self._publish, target, blob, row)
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

    def _publish(self, target: _Target, blob: Blob, row: BlobRow) -> Fingerprint:
        """From take to discard; the fingerprint that the real file has afterwards."""
        root, moves, version = self._root, self._store.blobs.moves, target.version
        write_fd_mark(blob.fd, target.mark)
        temporary = root.temp_link(moves.directory, moves.file_name(row.id))
        try:
            root.stamp_temp(temporary, version.mode, version.mtime_ns)
            os.fsync(blob.fd)
            stamped = fingerprint_of(os.fstat(blob.fd))
            expected = target.real.fingerprint if target.real else None
            root.publish(temporary, target.path, expected, partial(self._trash.keep, target.path))
        except BaseException:
            with suppress(FileNotFoundError):
                root.drop_temp(temporary)
            raise
        moves.discard(row)
        return _unless_edited(stamped, fingerprint_of(os.fstat(blob.fd)))

    def _realize_in_place(self, target: _Target) -> Fingerprint:
        """Directories, symlinks, and files of which only permissions or mtime changed."""
        version, path = target.version, target.path
        found = _fingerprint(self._root, path)
        is_directory = found is not None and _is_directory(found)
        if found != (target.real.fingerprint if target.real else None) and not (
            is_directory and version.kind is Kind.DIRECTORY
        ):
            raise _changed(path)
        if version.kind is Kind.DIRECTORY:
            return self._realize_directory(target, found)
        if version.kind is Kind.SYMLINK:
            temporary = self._root.temp_symlink(version.target)
            expected = target.real.fingerprint if target.real else None
            self._root.publish(temporary, path, expected)
            self._root.utime_ns(path, None, version.mtime_ns)
            return self._root.fingerprint(path)
        assert found is not None, "its content is here"
        self._root.chmod(path, version.mode)
        self._root.utime_ns(path, None, version.mtime_ns)
        wanted = replace(
            found, mode=stat.S_IFREG | version.mode & 0o7777, mtime_ns=version.mtime_ns
        )
        return _unless_edited(wanted, self._root.fingerprint(path))

    def _realize_directory(self, target: _Target, found: Fingerprint | None) -> Fingerprint:
        version, path = target.version, target.path
        if found is None:
            self._root.mkdir(path, version.mode)
        elif not _is_directory(found):
            raise _changed(path)
        self._root.chmod(path, version.mode)
        if target.mark is not None:
            self._root.setxattr(path, MARK_XATTR, target.mark.value.encode())
        if target.real is None:
            self._root.utime_ns(path, None, version.mtime_ns)
        return self._root.fingerprint(path)

    def _make_parents(self, path: bytes) -> None:
        """Native directories above `path`, with the modes that the index has for them."""
        parent, _ = paths.split(path)
        above = b""
        for name in paths.components(parent):
            above = paths.join(above, name)
            with self._store.env.read() as txn:
                entry = self._store.tree.entry_at(txn, above)
            mode = entry.version.mode if entry is not None else 0o755
            try:
                self._root.mkdir(above, mode | 0o700)  # ours to write into, whatever the owner's
            except FileExistsError:
                continue

    def _create_empty(self, target: _Target) -> None:
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC
        fd = self._root.open(target.path, flags, target.version.mode)
        try:
            if target.mark is not None:
                os.setxattr(fd, MARK_XATTR, target.mark.value.encode())
        finally:
            os.close(fd)

    async def _commit_real(self, target: _Target, row: RealRow) -> None:
        def note(batch: Batch) -> None:
            self._store.real.put(batch.txn, target.ino, row)
            batch.held_changed(target.ino)

        await self._context.commit(note)

    # -- unrealize ----------------------------------------------------------------------------

    async def _unrealize(self, target: _Target) -> None:
        if target.real is None:
            return
        version = target.version
        keeps = not version.deleted and target.real.hash == version.hash
        if keeps and version.kind is Kind.FILE and version.size:
            await self._to_cache(target, target.real)
        else:
            await self._out_of_root(target)

    async def _out_of_root(self, target: _Target) -> None:
        real = target.real
        assert real is not None, "only real files leave the root"
        place = await self._native(target, self._leave, target.path, real.fingerprint)

        def note(batch: Batch) -> None:
            if self._store.real.delete(batch.txn, target.ino) or place:
                self._context.renames.trashed(batch, target.ino, real, place)
            batch.held_changed(target.ino)
            self._store.dirty.mark(batch.txn, target.entry.parent)  # it may be empty now

        await self._context.commit(note)

    async def _to_cache(self, target: _Target, real: RealRow) -> None:
        """The real file becomes a verified blob; see store.moves for the steps."""
        store, moves = self._store, self._store.blobs.moves
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
                await self._native(target, self._adopt, target, real, row)
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

    def _adopt(self, target: _Target, real: RealRow, row: BlobRow) -> None:
        with self._store.blobs.moves.receive(row) as (directory, name):
            self._root.adopt(target.path, real.fingerprint, directory, name)
            os.chmod(name, 0o600, dir_fd=directory)

    def _may_drop(self, txn: Txn, ino: Inode, digest: Digest) -> bool:
        return may_drop(txn, self._store, ino, digest)

    def _leave(self, path: bytes, expected: Fingerprint) -> bytes:
        """Out of the root: to the trash, at the place returned, what has content, else away."""
        found = _fingerprint(self._root, path)
        if found is None:
            return b""
        if _is_directory(found):
            self._remove_directory(path)
            return b""
        if found != expected:
            raise _changed(path)
        return self._trash.take(path, expected)

    def _remove_directory(self, path: bytes) -> None:
        try:
            self._root.rmdir(path)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
            raise Busy(f'"{paths.show(path)}" still contains something.') from None

    async def _native(self, target: _Target, work: Callable[..., T], *arguments: object) -> T:
        """Native work in a thread; if the file isn't what it was, the scanner is told."""
        try:
            return await trio.to_thread.run_sync(work, *arguments)
        except (Busy, FileExistsError):
            self._context.on_touched(target.path)
            raise


def _unless_edited(known: Fingerprint, now: Fingerprint) -> Fingerprint:
    """What to index: `now` if only ctime differs (our renames change it); a user may write to the
    file as soon as it has its name, and that must not pass for what was published."""
    return now if same_but_renamed(known, now) else NEVER_INDEXED


def _has_content(target: _Target) -> bool:
    return target.real is not None and target.real.hash == target.version.hash


def _fingerprint(root: Root, path: bytes) -> Fingerprint | None:
    try:
        return root.fingerprint(path)
    except (FileNotFoundError, NotADirectoryError):
        return None


def _is_directory(fingerprint: Fingerprint) -> bool:
    return fingerprint.mode & 0o170000 == 0o040000


def _changed(path: bytes) -> Busy:
    return Busy(f'"{paths.show(path)}" changed just now; it is looked at again.')
