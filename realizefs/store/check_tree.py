"""Rules of the tree: every entry has its name and its row of history, and all lead to the root.

See `schema` for what the tables promise. What is broken is put right from what is left: an entry
knows its place, a name its entry, a real file its content. What has no place any more gets one in
the arena root if something of it is here (`repair_tree`).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial

from realizefs.codec.index_records import decode_place
from realizefs.model.entries import Entry
from realizefs.model.errors import StoreFault
from realizefs.model.findings import Finding
from realizefs.model.ids import Inode
from realizefs.model.paths import NAME_BYTES_MAX, show
from realizefs.model.versions import Kind
from realizefs.store.arena import ArenaStore
from realizefs.store.check import Problem, Rule, once, rule_of
from realizefs.store.keys import inode_of, name_of_place, pack_place, pack_u64, unpack_u64
from realizefs.store.repair_tree import TreeRepair
from realizefs.store.schema import DIRENT, ENTRY, HISTORY
from realizefs.store.tree import dirent_value, read_dirent
from realizefs.store.txn import Txn

_CLIMB_MAX = 10_000
"""Directories above an entry, beyond which it can only be a cycle."""


def named(store: ArenaStore, txn: Txn, ino: Inode) -> str:
    """What an inode is called in sentences: its path, or its number where it has none."""
    try:
        path = store.tree.path(txn, ino)
    except StoreFault:
        path = None
    return f'"{show(path)}"' if path is not None else f"inode {ino}"


@dataclass(slots=True, eq=False)
class TreeRules:
    """The rules about the tree of one arena; `repair` knows what to do."""

    store: ArenaStore
    repair: TreeRepair
    _sound: set[Inode] = field(default_factory=set)
    """directories that were seen to lead to the root in transaction `_seen_in`"""
    _seen_in: Txn | None = None

    def rules(self) -> list[Rule]:
        """In the order in which they are to be repaired."""
        return [
            Rule("", once, self.look_at_seq),
            rule_of("names", DIRENT, self.look_at_name),
            rule_of("entries", ENTRY, self.look_at_entry),
            rule_of("changes", HISTORY, self.look_at_change),
        ]

    def look_at_seq(self, txn: Txn, _key: bytes) -> Iterator[Problem]:
        """The last seq given out is none of those before the last change."""
        row = txn.last(HISTORY)
        last, seq = unpack_u64(row[0]) if row else 0, self.store.tree.positions.last(txn)
        if last > seq:
            what = f"The history goes to change {last} and counts only {seq}"
            finding = Finding("seq", what, "counts on from there")
            yield Problem(finding, partial(self.repair.count_seq_on, last=last))

    def look_at_name(self, txn: Txn, key: bytes) -> Iterator[Problem]:
        """A dirent leads to an entry that has that place."""
        parent, name = inode_of(key[:8]), name_of_place(key)
        try:
            dirent = read_dirent(name, txn.get(DIRENT, key) or b"")
        except StoreFault:
            yield self._bad_name(txn, key, "damaged-name", "is damaged", "writes it anew")
            return
        try:
            data = txn.get(ENTRY, pack_u64(dirent.ino))
            place = decode_place(data)[:2] if data is not None else None
        except StoreFault:
            return  # its own rule says so
        if place is None:
            what = f"leads to inode {dirent.ino}, which doesn't exist"
            yield self._bad_name(txn, key, "name-of-nothing", what, "removes the name")
        elif place != (parent, name):
            where = named(self.store, txn, dirent.ino)
            what = f"leads to inode {dirent.ino}, whose place is {where}"
            yield self._bad_name(txn, key, "second-name", what, "removes the name")

    def _bad_name(self, txn: Txn, key: bytes, kind: str, what: str, remedy: str) -> Problem:
        name = show(name_of_place(key))
        shown = f'The name "{name}" in {named(self.store, txn, inode_of(key[:8]))} {what}'
        return Problem(Finding(kind, shown, remedy), partial(self.repair.remove_name, key=key))

    def look_at_entry(self, txn: Txn, key: bytes) -> Iterator[Problem]:
        """An entry has its place, which says the same of it, and its row of history."""
        ino = inode_of(key)
        try:
            entry = self.store.tree.entry(txn, ino)
        except StoreFault:
            yield self._damaged(txn, ino)
            return
        if entry is None:
            return
        if ino == self.store.tree.root:
            yield from self._root(entry)
            return
        lost = self._lost(txn, entry)
        if lost:
            remedy = self.repair.plan(txn, entry)
            yield Problem(Finding("lost", lost, remedy), partial(self.repair.place, ino=ino))
            return
        yield from self._name_of(txn, entry)
        if txn.get(HISTORY, pack_u64(entry.seq)) != key:
            what = f"{named(self.store, txn, ino)} has no row in the history"
            finding = Finding("no-history", what, "adds one, and peers hear of it again")
            yield Problem(finding, partial(self.repair.renew, ino=ino))
        yield from self._above(txn, entry)

    def look_at_change(self, txn: Txn, key: bytes) -> Iterable[Problem]:
        """A row of history is that of an entry."""
        ino = inode_of(txn.get(HISTORY, key) or b"")
        try:
            data = txn.get(ENTRY, pack_u64(ino))
            seq = decode_place(data)[2] if data is not None else None
        except StoreFault:
            return
        if seq is None or pack_u64(seq) != key:
            what = f"Change {unpack_u64(key)} of the history is of inode {ino} and not its latest"
            if seq is None:
                what = f"Change {unpack_u64(key)} of the history is of inode {ino}, which is gone"
            finding = Finding("stray-history", what, "removes it from the history")
            yield Problem(finding, partial(self.repair.remove_change, key=key))

    # -- within --------------------------------------------------------------------------------

    def _damaged(self, txn: Txn, ino: Inode) -> Problem:
        return Problem(
            Finding(
                "damaged-entry",
                f"The record of inode {ino} can't be read",
                self.repair.plan_rebuild(txn, ino),
            ),
            partial(self.repair.rebuild, ino=ino),
        )

    def _root(self, entry: Entry) -> Iterator[Problem]:
        plain = not entry.parent and not entry.name and not entry.seq
        if not plain or entry.version.deleted or entry.version.kind is not Kind.DIRECTORY:
            finding = Finding(
                "root", "The entry of the arena's root is not that of a root", "makes it anew"
            )
            yield Problem(finding, self.repair.renew_root)

    def _lost(self, txn: Txn, entry: Entry) -> str:
        """Why an entry can't be reached from the root; "" where it can."""
        name = f"Inode {entry.ino}"
        if entry.name:
            name += f' (once called "{show(entry.name)}")'
        if not entry.parent or not _is_name(entry.name):
            return f"{name} has no place in the tree"
        if txn.get(ENTRY, pack_u64(entry.parent)) is None:
            return f"{name} is in a directory that doesn't exist, inode {entry.parent}"
        if self._taken(txn, entry):
            return f"{name} has lost its name to another entry"
        if self._is_top_of_cycle(txn, entry):
            return f"{name} is a directory below itself"
        return ""

    def _taken(self, txn: Txn, entry: Entry) -> bool:
        """Whether the name is rightly that of another inode."""
        value = txn.get(DIRENT, pack_place(entry.parent, entry.name))
        if value is None or value[:8] == pack_u64(entry.ino):
            return False
        other = _entry_or_none(self.store, txn, inode_of(value[:8]))
        return other is not None and (other.parent, other.name) == (entry.parent, entry.name)

    def _is_top_of_cycle(self, txn: Txn, entry: Entry) -> bool:
        """Whether the way up comes back to it, and it is the oldest on that way: one finding a
        cycle is enough."""
        if self._seen_in is not txn:
            self._seen_in, self._sound = txn, {self.store.tree.root}
        way: list[Inode] = []
        at = entry.parent
        while at not in self._sound and len(way) < _CLIMB_MAX:
            if at == entry.ino:
                return not way or entry.ino < min(way)
            above = _entry_or_none(self.store, txn, at)
            if above is None or not above.parent or at in way:
                return False  # another entry's finding
            way.append(at)
            at = above.parent
        self._sound.update(way)
        return False

    def _name_of(self, txn: Txn, entry: Entry) -> Iterator[Problem]:
        value = txn.get(DIRENT, pack_place(entry.parent, entry.name))
        if value == dirent_value(entry):
            return
        shown = named(self.store, txn, entry.ino)
        renew = partial(self.repair.write_name, ino=entry.ino)
        if value is None or value[:8] != pack_u64(entry.ino):
            finding = Finding("no-name", f"{shown} is in no listing", "writes its name")
        else:
            finding = Finding(
                "wrong-name", f"The listing of {shown} is out of date", "writes it anew"
            )
        yield Problem(finding, renew)

    def _above(self, txn: Txn, entry: Entry) -> Iterator[Problem]:
        """What is alive is in directories that are."""
        if entry.version.deleted or entry.parent == self.store.tree.root:
            return
        above = _entry_or_none(self.store, txn, entry.parent)
        if above is None or (above.version.kind is Kind.DIRECTORY and not above.version.deleted):
            return
        state = "deleted" if above.version.deleted else "no directory"
        shown = named(self.store, txn, entry.ino)
        finding = Finding(
            "above", f"{shown} exists and what it is in is {state}", "makes that a directory again"
        )
        yield Problem(finding, partial(self.repair.revive, ino=above.ino))


def _is_name(name: bytes) -> bool:
    return 0 < len(name) <= NAME_BYTES_MAX and name not in (b".", b"..") and not {0, 47} & set(name)


def _entry_or_none(store: ArenaStore, txn: Txn, ino: Inode) -> Entry | None:
    """None for a damaged one, too."""
    try:
        return store.tree.entry(txn, ino)
    except StoreFault:
        return None
