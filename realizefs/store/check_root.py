"""Rules of the arena root: what is there natively is indexed, and what is indexed is there.

The real file is the truth and the index follows it in batches, so a difference is no fault by
itself. Where the arena runs, one that stays is: something was missed, and is to be looked at
again. Where it doesn't, differences are what the next start indexes; they are only counted.
"""

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice

from realizefs.model import paths
from realizefs.model.entries import Fingerprint
from realizefs.model.errors import StoreFault
from realizefs.model.findings import Finding
from realizefs.model.ids import Inode
from realizefs.model.paths import show
from realizefs.model.versions import Kind
from realizefs.store.arena import ArenaStore
from realizefs.store.check import PAGE, Problem, Rule
from realizefs.store.ignorefile import judge_of
from realizefs.store.keys import inode_of, pack_u64
from realizefs.store.schema import META, REAL
from realizefs.store.txn import Txn

DIRECTORIES_PAGE = 50
"""Directories listed in one read transaction."""

DIFFERING_MAX = 10_000
"""Paths gathered that are to be indexed at the next start; more aren't counted."""

_TOUCHES = "has it looked at again"


@dataclass(slots=True, eq=False)
class RootRules:
    """The rules about one arena's real files.

    `touched` has a path looked at again; None where nobody does before the next start. Then what
    differs is gathered in `differing`. `is_pending` says that a path is about to be looked at, or
    is being written.
    """

    store: ArenaStore
    touched: Callable[[bytes], None] | None = None
    is_pending: Callable[[bytes], bool] = lambda path: False
    differing: set[bytes] = field(default_factory=set)

    def rules(self) -> list[Rule]:
        """What is indexed, then what is there."""
        return [
            Rule("", self._rows, self.look_at_row),
            Rule("native directories", self._directories, self.look_at_directory),
        ]

    def look_at_row(self, txn: Txn, key: bytes) -> Iterator[Problem]:
        """A real file has the fingerprint that was indexed; a directory is one."""
        path, known = self._indexed(txn, inode_of(key))
        if path is None or known is None:
            return
        try:
            found = self.store.root.fingerprint_if_any(path)
        except OSError:
            return  # closed to us: neither there nor gone
        if found is None:
            if not self._is_elsewhere(path, known):
                yield from self._differs(path, f'"{show(path)}" is indexed as real and is gone')
        elif not _agrees(known, found):
            yield from self._differs(path, f'"{show(path)}" is not as it was indexed')

    def look_at_directory(self, txn: Txn, key: bytes) -> Iterator[Problem]:
        """Everything in a real directory that can be shared is indexed as real."""
        ino = inode_of(key)
        directory = self._path(txn, ino)
        if directory is None:
            return
        try:
            native = self.store.root.list(directory)
        except OSError:
            return  # gone, or closed to us
        judge = judge_of(self.store.root)
        for one in native:
            path = paths.join(directory, one.name)
            if one.kind is None or paths.is_too_deep(path):
                continue
            dirent = self.store.tree.lookup(txn, ino, one.name)
            if dirent is not None and txn.get(REAL, pack_u64(dirent.ino)) is not None:
                continue
            ignored = judge.reason(path, is_directory=one.kind is Kind.DIRECTORY) is not None
            if not ignored and self._can_be_indexed(path, one.kind):
                yield from self._differs(path, f'"{show(path)}" is there and not indexed')

    # -- within --------------------------------------------------------------------------------

    def _rows(self, txn: Txn, start: bytes) -> Sequence[bytes]:
        return list(islice(txn.scan_keys(REAL, start), PAGE))

    def _directories(self, txn: Txn, start: bytes) -> Sequence[bytes]:
        """Inodes of the root and of real directories, those of one page of rows at a time."""
        root = txn.get(META, b"root") or b""
        found = (key for key in txn.scan_keys(REAL, start) if self._is_directory(txn, key))
        rows = list(islice(found, DIRECTORIES_PAGE))
        return [root, *rows] if not start else rows

    def _is_directory(self, txn: Txn, key: bytes) -> bool:
        try:
            row = self.store.real.get(txn, inode_of(key))
        except StoreFault:
            return False
        return row is not None and stat.S_ISDIR(row.fingerprint.mode)

    def _path(self, txn: Txn, ino: Inode) -> bytes | None:
        try:
            return self.store.tree.path(txn, ino)
        except StoreFault:
            return None

    def _indexed(self, txn: Txn, ino: Inode) -> tuple[bytes | None, Fingerprint | None]:
        try:
            row = self.store.real.get(txn, ino)
        except StoreFault:
            return None, None  # its own rule says so
        return self._path(txn, ino), row.fingerprint if row is not None else None

    def _is_elsewhere(self, path: bytes, known: Fingerprint) -> bool:
        """R8: it was on another disk than the directory that it is missing from."""
        while path:
            path, _ = paths.split(path)
            found = self.store.root.fingerprint_if_any(path)
            if found is not None:
                return known.dev not in (0, found.dev)
        return known.dev not in (0, self.store.root.fingerprint(b"").dev)

    def _can_be_indexed(self, path: bytes, kind: Kind) -> bool:
        if kind is not Kind.FILE:
            return True
        try:
            os.close(self.store.root.open(path, os.O_RDONLY | os.O_NONBLOCK))
        except OSError:
            return False
        return True

    def _differs(self, path: bytes, what: str) -> Iterator[Problem]:
        if self.touched is None:
            if len(self.differing) < DIFFERING_MAX:
                self.differing.add(path)
        elif not self.is_pending(path):
            yield Problem(Finding("index", what, _TOUCHES), act=partial(self.touched, path))


def _agrees(known: Fingerprint, found: Fingerprint) -> bool:
    """A directory's own times change with all that is in it, and are nobody's business."""
    if stat.S_ISDIR(known.mode):
        return stat.S_ISDIR(found.mode)
    return known == found
