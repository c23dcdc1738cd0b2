"""Rules of the tables that say something about an inode: it exists, and the row can be read.

A row about an inode that is gone means nothing and does harm once (a mark nobody can clear, a
decision that fails for ever); removing it loses nothing. What can't be read is removed, too, and the
entry is decided anew.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from realizefs.codec.index_records import decode_real
from realizefs.codec.journal_records import decode_event
from realizefs.codec.records import decode_decision
from realizefs.model.decisions import Decision
from realizefs.model.errors import StoreFault
from realizefs.model.findings import Finding
from realizefs.model.ids import Inode
from realizefs.model.limits import BLOCK_BYTES_MIN
from realizefs.store.arena import ArenaStore
from realizefs.store.check import Problem, Rule, once, rule_of
from realizefs.store.check_tree import named
from realizefs.store.contexts import is_context
from realizefs.store.hashing import block_size, hash_bytes
from realizefs.store.holders import read_holder
from realizefs.store.keys import (
    inode_of,
    name_of_place,
    pack_pair,
    pack_u64,
    peer_of,
    unpack_pair,
    unpack_u64,
)
from realizefs.store.schema import (
    ATTRIBUTE,
    BLOCKS,
    CURSOR,
    DECISION,
    DIRENT,
    DIRTY,
    ENGINE_META,
    ENTRY,
    HOLDER,
    JOURNAL,
    MARK,
    REAL,
    REMOVAL,
    RETRY,
    SOUGHT,
    SUBTREE,
    WAITING,
)
from realizefs.store.tree import read_dirent
from realizefs.store.txn import Txn

_DIGEST_BYTES = 32
_TIME = "removes the note"


@dataclass(frozen=True, slots=True)
class RowRules:
    """The rules about the rows beside the tree, for one arena."""

    store: ArenaStore

    def rules(self) -> list[Rule]:
        """In no particular order."""
        return [
            self._rule("holders", HOLDER, "What a peer is said to hold", self._read_holder),
            self._rule("marks", MARK, "A mark", self._read_mark),
            self._rule("", ATTRIBUTE, "An attribute", self._read_nothing),
            self._rule("decisions", DECISION, "A decision", self._read_decision),
            rule_of("", DECISION, self.look_at_time),
            rule_of("", RETRY, self.look_at_retry),
            rule_of("", WAITING, self.look_at_waiting),
            self._rule("", DIRTY, "A note that something is to be decided", self._read_nothing),
            self._rule("", REMOVAL, "A note that a peer deleted it", self._read_nothing),
            self._rule("", SOUGHT, "A note that a content is sought", self._read_nothing),
            self._rule("", SUBTREE, "A note that a tree is to be decided", self._read_nothing),
            self._rule("real files", REAL, "The row of a real file", self._read_real),
            Rule("", once, self.look_at_counter),
            rule_of("", CURSOR, self.look_at_cursor),
            rule_of("", JOURNAL, self.look_at_event),
            rule_of("block lists", BLOCKS, self.look_at_list),
            rule_of("", DIRENT, self.look_at_blocks),
        ]

    def look_at_counter(self, txn: Txn, _key: bytes) -> Iterator[Problem]:
        """The counter of the dirty set is none of those given out before."""
        counter = txn.counter(ENGINE_META, b"dirty")
        largest = max((unpack_u64(value) for _, value in txn.scan(DIRTY)), default=0)
        if largest > counter:
            what = f"What is to be decided is counted up to {largest}, the counter is at {counter}"
            finding = Finding("dirty-counter", what, "counts on from there")
            yield Problem(
                finding, lambda txn: _count_on(txn, ENGINE_META, b"dirty", largest - counter)
            )

    def look_at_time(self, txn: Txn, key: bytes) -> Iterator[Problem]:
        """A decision stands in the table of those that wait for its time, or for a peer."""
        decision = self._decision(txn, inode_of(key))
        if decision is None:
            return
        ino = inode_of(key)
        place = pack_pair(decision.retry_at_ns, ino)
        if txn.get(*((WAITING, key) if decision.wait_for_peer else (RETRY, place))) is None:
            what = f"What is wanted of {named(self.store, txn, ino)} waits for nothing"
            finding = Finding("no-time", what, "has it tried in its time")
            yield Problem(finding, lambda txn: _set(self.store, txn, ino, decision))

    def look_at_retry(self, txn: Txn, key: bytes) -> Iterator[Problem]:
        """A time is that of a decision."""
        at, ino = unpack_pair(key) if len(key) == 16 else (0, 0)
        decision = self._decision(txn, Inode(ino))
        if decision is None or decision.wait_for_peer or decision.retry_at_ns != at:
            finding = Finding("stray-time", f"A time to act on inode {ino} is noted in vain", _TIME)
            yield Problem(finding, partial(_delete, table=RETRY, key=key))

    def look_at_waiting(self, txn: Txn, key: bytes) -> Iterator[Problem]:
        """What waits for a peer is a decision that does."""
        ino = inode_of(key)
        decision = self._decision(txn, ino)
        if decision is None or not decision.wait_for_peer:
            what = f"Inode {ino} is noted to wait for a peer in vain"
            yield Problem(
                Finding("stray-time", what, _TIME), partial(_delete, table=WAITING, key=key)
            )

    def _decision(self, txn: Txn, ino: Inode) -> Decision | None:
        try:
            return self.store.decisions.get(txn, ino)
        except StoreFault:
            return None  # its own rule removes it

    def look_at_cursor(self, txn: Txn, key: bytes) -> Iterator[Problem]:
        """A cursor is a replica and a position in its history, which in ours is one there was."""
        value = txn.get(CURSOR, key) or b""
        remove = partial(_delete, table=CURSOR, key=key)
        is_position = key[8:] in (b"<", b">", b"?", b"=") and len(value) == 24
        if len(key) != 9 or not (is_position or (key[8:] == b"!" and is_context(value))):
            finding = Finding(
                "cursor", "How far a peer's history is known can't be read", "asks from its start"
            )
            yield Problem(finding, remove)
            return
        if not is_position:
            return
        peer = peer_of(key[:8])
        last = self.store.tree.positions.last(txn)
        seq = unpack_u64(value[16:])
        if key[8:] == b">" and value[:16] == self.store.tree.replica and seq > last:
            what = f"Peer {peer:016x} is said to know change {seq} of our history of {last}"
            yield Problem(Finding("acknowledged", what, "tells it all again"), remove)

    def look_at_event(self, txn: Txn, key: bytes) -> Iterator[Problem]:
        """An event of the journal can be read, and stands before the next one's place."""
        row = txn.get(JOURNAL, key) or b""
        try:
            decode_event(row)
            if len(key) == 8 and unpack_u64(key) + len(row) <= self.store.journal.end(txn):
                return
        except StoreFault:
            pass
        finding = Finding("event", "What once happened can't be read in the journal", "forgets it")
        yield Problem(finding, partial(_delete, table=JOURNAL, key=key))

    def look_at_list(self, txn: Txn, key: bytes) -> Iterator[Problem]:
        """A block list is of at least two digests, under a digest."""
        size = len(txn.get(BLOCKS, key) or b"")
        if len(key) != _DIGEST_BYTES or size % _DIGEST_BYTES or size <= _DIGEST_BYTES:
            what = f"The block list of the content {key.hex()[:16]}… is damaged"
            yield Problem(_list_finding(what), partial(_delete, table=BLOCKS, key=key))

    def look_at_blocks(self, txn: Txn, key: bytes) -> Iterator[Problem]:
        """The block list of a version's content is the one that its block root is of."""
        try:
            dirent = read_dirent(name_of_place(key), txn.get(DIRENT, key) or b"")
            if dirent.size <= BLOCK_BYTES_MIN:
                return  # most: nothing more is read of them
            entry = self.store.tree.entry(txn, dirent.ino)
        except StoreFault:
            return
        if entry is None or not entry.version.block_root or not entry.version.hash:
            return
        version = entry.version
        blocks = self.store.blocks.get(txn, version.hash)
        if blocks is None:
            return
        wanted = -(-version.size // block_size(version.size)) * _DIGEST_BYTES
        if len(blocks) != wanted or hash_bytes(blocks) != version.block_root:
            what = (
                f"The block list of {named(self.store, txn, entry.ino)} is not that of its version"
            )
            yield Problem(_list_finding(what), partial(_delete, table=BLOCKS, key=version.hash))

    # -- rows that name an inode ---------------------------------------------------------------

    def _rule(
        self, what: str, table: str, shown: str, read: Callable[[Txn, bytes], object]
    ) -> Rule:
        look = partial(self._look, table=table, shown=shown, read=read)
        return rule_of(what, table, look)

    def _look(
        self, txn: Txn, key: bytes, table: str, shown: str, read: Callable[[Txn, bytes], object]
    ) -> Iterator[Problem]:
        ino = inode_of(key[:8])
        remove = partial(self._remove, table=table, key=key)
        if txn.get(ENTRY, pack_u64(ino)) is None:
            what = f"{shown} is about inode {ino}, which doesn't exist"
            yield Problem(Finding("about-nothing", what, "removes it"), remove)
            return
        try:
            read(txn, key)
        except StoreFault:
            what = f"{shown} can't be read, of {named(self.store, txn, ino)}"
            remedy = "removes it, and decides anew about the file"
            yield Problem(Finding("unreadable", what, remedy), remove)

    def _remove(self, txn: Txn, table: str, key: bytes) -> None:
        txn.delete(table, key)
        ino = inode_of(key[:8])
        if table not in (DIRTY, SUBTREE) and txn.get(ENTRY, pack_u64(ino)) is not None:
            self.store.dirty.mark_subtree(txn, ino)

    def _read_holder(self, txn: Txn, key: bytes) -> object:
        return read_holder(txn, key)

    def _read_mark(self, txn: Txn, key: bytes) -> object:
        return self.store.marks.get(txn, inode_of(key))

    def _read_decision(self, txn: Txn, key: bytes) -> object:
        return decode_decision(txn.get(DECISION, key) or b"")

    def _read_real(self, txn: Txn, key: bytes) -> object:
        return decode_real(txn.get(REAL, key) or b"")

    def _read_nothing(self, txn: Txn, key: bytes) -> object:
        return None


def _list_finding(what: str) -> Finding:
    return Finding("block-list", what, "forgets it; it is computed or fetched when it is needed")


def _delete(txn: Txn, table: str, key: bytes) -> None:
    txn.delete(table, key)


def _set(store: ArenaStore, txn: Txn, ino: Inode, decision: Decision) -> None:
    store.decisions.set(txn, ino, decision)


def _count_on(txn: Txn, table: str, key: bytes, by: int) -> None:
    txn.count_up(table, key, by)
