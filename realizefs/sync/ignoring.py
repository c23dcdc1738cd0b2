"""What is in the arena root and never shared, as `.realizeignore` says (see `core.ignore`).

It says something only of what isn't shared yet, as git's file does: of native files that no row of
the index belongs to, and directories that the index doesn't know. So no pattern, whoever writes it,
makes a deletion out of a file, nor takes away from others what they may be without (R1, R8); a file
that is renamed stays shared, too, whatever its new name. What is ignored is as a fifo is: native
alone, with an inode of the overlay, never announced, and what peers have of that name is behind it.

While a file of patterns is being written, or replaced, it may say less than it will in a moment, and
what is told to peers can't be taken back. So nothing new below it is looked at until it has been
left alone for QUIET_SECONDS.
"""

import stat
from collections.abc import Callable, Iterable, Sequence

from realizefs.core.ignore import IGNORE_NAME, Judge, Patterns, Reason
from realizefs.model import paths
from realizefs.model.entries import Fingerprint
from realizefs.model.ids import Inode
from realizefs.model.versions import Kind
from realizefs.store.ignorefile import read_ignore_file
from realizefs.sync.batch import Batch
from realizefs.sync.context import Context
from realizefs.sync.look import Unstable
from realizefs.sync.record import Found

QUIET_SECONDS = 1.0
"""Seconds without a change after which a file of patterns is believed: an editor that writes it anew
takes milliseconds between the old one and the new one."""


def is_ignore_file(path: bytes) -> bool:
    """Whether a path is that of a file of patterns."""
    return path.endswith(IGNORE_NAME) and paths.split(path)[1] == IGNORE_NAME


def directories_of(touched: Iterable[bytes]) -> dict[bytes, None]:
    """Where files of patterns changed: what is there may be ignored no longer."""
    return {paths.split(path)[0]: None for path in touched if is_ignore_file(path)}


class Ignoring:
    """For what is looked at together, within a second: patterns are read once. Blocking; by one
    thread at a time. `is_pending` says that a path is about to be looked at; `gone` are paths at
    which nothing is any more: what was there may have been renamed.
    """

    def __init__(
        self, context: Context, is_pending: Callable[[bytes], bool], gone: Sequence[bytes] = ()
    ) -> None:
        self._context = context
        self._store = context.store
        self._is_pending = is_pending
        self._judge = Judge(self._patterns_in)
        self._gone = gone
        self._left: set[tuple[int, int]] | None = None
        self._above: set[bytes] = set()
        self.conditional: set[bytes] = set()
        """ignored, and to be recorded only as what is shared already (see `recordable`)"""

    def reason(self, path: bytes, *, is_directory: bool) -> Reason | None:
        """Why something that isn't shared is ignored; Unstable while that may change."""
        above, _ = paths.split(path)
        if not self._judge.has_patterns(above):
            return None
        return self._judge.reason(path, is_directory=is_directory)

    def ignores(self, path: bytes, *, is_directory: bool) -> bool:
        """The same; False while that may change: who looks closer waits."""
        try:
            return self.reason(path, is_directory=is_directory) is not None
        except Unstable:
            return False

    def skips(self, path: bytes) -> bool:
        """Whether what is at a path isn't to be looked at. Unstable while that may change."""
        above, _ = paths.split(path)
        native = self._native(path) if self._judge.has_patterns(above) else None
        if native is None:
            return False
        is_shared, is_known = self._known(path, native)
        is_directory = stat.S_ISDIR(native.mode)
        if is_shared or self._judge.reason(path, is_directory=is_directory) is None:
            return False
        if is_known or path in self._above or self._has_moved(native):
            self.conditional.add(path)
            return False
        return True

    def with_those_above(self, touched: list[bytes]) -> list[bytes]:
        """And the directories that something shared was renamed into: they come along."""
        if not self._gone:
            return touched
        given = set(touched)
        for path in touched:
            above, _ = paths.split(path)
            if not above or above in self._above or not self._is_new_below(path, above):
                continue
            while above and above not in given and not self._is_entry(above):
                self._above.add(above)
                above, _ = paths.split(above)
        return sorted(given | self._above) if self._above else touched

    # -- within --------------------------------------------------------------------------------

    def _patterns_in(self, directory: bytes) -> Patterns:
        if self._is_pending(paths.join(directory, IGNORE_NAME)):
            raise Unstable
        found = read_ignore_file(self._store.root, directory)
        age_ns = self._context.clock.wall_ns() - found.mtime_ns
        if found.mtime_ns and abs(age_ns) < QUIET_SECONDS * 1e9:
            raise Unstable
        if found.problem:
            self._context.ignoring = found.problem
        return found.patterns

    def _native(self, path: bytes) -> Fingerprint | None:
        try:
            return self._store.root.fingerprint_if_any(path)
        except OSError:
            return None  # whoever looks at it says why

    def _known(self, path: bytes, native: Fingerprint) -> tuple[bool, bool]:
        """Whether what is there is shared, and whether something of that name is."""
        with self._store.env.read() as txn:
            entry = self._store.tree.entry_at(txn, path)
            if entry is None:
                return False, False
            is_real = self._store.real.get(txn, entry.ino) is not None
        live = not entry.version.deleted
        both = live and entry.version.kind is Kind.DIRECTORY and stat.S_ISDIR(native.mode)
        return is_real or both, live

    def _has_moved(self, native: Fingerprint) -> bool:
        """Whether it was what was real under a name that is gone."""
        if self._left is None:
            self._left = set()
            with self._store.env.read() as txn:
                for path in self._gone:
                    entry = self._store.tree.entry_at(txn, path)
                    real = self._store.real.get(txn, entry.ino) if entry is not None else None
                    if real is not None:
                        self._left.add((real.fingerprint.dev, real.fingerprint.ino))
        return (native.dev, native.ino) in self._left

    def _is_new_below(self, path: bytes, above: bytes) -> bool:
        try:
            if not self._judge.has_patterns(above):
                return False
        except Unstable:
            return False
        native = self._native(path)
        return native is not None and self._has_moved(native)

    def _is_entry(self, path: bytes) -> bool:
        with self._store.env.read() as txn:
            entry = self._store.tree.entry_at(txn, path)
        return entry is not None and not entry.version.deleted


def recordable(
    batch: Batch, found: Sequence[Found], moves: dict[bytes, Inode], conditional: set[bytes]
) -> list[Found]:
    """Without what is ignored and turned out not to be shared under another name, or as it is."""
    if not conditional:
        return list(found)
    return [
        one
        for one in found
        if one.path not in conditional
        or any(paths.is_within(path, one.path) for path in moves)
        or _is_same(batch, one)
    ]


def _is_same(batch: Batch, found: Found) -> bool:
    """Whether a file is what the index has there: made real just before a crash."""
    entry = batch.store.tree.entry_at(batch.txn, found.path)
    if entry is None or entry.version.deleted or entry.version.kind is not found.kind:
        return False
    if found.content is not None:
        return found.content.hash == entry.version.hash
    return found.kind is Kind.SYMLINK and found.target == entry.version.target
