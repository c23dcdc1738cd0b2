"""Renames and deletes made on this machine, on their way into the index (DESIGN 7.1).

What is wholly real (see there) was changed natively before it comes here; its record is queued
and not waited for, and `pending` shows it meanwhile. What only the index knows is queued the same
way, and the caller waits for the commit.

The await argument. Between the native call (in `fs.changes`) and `submit` nothing awaits. So
whoever sees a change in the root sees it when its record is in the writer's queue, and what he
records of it comes behind that: the scanner finds at the new name the inode that moved there, and
a tombstone at the old one. Rows of peers that are queued before a rename are merged under the old
name and move along; those behind it find the tombstone. Jobs wait for what is queued before they
begin, and compare fingerprints by path before they touch anything.

The crash argument. Killed before the commit, the index has the old name. The scanner finds that
gone and the same native file under the new one, and records the rename (see `moved`); where it
can't tell, a new file and then a deleted one. The mark is on the file. Only a root from which the
last name was deleted couldn't be told from a missing disk (R8): that delete waits.

If a commit fails (a full disk), its change is no longer shown, both paths are looked at again until
they can be recorded, and the arena has a problem to tell.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from realizefs.model import paths
from realizefs.model.changes import Change, ChangeKind
from realizefs.model.errors import StoreFault
from realizefs.model.ids import Inode
from realizefs.store.txn import Txn
from realizefs.sync import local, moving
from realizefs.sync.batch import Batch
from realizefs.sync.context import Context
from realizefs.sync.look import kind_of, look
from realizefs.sync.pending import Cover, Place
from realizefs.sync.presence import is_without_names
from realizefs.sync.record import Found, record_found
from realizefs.sync.standing import Standing
from realizefs.sync.writer import Request

log = logging.getLogger(__name__)

PENDING_MAX = 1024
"""Functions in the writer's queue from which on callers wait for room: about a second of
commits, a megabyte at most."""


@dataclass(frozen=True, slots=True)
class _Change:
    """`record` puts it in the index, allocating `inodes`, and returns whether that is what `told`
    said to the kernel's caches; `paths` are looked at again where it fails."""

    record: Callable[[Batch], bool]
    cover: Cover
    told: tuple[Change, ...]
    paths: tuple[bytes, ...]
    inodes: Callable[[Txn], int] = lambda txn: 0


