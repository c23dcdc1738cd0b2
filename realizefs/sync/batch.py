"""One transaction on an arena, and what must be told once it is committed."""

from dataclasses import dataclass, field

from realizefs.core.causal import Context
from realizefs.core.ignore import are_patterns
from realizefs.core.telling import Note, note_of
from realizefs.model.changes import Change, ChangeKind
from realizefs.model.entries import Entry, RealRow
from realizefs.model.ids import NO_DIGEST, AuthorId, Digest, Inode, PeerId, is_by
from realizefs.model.marks import Mark
from realizefs.model.versions import Dot, Held, Kind, Version
from realizefs.store.arena import ArenaStore
from realizefs.store.txn import Txn
from realizefs.sync.pending import Place
from realizefs.sync.to_leave import ToLeave


@dataclass(slots=True)
class HeardFirst:
    """How much is added by what a peer tells who tells all that it knows: the journal has one line of it."""

    peer: PeerId
    count: int = 0


@dataclass(slots=True)
class Batch:
    """`txn` on `store`, written on behalf of peer `me`; lives in one worker thread call.

    `changes` are for the kernel's caches, `touched` are paths whose native file must be looked
    at again, `indexed` are inodes, and where they are now, which the overlay may forget. All of it
    after the commit, and so that what is sought is looked for, if it `seeks`. `in_hand` are inodes of which nothing
    is to be recorded that was seen natively, `to_leave` those that only their user takes away.
    """

    txn: Txn
    store: ArenaStore
    me: PeerId
    me_name: str
    default_mark: Mark
    changes: list[Change] = field(default_factory=list)
    touched: set[bytes] = field(default_factory=set)
    indexed: dict[Inode, Place] = field(default_factory=dict)
    alive: set[Inode] = field(default_factory=set)
    """directories that are alive in this transaction, as far as somebody looked"""
    seeks: bool = False
    edited: dict[Digest, Inode] = field(default_factory=dict)
    """contents of real files that their user has changed, and which files"""
    named: dict[Inode, Inode] = field(default_factory=dict)
    """conflict copies whose file wasn't where it was real → what they are copies of"""
    in_hand: frozenset[Inode] = frozenset()
    to_leave: ToLeave = field(default_factory=ToLeave)
    came: list[Entry] = field(default_factory=list)
    happened: list[Note] = field(default_factory=list)
    """what the journal is to tell: of which nothing was known here, and all else"""
    now_ns: int = 0
    """the time that the journal gives to it"""
    heard_first: HeardFirst | None = None
    """where a peer tells of all that it knows"""
    _seen: Context | None = None
    directories: dict[bytes, Inode] = field(default_factory=dict)
    """of a batch that moves nothing: directories found in this transaction, by path"""

    @property
    def author(self) -> AuthorId:
        """Who we are in version vectors."""
        return self.store.tree.author(self.me)

    @property
    def dot(self) -> Dot:
        """The next change that we make."""
        return self.store.tree.dot(self.txn, self.me)

    @property
    def seen(self) -> Context:
        """What has been seen here, as it was when this was asked first."""
        if self._seen is None:
            self._seen = self.store.contexts.seen(self.txn, self.author)
        return self._seen

    def is_ours(self, author: AuthorId) -> bool:
        """Whether that is us, with this database or one before."""
        return is_by(author, self.me)

    def add(
        self,
        ino: Inode,
        parent: Inode,
        name: bytes,
        version: Version,
        origin: PeerId = PeerId(0),
        *,
        real: bool = False,
    ) -> Entry:
        """`put` for an inode of which no table knows, or with `real` only index.real.

        What has just been found in the root is what its mark asks for, whichever that is: it is
        there, it is current, and nobody else is known to have it.
        """
        store, txn = self.store, self.txn
        entry = store.tree.add(txn, ino, parent, name, version, origin)
        mark, _ = store.marks.inherited(txn, parent, self.default_mark)
        if self._is_particular(name, version) or (not real and mark is not Mark.WATCH):
            store.dirty.mark(txn, ino)
        self.changes.append(Change(parent, name, ino, ChangeKind.ENTRY, _content(version)))
        if not version.vector or version.deleted:
            return entry  # made up for what is in it; nothing that anybody has seen
        if self.heard_first is None:
            self.came.append(entry)
        else:
            self.heard_first.count += 1
        return entry

    def put(
        self, ino: Inode, parent: Inode, name: bytes, version: Version, origin: PeerId = PeerId(0)
    ) -> Entry:
        """A new version of an entry: tree, history, dirty set, and what listeners should know."""
        before = self.store.tree.entry(self.txn, ino)
        self.alive.discard(ino)
        entry = self.store.tree.put(self.txn, ino, parent, name, version, origin)
        self.store.blobs.follow(self.txn, ino, None if version.deleted else version.hash)
        if self._is_particular(name, version):
            self.store.dirty.mark(self.txn, ino)
        else:
            self.mark_dirty(ino)
        self._note(before, entry)
        note = note_of(before.version if before is not None else None, version, ino, (parent, name))
        if note is not None:
            self.happened.append(note)
        return entry

    def mark_dirty(self, ino: Inode) -> None:
        """The engine is to look at it, unless it is plain that nothing is to be done.

        A watched entry that isn't real here never needs anything; there may be a million of
        them, and each would cost a decision. A mark that changes dirties what it is about itself.
        """
        store, txn = self.store, self.txn
        mark = store.marks.effective(txn, ino, self.default_mark)
        if (
            mark is not Mark.WATCH
            or store.real.get(txn, ino) is not None
            or store.decisions.get(txn, ino) is not None
            or (store.rules.any(txn) and self._is_protected(ino))
        ):
            store.dirty.mark(txn, ino)

    def _is_particular(self, name: bytes, version: Version) -> bool:
        """Whether it may be marked otherwise than its directory: what it is, or will be once it is
        older, is found out when it is decided."""
        if version.kind is not Kind.FILE:
            return False
        return are_patterns(name, version) or self.store.marks.may_be_ruled(self.txn, name)

    def _is_protected(self, ino: Inode) -> bool:
        """Whether it is kept, perhaps by a rule for the name or size that it had."""
        row = self.store.blobs.find(self.txn, ino)
        return row is not None and row.protected

    def _note(self, before: Entry | None, after: Entry) -> None:
        if before is None or before.version.deleted != after.version.deleted:
            what = ChangeKind.ENTRY
        elif before.version.content != after.version.content:
            what = ChangeKind.CONTENT
        else:
            what = ChangeKind.ATTRIBUTES
        content = _content((before if before and after.version.deleted else after).version)
        self.changes.append(Change(after.parent, after.name, after.ino, what, content))

    def became_real(self, ino: Inode, row: RealRow) -> None:
        """A job has put its content into the root. Where the entry is forgotten by now, the scanner finds a
        file of its own."""
        if self.store.tree.entry(self.txn, ino) is not None:
            self.store.real.put(self.txn, ino, row)
            self.held_changed(ino)

    def held_changed(self, ino: Inode) -> None:
        """What we hold of the current version changed: peers are told, the engine looks again. Nothing
        where a job notes what it did to an entry that is forgotten by now."""
        entry = self.store.tree.entry(self.txn, ino)
        if entry is None:
            return
        self.store.tree.touch(self.txn, ino)
        self.mark_dirty(ino)
        self.changes.append(Change(entry.parent, entry.name, ino, ChangeKind.ATTRIBUTES))

    def held(self, entry: Entry) -> Held:
        """What we hold of an entry's current version, as peers should hear it."""
        if entry.version.deleted:
            return Held.NONE
        real = self.store.real.get(self.txn, entry.ino)
        if entry.version.kind is not Kind.FILE:  # by its hash a directory is like any link
            current = real is not None and real.vector == entry.version.vector
            return Held.OWN if current else Held.NONE
        if real is not None and real.hash == entry.version.hash:
            return Held.OWN
        return Held.CACHED if self.cached(entry.ino, entry.version.hash) else Held.NONE

    def cached(self, ino: Inode, digest: Digest) -> bool:
        """Whether the cache has the complete verified content."""
        row = self.store.blobs.find(self.txn, ino)
        return row is not None and row.verified and row.hash == digest


def _content(version: Version) -> Digest:
    """What the two halves of a rename have in common; empty files are all the same."""
    return version.hash if version.size else NO_DIGEST
