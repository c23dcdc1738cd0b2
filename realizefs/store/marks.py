"""Marks as they were set, per inode, and the mark in force: inherited along the path, or by a rule.

By inode, so that a mark follows a local rename and a path costs nothing. Whatever is asked about a
path is asked about the inode that is there. Setting one never walks what is below (see
`DirtySet.mark_subtree`).
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from realizefs.core.ignore import are_patterns
from realizefs.core.rules import choose, may_fit
from realizefs.model import paths
from realizefs.model.entries import Entry
from realizefs.model.errors import BadMark, StoreFault
from realizefs.model.ids import Inode
from realizefs.model.marks import Mark
from realizefs.model.rules import Rule
from realizefs.model.versions import Kind
from realizefs.store.keys import inode_of, pack_u64
from realizefs.store.rules import Rules
from realizefs.store.schema import MARK
from realizefs.store.tree import Tree
from realizefs.store.txn import Txn


@dataclass(frozen=True, slots=True)
class Marked:
    """The mark in force: from the inode `source`, by a rule, or else by default; and from which
    wall-clock time on, nanoseconds, it may be another because the file is older."""

    mark: Mark
    source: Inode | None
    rule: Rule | None = None
    again_ns: int | None = None


class Marks:
    """Inode or path → Mark; all within the caller's transaction.

    `default` is always the arena's own, from its configuration, which isn't kept here.
    """

    def __init__(self, tree: Tree, rules: Rules) -> None:
        self._tree = tree
        self._rules = rules
        self.now_ns: Callable[[], int] = time.time_ns
        """the wall clock, by which files are of an age"""

    def get(self, txn: Txn, ino: Inode) -> Mark | None:
        """The mark set on this very inode; None where it is inherited."""
        value = txn.get(MARK, pack_u64(ino))
        return _mark(value) if value is not None else None

    def set(self, txn: Txn, where: Inode | bytes, mark: Mark | None) -> bool:
        """Insert or replace, None as `clear`; False, and nothing is done, for a path that isn't
        known."""
        ino = self._inode(txn, where)
        if ino is None:
            return False
        if mark is None:
            self.clear(txn, ino)
        else:
            txn.put(MARK, pack_u64(ino), mark.value.encode())
        return True

    def clear(self, txn: Txn, where: Inode | bytes) -> bool:
        """Inherit again; whether there was a mark."""
        ino = self._inode(txn, where)
        return ino is not None and txn.delete(MARK, pack_u64(ino))

    def effective(self, txn: Txn, ino: Inode, default: Mark) -> Mark:
        """The mark in force: what is `marked`, for an inode."""
        if not self._rules.any(txn):
            return self.inherited(txn, ino, default)[0]
        entry = self._tree.entry(txn, ino)
        if entry is None:
            return self.inherited(txn, ino, default)[0]
        return self.marked(txn, entry, default).mark

    def marked(self, txn: Txn, entry: Entry, default: Mark) -> Marked:
        """The mark in force for an entry, and why."""
        mark, source = self.inherited(txn, entry.ino, default)
        return self.ruled(txn, entry, mark, source)

    def ruled(self, txn: Txn, entry: Entry, mark: Mark, source: Inode | None) -> Marked:
        """The same where it is known which mark it has or inherits, and from which inode."""
        if source == entry.ino:
            return Marked(mark, source)
        if are_patterns(entry.name, entry.version):
            return Marked(Mark.OWN, None)
        rules = self._rules.all(txn) if entry.version.kind is Kind.FILE else ()
        if not rules:
            return Marked(mark, source)
        choice = choose(self._candidates(txn, entry, rules, source), entry.version, self.now_ns())
        if choice.rule is None:
            return Marked(mark, source, None, choice.again_ns)
        return Marked(choice.rule.mark, None, choice.rule, choice.again_ns)

    def may_be_ruled(self, txn: Txn, name: bytes) -> bool:
        """Whether some rule may be about a file of that name."""
        return self._rules.any(txn) and may_fit(self._rules.all(txn), name)

    def _candidates(
        self, txn: Txn, entry: Entry, rules: Sequence[Rule], source: Inode | None
    ) -> Iterator[tuple[Rule, list[bytes]]]:
        """Those for directories up to the one that the mark is from, the nearest and latest first."""
        names, at = [entry.name], entry.parent
        while True:
            for rule in reversed(rules):
                if rule.below == at:
                    yield rule, names
            above = self._tree.place(txn, at)
            if at == source or above is None:
                return
            at, name = above
            names = [name, *names]

    def inherited(self, txn: Txn, ino: Inode, default: Mark) -> tuple[Mark, Inode | None]:
        """The mark that is set, and where: the entry's own, else of the nearest directory above that
        has one, else (`default`, None)."""
        if not txn.count(MARK):
            return default, None
        at: Inode | None = ino
        while at is not None:
            mark = self.get(txn, at)
            if mark is not None:
                return mark, at
            at = self._tree.parent(txn, at)
        return default, None

    def for_path(self, txn: Txn, path: bytes, default: Mark) -> tuple[Mark, bytes | None]:
        """`inherited`, as paths. For what isn't there: the mark that it would inherit."""
        at = self._nearest(txn, path)
        mark, source = self.inherited(txn, at, default)
        return mark, None if source is None else self._tree.path(txn, source)

    def list(self, txn: Txn) -> Iterator[tuple[bytes, Mark]]:
        """(path, mark) of every mark that was set, oldest inode first; b"" is the arena's root."""
        for ino, mark in self.all(txn):
            path = self._tree.path(txn, ino)
            if path is not None:
                yield path, mark

    def all(self, txn: Txn) -> Iterator[tuple[Inode, Mark]]:
        """Every mark that was set, by inode."""
        for key, value in txn.scan(MARK):
            yield inode_of(key), _mark(value)

    def _inode(self, txn: Txn, where: Inode | bytes) -> Inode | None:
        return self._tree.resolve(txn, where) if isinstance(where, bytes) else where

    def _nearest(self, txn: Txn, path: bytes) -> Inode:
        """The inode at a path, or of the lowest directory above it that is known."""
        at = self._tree.root
        for name in paths.components(path):
            dirent = self._tree.lookup(txn, at, name)
            if dirent is None:
                break
            at = dirent.ino
        return at


def _mark(value: bytes) -> Mark:
    try:
        return Mark.parse(value)
    except BadMark as error:
        raise StoreFault(f"The database has a damaged mark ({value[:80]!r}).") from error