class NameChanges:
    """The changes of names in one arena. Trio thread."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._store = context.store
        self._names = context.names
        self._standing = Standing(context)
        self._last: Request | None = None
        context.on_moved_unseen = self._follow_unseen
        context.names_committed = self._committed

    async def remove(self, ino: Inode, *, native: bool = False) -> None:
        """An entry was deleted by the user, a `native` file of that name before; committed on
        return unless it was wholly real."""
        path, place = self._standing.whereabouts(ino)
        if place is None:
            return  # gone already
        self._context.overlay.leave(ino)
        with self._store.env.read() as txn:
            entry = self._store.tree.entry(txn, ino)
        now_ns = self._context.clock.wall_ns()
        if entry is None:
            self._context.on_touched(path)
            if self._names.pending.covers_inode(ino) or self._context.is_looked_at(path):
                self._submit(_unseen_removal(ino, place, path, now_ns))
            return
        seen = entry.version
        beside = native and ino not in self._context.in_hand
        change = _Change(
            lambda batch: local.record_removal(batch, ino, seen, now_ns, native=beside),
            Cover({place: None}, {ino: None}),
            (Change(*place, ino, ChangeKind.ENTRY),),
            (path,),
        )
        last = place[0] == self._store.tree.root and is_without_names(self._store.root)
        native = self._standing.is_whole(ino, path, marks=False) and not last
        self._context.removed.add(ino)
        await self._queue(change, waits=not native)

    async def move(
        self, ino: Inode, parent: Inode, name: bytes, *, over_native: bool = False
    ) -> None:
        """An entry was renamed by the user, with `over_native` over something native; committed on
        return unless all was wholly real."""
        old_path, old = self._standing.whereabouts(ino)
        above, _ = self._standing.whereabouts(parent)
        if old is None or old == (parent, name):
            return
        new_path = paths.join(above, name)
        replaced = self._names.lookup(parent, name)
        self._moved_natively({old_path: new_path})
        if not self._standing.is_indexed(ino):
            self._context.overlay.move(ino, parent, name)
            if replaced is not None:
                await self._replace(replaced, ino, new_path, (parent, name))
            return
        beside = not self._standing.is_itself(ino, new_path)
        over_unseen = over_native and self._standing.is_unreal_file(replaced)
        change = self._movement(
            ino, old, (parent, name), replaced, beside=beside, over_unseen=over_unseen
        )
        native = self._standing.is_whole(ino, new_path, marks=True) and (
            replaced is None or self._standing.is_whole(replaced, new_path, marks=False)
        )
        await self._queue(replace(change, paths=(old_path, new_path)), waits=not native)

    async def exchange(self, ino: Inode, parent: Inode, name: bytes) -> None:
        """Two have exchanged their names, files or directories; committed on return unless all that
        the index has of them is real."""
        other = self._names.lookup(parent, name)
        here, old = self._standing.whereabouts(ino)
        there, new = self._standing.whereabouts(other) if other is not None else (b"", None)
        target = paths.join(self._standing.whereabouts(parent)[0], name)
        self._moved_natively({here: target, target: here})
        if other is None or old is None or new is None:
            return  # gone since: the scanner finds out what is where
        indexed = [one for one in (ino, other) if self._standing.is_indexed(one)]
        if len(indexed) < 2:
            self._context.overlay.exchange(old, new)
            if indexed == [ino]:
                await self._trade(ino, (here, old), (there, new))
            elif indexed:
                await self._trade(other, (there, new), (here, old))
            return
        now_ns = self._context.clock.wall_ns()
        moved = ((ino, target), (other, here))
        beside = {one for one, at in moved if not self._standing.is_itself(one, at)}
        tree = self._store.tree
        change = _Change(
            lambda batch: moving.record_exchange(batch, ino, other, now_ns, beside),
            Cover({old: other, new: ino}, {ino: new, other: old}),
            tuple(
                Change(*place, one, ChangeKind.ATTRIBUTES)
                for place, one in ((old, other), (new, ino))
            ),
            (here, there),
            lambda txn: (
                2 * moving.count_below(tree, txn, ino) + moving.count_below(tree, txn, other)
            ),
        )
        native = self._standing.is_whole(ino, there, marks=True) and self._standing.is_whole(
            other, here, marks=True
        )
        await self._queue(change, waits=not native)

    async def _trade(self, ino: Inode, old: tuple[bytes, Place], new: tuple[bytes, Place]) -> None:
        """An entry, at these paths and places, has exchanged its name with something that isn't
        indexed: a fifo, say, or what the scanner will find where the entry was."""
        change = self._movement(ino, old[1], new[1], None)
        native = self._standing.is_whole(ino, new[0], marks=True)
        await self._queue(replace(change, paths=(old[0], new[0])), waits=not native)

    def _moved_natively(self, places: Mapping[bytes, bytes]) -> None:
        for path in {*places, *places.values()}:
            self._context.on_touched(path)
        directories = {old: new for old, new in places.items() if self._standing.is_directory(new)}
        if directories:
            self._context.on_directories_moved(directories)

    # -- what is to be recorded ---------------------------------------------------------------

    def _movement(
        self,
        ino: Inode,
        old: Place,
        new: Place,
        replaced: Inode | None,
        *,
        beside: bool = False,
        over_unseen: bool = False,
    ) -> _Change:
        now_ns = self._context.clock.wall_ns()
        above = self._unindexed_above(new[0])
        places: dict[Inode, Place | None] = {ino: new}
        there = self._standing.seen(replaced) if replaced != ino and not over_unseen else None
        self._context.overlay.move(
            ino, *new
        )  # where its entry is on its way, it is there till then
        if replaced is not None and replaced != ino:
            self._context.overlay.forget(replaced)
            places[replaced] = None

        def record(batch: Batch) -> bool:
            parent: Inode | None = new[0]
            for found in above:
                parent = record_found(batch, self._context.overlay, found, now_ns)
            # None: a directory made just now is gone again; the scanner is told by its record.
            if parent is None:
                return False
            return moving.record_move(
                *(batch, ino, (parent, new[1]), now_ns, there),
                beside=beside,
                over_unseen=over_unseen,
            )

        def inodes(txn: Txn) -> int:
            return len(above) + moving.count_below(self._store.tree, txn, ino)

        told = (Change(*old, ino, ChangeKind.ENTRY), Change(*new, ino, ChangeKind.ATTRIBUTES))
        return _Change(record, Cover({old: None, new: ino}, places), told, (), inodes)

    def _unindexed_above(self, directory: Inode) -> list[Found]:
        """Directories that were made just now, the outermost first: they are indexed with what
        goes there."""
        found: list[Found] = []
        at = directory
        while not self._standing.is_indexed(at):
            path, place = self._standing.whereabouts(at)
            one = look(self._store.root, path, lambda: False) if place is not None else None
            if one is None or place is None:
                break  # gone: recording fails, and the scanner looks
            found.append(one)
            at = place[0]
        return found[::-1]

    async def _replace(self, replaced: Inode, ino: Inode, path: bytes, place: Place) -> None:
        """What isn't indexed took the name of an entry, which its user saw: what the scanner will
        find is an edit of that, not a conflict with it, and has its own inode at once."""
        with self._store.env.read() as txn:
            entry = self._names.entry(txn, replaced)
            unreal = entry is not None and self._store.real.get(txn, replaced) is None
        native = self._store.root.fingerprint_if_any(path)
        takes_over = entry is not None and native is not None and kind_of(native.mode) is not None
        seen, now_ns = entry.version if entry else None, self._context.clock.wall_ns()

        def record(batch: Batch) -> bool:
            entry = batch.store.tree.entry(batch.txn, replaced)
            if entry is None or entry.version.deleted or not entry.name:
                return not takes_over
            if takes_over and batch.store.tree.entry(batch.txn, ino) is not None:
                # The scanner was just recording it under its old name, of which peers may know.
                return moving.record_move(batch, ino, place, now_ns)
            if takes_over:
                return local.record_replacement(batch, replaced, ino)
            # A fifo, say, is never indexed; of what was just being indexed the scanner looks again.
            return local.record_removal(batch, replaced, seen or entry.version, now_ns)

        told = (Change(*place, ino, ChangeKind.ATTRIBUTES),)
        places: dict[Inode, Place | None] = {replaced: None}
        if takes_over:
            places[ino] = place
        cover = Cover({place: ino if takes_over else None}, places)
        await self._queue(_Change(record, cover, told, (path,), lambda _: 1), waits=unreal)

    def _follow_unseen(self, ino: Inode, place: Place) -> None:
        """It was renamed to `place` when it wasn't indexed, and has just been indexed where it
        was before: the scanner had looked a moment too early."""
        if self._names.pending.covers_inode(ino) is not None:
            return  # that is being recorded
        with self._store.env.read() as txn:
            old = self._store.tree.place(txn, ino)
        if old is not None:
            self._submit(self._movement(ino, old, place, self._names.lookup(*place)))

    # -- the queue ----------------------------------------------------------------------------

    async def _queue(self, change: _Change, *, waits: bool) -> None:
        request = self._submit(change, patient=not waits)
        # No await up to here: see above.
        if not waits:
            await self._context.writer.shorter_than(PENDING_MAX)
            return
        await request.done.wait()
        if request.error is not None:
            raise request.error

    def _submit(self, change: _Change, *, patient: bool = False) -> Request:
        def record(batch: Batch) -> None:
            if change.record(batch):
                batch.changes.clear()  # told at once
            else:
                batch.changes += _as_entries(change)

        def settled(error: BaseException | None) -> None:
            self._names.pending.uncover(change.cover)
            if error is not None:
                self._failed(change, error)
            else:
                self._context.removed.difference_update(change.cover.places)

        request = self._context.queue(record, change.inodes, settled, patient=patient)
        self._last = request
        self._names.pending.cover(change.cover)
        for one in change.told:
            self._context.tell(one)
        return request

    def _failed(self, change: _Change, error: BaseException) -> None:
        for path in change.paths:
            self._context.on_touched(path)
        for one in _as_entries(change):
            self._context.tell(one)
        if isinstance(error, StoreFault | OSError):
            self._context.problem = f"Renames and deletes can't be recorded just now: {error}"
        shown = " and ".join(f'"{paths.show(path)}"' for path in change.paths)
        log.warning("A change of %s has to be recorded again: %s", shown, error)

    async def _committed(self) -> None:
        """Wait until all that is queued by now is in the index, or has failed."""
        if self._last is not None:
            self._context.writer.hurry()
            await self._last.done.wait()


def _unseen_removal(ino: Inode, place: Place, path: bytes, now_ns: int) -> _Change:
    """What was deleted while the scanner was recording it: by the time of this it may be in the
    index, and its name may be another file's, with an inode of its own."""

    def record(batch: Batch) -> bool:
        entry = batch.store.tree.entry(batch.txn, ino)
        if entry is None:
            return True
        local.record_removal(batch, ino, entry.version, now_ns)
        return False

    return _Change(record, Cover({place: None}, {ino: None}), (), (path,))


def _as_entries(change: _Change) -> list[Change]:
    """All its names are to be looked up anew."""
    return [replace(one, what=ChangeKind.ENTRY) for one in change.told]
