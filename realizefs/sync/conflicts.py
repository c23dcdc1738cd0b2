"""Conflict copies: which there are, and what becomes of one.

A copy is known by its name alone (see `paths.conflict_name`): to rename or delete it by any program
settles the conflict, too. What goes here goes the way of all that is deleted: a real file to the
trash, and at other owners to theirs.
"""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from enum import Enum

import trio

from realizefs.model import paths
from realizefs.model.entries import Entry, RealRow
from realizefs.model.errors import Busy, Misuse, NotFound
from realizefs.model.ids import Inode
from realizefs.model.limits import CONFLICTS_LISTED_MAX
from realizefs.store.openat import RENAME_NOREPLACE
from realizefs.sync.context import Context
from realizefs.sync.trash import Trash

SETTLED_SECONDS = 5.0
"""How long a job is waited for that has moved the file of a copy: it notes that within moments."""


class Keep(Enum):
    """What is kept of a conflict."""

    COPY = "copy"
    ORIGINAL = "original"
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class Conflict:
    """A copy at `path`, made by the machine called `peer` of its edit of `date`, which lost the name
    to `original`; `there` is whether anything has that name now."""

    path: bytes
    original: bytes
    peer: str
    date: str
    size: int
    there: bool


class Conflicts:
    """Of one arena; trio thread. `remove` and `move` record what is no real file here; while it has
    the `turn` of one no job works on it."""

    def __init__(
        self,
        context: Context,
        remove: Callable[[Inode], Awaitable[None]],
        move: Callable[[Inode, Inode, bytes, int], Awaitable[None]],
        turn: Callable[[Inode], AbstractAsyncContextManager[None]],
    ) -> None:
        self._context = context
        self._root = context.store.root
        self._trash = Trash(context.store.root, context.clock)
        self._remove = remove
        self._move = move
        self._turn = turn

    async def listed(self) -> list[Conflict]:
        """The conflicts there are, by path; CONFLICTS_LISTED_MAX at most."""
        return await trio.to_thread.run_sync(self._list)

    def _list(self) -> list[Conflict]:
        store, found = self._context.store, []
        with store.env.read() as txn:
            for ino in store.tree.named(txn, paths.CONFLICT):
                entry, path = store.tree.entry(txn, ino), store.tree.path(txn, ino)
                copy = paths.conflict_of(entry.name) if entry is not None else None
                if entry is None or not path or copy is None or entry.version.deleted:
                    continue
                original = paths.join(paths.split(path)[0], copy[0])
                other = store.tree.entry_at(txn, original)
                there = other is not None and not other.version.deleted
                peer, date = (part.decode("utf-8", "replace") for part in copy[1:])
                found.append(Conflict(path, original, peer, date, entry.version.size, there))
                if len(found) >= CONFLICTS_LISTED_MAX:
                    break
        return sorted(found, key=lambda one: one.path)

    async def check(self, path: bytes, keep: Keep) -> tuple[bytes, bytes, bytes]:
        """The original's name, the peer and the date of the copy at `path`; Misuse or NotFound where it
        can't be settled so."""
        parent, name = paths.split(path)
        copy = paths.conflict_of(name)
        if copy is None:
            raise Misuse(f'"{paths.show(path)}" is not called like a conflict copy.')
        await self._context.names_committed()
        self._found(path)
        if keep is Keep.ORIGINAL and self._known(paths.join(parent, copy[0])) is None:
            raise Misuse(f'There is no original of "{paths.show(path)}" any more: keep the copy.')
        return copy

    async def resolve(self, path: bytes, keep: Keep) -> bytes:
        """Settle the conflict of the copy at `path`; the path of what is kept, or of the copy."""
        plain, peer, date = await self.check(path, keep)
        parent, _ = paths.split(path)
        if keep is Keep.ORIGINAL:
            await self._drop(path)
            return paths.join(parent, plain)
        if keep is Keep.BOTH:
            note = b"%s %s" % (peer, date)
            plain = paths.noted_name(plain, note.decode("utf-8", "replace"))
        elif self._known(paths.join(parent, plain)) is not None:
            await self._settled(path)  # or nothing goes
            await self._drop(paths.join(parent, plain))
        await self._rename(path, plain)
        return paths.join(parent, plain)

    def _known(self, path: bytes) -> tuple[Entry, RealRow | None] | None:
        """The live entry at a path and its real file."""
        store = self._context.store
        with store.env.read() as txn:
            entry = store.tree.entry_at(txn, path)
            if entry is None or entry.version.deleted:
                return None
            return entry, store.real.get(txn, entry.ino)

    async def _drop(self, path: bytes) -> None:
        """A crash in between leaves a file in the trash, whose name the scan finds gone."""
        entry, real = await self._settled(path)
        if real is None:
            await self._remove(entry.ino)
            return
        await trio.to_thread.run_sync(self._trash.take, path, real.fingerprint)
        self._context.on_touched(path)

    async def _rename(self, path: bytes, name: bytes) -> None:
        entry, real = await self._settled(path)
        if real is None:
            await self._move(entry.ino, entry.parent, name, 0)
            return
        new = paths.join(paths.split(path)[0], name)

        def rename() -> None:
            if self._root.fingerprint(path) != real.fingerprint:
                raise _changed(path)
            self._root.rename(path, new, RENAME_NOREPLACE)
            self._root.sync_directory(paths.split(path)[0])

        await trio.to_thread.run_sync(rename)
        for touched in (path, new):
            self._context.on_touched(touched)

    async def _settled(self, path: bytes) -> tuple[Entry, RealRow | None]:
        """What is there. A job that has just put its file into the root, or taken it out, is about to
        note that: an entry without the file that is there would be renamed, or go, and then have its
        old name again, by the scanner's finding it. Busy where that takes long: the job may be a download,
        or the disk of the database is full."""
        await self._context.names_committed()
        entry, real = self._found(path)
        if self._is_there(path) != (real is not None):
            with trio.move_on_after(SETTLED_SECONDS):
                async with self._turn(entry.ino):
                    pass
            entry, real = self._found(path)
            if self._is_there(path) != (real is not None):
                raise _changed(path)
        return entry, real

    def _is_there(self, path: bytes) -> bool:
        return self._root.fingerprint_if_any(path) is not None

    def _found(self, path: bytes) -> tuple[Entry, RealRow | None]:
        known = self._known(path)
        if known is None:
            raise NotFound(f'There is no "{paths.show(path)}" in "{self._context.name}".')
        return known


def _changed(path: bytes) -> Busy:
    return Busy(f'"{paths.show(path)}" changed just now, or isn\'t to be read; try again.')
