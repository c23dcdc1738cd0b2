"""What became of a content that is nowhere any more: a file here that its user changed from it.

Somebody renames a file that he hasn't got, while another, who has it and hasn't heard of that, edits it
in place: the edit keeps the old name, and what the new one is to have is nowhere. Whoever renamed a
file meant the file, edits included; so the new name gets what its content has become. That a name had
a content says nothing: another file may have taken that name. So what is edited is remembered here, by
who edited it, and no other. These are hints: bounded, and lost with the process; then the new name stays
unavailable.

And a conflict copy gets its name where its file should be; if its user has just taken that elsewhere, and
changed or deleted it before it was found there, nothing is left of it, and the name goes again (`give_up`).
"""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from realizefs.core.merge import changed, deleted
from realizefs.model.entries import Entry
from realizefs.model.ids import Digest, Inode
from realizefs.model.versions import Kind, Version
from realizefs.store.arena import ArenaStore
from realizefs.store.txn import Txn
from realizefs.sync.batch import Batch

REMEMBERED_MAX = 10_000
"""Edited contents, some 150 bytes each: of a day of work on one machine."""


@dataclass(frozen=True, slots=True)
class Successor:
    """A real file here, and the version that it is."""

    ino: Inode
    version: Version


@dataclass(slots=True)
class Edited:
    """Content → the file that was changed from it here."""

    _files: OrderedDict[Digest, Inode] = field(default_factory=OrderedDict)

    def note(self, edited: Mapping[Digest, Inode]) -> None:
        """These were."""
        for digest, ino in edited.items():
            self._files[digest] = ino
            self._files.move_to_end(digest)
        while len(self._files) > REMEMBERED_MAX:
            self._files.popitem(last=False)

    def successor(self, store: ArenaStore, txn: Txn, digest: Digest) -> Successor | None:
        """What it is now, if it is a real file here and our user's latest version."""
        ino = self._files.get(digest)
        entry = store.tree.entry(txn, ino) if ino is not None else None
        if ino is None or entry is None or not _is_here(store, txn, entry):
            return None
        return Successor(ino, entry.version)


@dataclass(slots=True)
class Named:
    """Conflict copies whose file wasn't where it was real → what they are copies of. No others: what was
    never real here is somebody else's, who may be away. Hints, too: where they are lost, a name stays
    that can't be read."""

    _copies: OrderedDict[Inode, Inode] = field(default_factory=OrderedDict)

    def note(self, named: Mapping[Inode, Inode]) -> None:
        """These were."""
        self._copies.update(named)
        while len(self._copies) > REMEMBERED_MAX:
            self._copies.popitem(last=False)

    def __contains__(self, copy: Inode) -> bool:
        return copy in self._copies

    def is_given_up(self, store: ArenaStore, txn: Txn, copy: Entry) -> bool:
        """Whether nobody, away or not, is known to have what it was to be the copy of. It is homeless,
        and no file here has its content."""
        was, digest = self._copies.get(copy.ino), copy.version.hash
        if was is None:
            return False
        blob = store.blobs.find(txn, was)
        return not store.holders.having(txn, was, digest) and (blob is None or blob.hash != digest)


def give_up(batch: Batch, copy: Entry, now_ns: int) -> None:
    """The name goes."""
    grave = deleted(copy.version, batch.dot, now_ns)
    batch.put(copy.ino, copy.parent, copy.name, grave)


def give_on(batch: Batch, entry: Entry, successor: Successor) -> None:
    """The entry has what its content became from now on."""
    became = successor.version
    value = replace(
        entry.version,
        hash=became.hash,
        block_root=became.block_root,
        size=became.size,
        mtime_ns=became.mtime_ns,
    )
    version = changed(value, batch.dot, entry.version)
    batch.put(entry.ino, entry.parent, entry.name, version)
    if version.size:
        batch.store.sought.note(batch.txn, entry.ino, version.hash)
        batch.seeks = True


def _is_here(store: ArenaStore, txn: Txn, entry: Entry) -> bool:
    """Whether an entry is a file, and its current version real here."""
    version, real = entry.version, store.real.get(txn, entry.ino)
    is_file = version.kind is Kind.FILE and not version.deleted
    return is_file and real is not None and real.hash == version.hash
