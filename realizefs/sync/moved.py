"""Renames found in the arena root: gone under one name, and the same native file under another.

Made by another program there, or through the mount by a process that was killed before its commit
(see `name_changes`). Recorded as the rename that it was, the inode and the marks follow, and peers
hear of the new name before the old one is gone: nobody fetches again what it has.

A native inode number alone proves nothing, it is given out again as soon as a file is deleted: so
content, target, or for a directory something in it must be the same too. What isn't wholly real
isn't followed: of a directory that unreal files are in, only the real ones were renamed.
"""

import stat
from collections.abc import Iterator
from contextlib import contextmanager
from math import inf

from realizefs.model import paths
from realizefs.model.changes import Change, ChangeKind
from realizefs.model.entries import Entry, Fingerprint, RealRow
from realizefs.model.ids import Inode
from realizefs.model.ports import Clock
from realizefs.model.versions import Kind
from realizefs.store.arena import ArenaStore
from realizefs.store.txn import Txn
from realizefs.sync.batch import Batch
from realizefs.sync.look import is_gone
from realizefs.sync.moving import record_move
from realizefs.sync.overlay import Overlay
from realizefs.sync.record import Found
from realizefs.sync.wholly_real import is_wholly_real

ENTRIES_MAX = 50_000
"""Entries below a directory that is followed, about ten seconds of one transaction; a larger one
is recorded as new, and as gone."""

REST = 2
"""Times that it took to look up what has left its place, until that is done anew."""

TOOK_SECONDS_MAX = 5.0
"""Where it took longer the disk was busy with something else: that says nothing of the next time."""

WITNESSES_MAX = 16
"""Entries of a directory that are looked for natively, to know it again."""

_Native = tuple[int, int]
"""Device and native inode."""


def match(store: ArenaStore, txn: Txn, found: list[Found], gone: list[bytes]) -> dict[bytes, Inode]:
    """Paths of `found` whose native thing is that of an entry of `gone`, and its inode."""
    if not found or not gone:
        return {}
    lost = _lost(store, txn, gone, {(one.fingerprint.dev, one.fingerprint.ino) for one in found})
    matches: dict[bytes, Inode] = {}
    for one in found if lost else ():
        key = (one.fingerprint.dev, one.fingerprint.ino)
        entry, real = lost.get(key, (None, None))
        if entry is None or real is None:
            continue
        if store.tree.path(txn, entry.ino) == one.path:
            continue  # it was there, and has left it since it was looked at
        if _is_same(store, txn, entry, real, one) and _is_free(store, txn, one):
            matches[one.path] = entry.ino
            del lost[key]
    return matches


class Leaving:
    """Where things were that only wait to be looked at, or to be recorded as gone: a folder that files
    are just moved into is scanned before all of their old names have been quiet for long enough.

    Looked up anew when that takes a third of the time at most: each of very many new folders asks. In
    worker threads, one at a time.
    """

    def __init__(self, store: ArenaStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._gone: tuple[bytes, ...] = ()
        self._natives: dict[_Native, bytes] = {}
        self._at = -inf
        self._took = 0.0

    @contextmanager
    def while_gone(self, gone: list[bytes]) -> Iterator[None]:
        """What is found within may have been at these paths, which are recorded after that."""
        before = self._gone
        self._gone = (*before, *gone)
        self._at = -inf if gone else self._at
        try:
            yield
        finally:
            self._gone = before

    def left_of(self, waiting: list[bytes], found: list[Found]) -> list[bytes]:
        """The paths that things of `found` have left, of those that wait and those that are gone. Hints:
        `match` looks closer."""
        if not found or not (waiting or self._gone):
            return []
        began = self._clock.now()
        if began - self._at > REST * self._took:
            left = [path for path in waiting if is_gone(self._store, path)]
            self._natives = _natives_of(self._store, [*self._gone, *left])
            self._at = self._clock.now()
            self._took = min(self._at - began, TOOK_SECONDS_MAX)
        natives = [(one.fingerprint.dev, one.fingerprint.ino) for one in found]
        return [self._natives[native] for native in natives if native in self._natives]


def others(store: ArenaStore, found: list[Found]) -> list[bytes]:
    """Directories that have taken the place of others, which were real there and are indexed."""
    directories = [one for one in found if one.kind is Kind.DIRECTORY]
    if not directories:
        return []
    with store.env.read() as txn:
        known = {one.path: store.tree.entry_at(txn, one.path) for one in directories}
        rows = {path: store.real.get(txn, entry.ino) for path, entry in known.items() if entry}
    now = {one.path: (one.fingerprint.dev, one.fingerprint.ino) for one in directories}
    return [
        path
        for path, row in rows.items()
        if row is not None and (row.fingerprint.dev, row.fingerprint.ino) != now[path]
    ]


def _natives_of(store: ArenaStore, gone: list[bytes]) -> dict[_Native, bytes]:
    """What was real at these paths."""
    natives: dict[_Native, bytes] = {}
    with store.env.read() as txn:
        for path in gone:
            entry = store.tree.entry_at(txn, path)
            real = store.real.get(txn, entry.ino) if entry is not None else None
            if real is not None:
                natives[real.fingerprint.dev, real.fingerprint.ino] = path
    return natives


def follow(batch: Batch, overlay: Overlay, found: Found, ino: Inode, now_ns: int) -> None:
    """Record that the entry `ino` is at the place of `found` now."""
    parent_path, name = paths.split(found.path)
    parent = batch.store.tree.resolve(batch.txn, parent_path)
    if parent is None or _is_in(batch, parent, ino):
        return
    known = overlay.peek(parent, name)
    if known is not None:  # the kernel has looked it up already, as something new
        batch.indexed[known] = (parent, name)
    was = batch.store.tree.entry(batch.txn, ino)
    before = len(batch.changes)
    if was is not None and record_move(batch, ino, (parent, name), now_ns):
        # Before what it consists of: whoever watches hears of a rename.
        source = was.parent, was.name
        moved = Change(parent, name, ino, ChangeKind.ENTRY, source=source)
        batch.changes.insert(before, moved)


def is_below(path: bytes, directories: set[bytes]) -> bool:
    """Whether a path is in one of these, at any depth."""
    while directories and path:
        path, _ = paths.split(path)
        if path in directories:
            return True
    return False


def _lost(
    store: ArenaStore, txn: Txn, gone: list[bytes], wanted: set[tuple[int, int]]
) -> dict[tuple[int, int], tuple[Entry, RealRow]]:
    """What was wholly real under names that are gone, by device and native inode: the `wanted`."""
    lost: dict[tuple[int, int], tuple[Entry, RealRow]] = {}
    for path in gone:
        entry = store.tree.entry_at(txn, path)
        real = store.real.get(txn, entry.ino) if entry is not None else None
        if entry is None or real is None:
            continue
        if (real.fingerprint.dev, real.fingerprint.ino) not in wanted:
            continue
        # An Unrealize takes files out of the root, so what is under another name there is none.
        whole = is_wholly_real(
            store, txn, entry.ino, path, marks=False, leaving=True, limit=ENTRIES_MAX
        )
        if whole and store.root.fingerprint_if_any(path) is None:
            lost[real.fingerprint.dev, real.fingerprint.ino] = (entry, real)
    return lost


def _is_same(store: ArenaStore, txn: Txn, entry: Entry, real: RealRow, found: Found) -> bool:
    if entry.version.kind is not found.kind or stat.S_IFMT(real.fingerprint.mode) != stat.S_IFMT(
        found.fingerprint.mode
    ):
        return False
    if found.kind is Kind.FILE:
        return found.content is not None and found.content.hash == real.hash
    if found.kind is Kind.SYMLINK:
        return found.target == entry.version.target
    return real.fingerprint.mtime_ns == found.fingerprint.mtime_ns or _has_witness(
        store, txn, entry, found
    )


def _has_witness(store: ArenaStore, txn: Txn, entry: Entry, found: Found) -> bool:
    """Whether something that was in a directory is still there natively."""
    for number, child in enumerate(store.tree.children(txn, entry.ino)):
        if number >= WITNESSES_MAX:
            break
        real = store.real.get(txn, child.ino)
        now = store.root.fingerprint_if_any(paths.join(found.path, child.name))
        if real is not None and now is not None and _native(now) == _native(real.fingerprint):
            return True
    return False


def _native(fingerprint: Fingerprint) -> tuple[int, int, int, int]:
    return fingerprint.dev, fingerprint.ino, fingerprint.size, fingerprint.mtime_ns


def _is_free(store: ArenaStore, txn: Txn, found: Found) -> bool:
    """Whether nothing at the new name is lost by it: what it replaced was the current version."""
    there = store.tree.entry_at(txn, found.path)
    if there is None:
        return True
    real = store.real.get(txn, there.ino)
    if there.version.deleted:
        return real is None  # else it is still on its way out
    replaceable = found.kind is not Kind.DIRECTORY and there.version.kind is not Kind.DIRECTORY
    return replaceable and real is not None and real.vector == there.version.vector


def _is_in(batch: Batch, directory: Inode, ino: Inode) -> bool:
    at: Inode | None = directory
    while at is not None and at != ino:
        at = batch.store.tree.parent(batch.txn, at)
    return at == ino
