"""Repairs of the tree, each within the transaction that it is given.

Nothing of a content is lost by them. What can't be reached any more and of which something is
here gets a name in the arena root; of the rest the metadata is forgotten, and peers are asked for
their history from its beginning, which brings it back to where it belongs.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace

from realizefs.codec.index_records import encode_entry
from realizefs.core.merge import added, changed
from realizefs.model.entries import Entry, RealRow
from realizefs.model.errors import StoreFault
from realizefs.model.ids import NO_DIGEST, Inode, PeerId, Seq
from realizefs.model.versions import SYNCED_MODE, Kind, Version
from realizefs.store.arena import ArenaStore
from realizefs.store.hashing import hash_bytes
from realizefs.store.holders import keep_digests
from realizefs.store.keys import inode_of, name_of_place, pack_place, pack_u64, unpack_u64
from realizefs.store.schema import CURSOR, DIRENT, ENTRY, HISTORY, META
from realizefs.store.tree import dirent_value, read_dirent, recount
from realizefs.store.txn import Txn

_KINDS = {0o100000: Kind.FILE, 0o040000: Kind.DIRECTORY, 0o120000: Kind.SYMLINK}
_SEQ = b"seq"

FORGETS = "forgets it, and asks the peers for what they know"


@dataclass(frozen=True, slots=True)
class TreeRepair:
    """Of one arena, on behalf of peer `me`."""

    store: ArenaStore
    me: PeerId

    def count_seq_on(self, txn: Txn, last: int) -> None:
        """New changes come after `last`, as another author's: who knows how many there were."""
        txn.count_up(META, _SEQ, last - txn.counter(META, _SEQ))
        self.store.contexts.reset(txn)
        self.store.tree.begin_anew(txn)

    def remove_name(self, txn: Txn, key: bytes) -> None:
        """A dirent that leads nowhere, or is damaged."""
        before = txn.get(DIRENT, key)
        txn.delete(DIRENT, key)
        if before is not None and _is_readable(name_of_place(key), before):
            recount(txn, before, None)

    def remove_change(self, txn: Txn, key: bytes) -> None:
        """A row of history that is no entry's latest change."""
        txn.delete(HISTORY, key)

    def write_name(self, txn: Txn, ino: Inode) -> None:
        """The dirent of an entry whose place is its own."""
        entry = self.store.tree.entry(txn, ino)
        if entry is not None:
            self._link(txn, entry)

    def renew(self, txn: Txn, ino: Inode) -> None:
        """A row of history for an entry, as of a change just now."""
        entry = self.store.tree.entry(txn, ino)
        if entry is not None:
            self._put(txn, entry)

    def renew_root(self, txn: Txn) -> None:
        """The root's entry as it was made with the database."""
        root = self.store.tree.root
        entry = Entry(root, Inode(0), b"", Version(Kind.DIRECTORY, mode=0o755))
        txn.put(ENTRY, pack_u64(root), encode_entry(entry))

    def revive(self, txn: Txn, ino: Inode) -> None:
        """A directory, since something is alive in it; peers hear of it (DESIGN 5.1)."""
        entry = self.store.tree.entry(txn, ino)
        if entry is not None:
            was = entry.version
            again = Version(Kind.DIRECTORY, mode=0o755, mtime_ns=was.mtime_ns)
            keep_digests(txn, ino, was.hash, again.hash)
            self._put(
                txn, replace(entry, version=added(again, self.store.tree.dot(txn, self.me), was))
            )
            self.store.dirty.mark(txn, ino)

    # -- what has lost its place -----------------------------------------------------------------

    def plan(self, txn: Txn, entry: Entry) -> str:
        """What `place` will do, for the sentence."""
        if self._is_worth_a_name(txn, entry):
            return f'calls it "{self._new_name(txn, entry.ino).decode()}" in the arena root'
        return FORGETS

    def place(self, txn: Txn, ino: Inode) -> None:
        """A name in the root if something of it is here; else it is forgotten."""
        entry = self.store.tree.entry(txn, ino)
        if entry is None:
            return
        if not self._is_worth_a_name(txn, entry):
            self._forget(txn, entry)
            return
        key = pack_place(entry.parent, entry.name)
        if (txn.get(DIRENT, key) or b"")[:8] == pack_u64(ino):
            self.remove_name(txn, key)
        root, name = self.store.tree.root, self._new_name(txn, ino)
        self._put(txn, replace(entry, parent=root, name=name))
        self.store.dirty.mark(txn, ino)

    def _is_worth_a_name(self, txn: Txn, entry: Entry) -> bool:
        """Whether there is something below it, or bytes of it in the cache. (A real file isn't
        a reason: it has its name in the root, and is indexed by it.)"""
        if next(txn.scan(DIRENT, prefix=pack_u64(entry.ino)), None) is not None:
            return True
        row = self.store.blobs.find(txn, entry.ino)
        return row is not None and bool(row.ranges) and not entry.version.deleted

    def _new_name(self, txn: Txn, ino: Inode) -> bytes:
        root = self.store.tree.root
        for name in _recovered_names(ino):
            value = txn.get(DIRENT, pack_place(root, name))
            if value is None or value[:8] == pack_u64(ino):
                return name
        raise AssertionError("there is always one more name")

    def _forget(self, txn: Txn, entry: Entry) -> None:
        txn.delete(ENTRY, pack_u64(entry.ino))
        if txn.get(HISTORY, pack_u64(entry.seq)) == pack_u64(entry.ino):
            txn.delete(HISTORY, pack_u64(entry.seq))
        self._ask_again(txn)

    def _ask_again(self, txn: Txn) -> None:
        """Peers tell their whole history at their next connection."""
        for key in list(txn.scan_keys(CURSOR)):
            if key.endswith((b"<", b"?")):
                txn.delete(CURSOR, key)
        self.store.contexts.reset(txn)

    # -- what can't be read ------------------------------------------------------------------------

    def plan_rebuild(self, txn: Txn, ino: Inode) -> str:
        """What `rebuild` will do, for the sentence."""
        if ino == self.store.tree.root or self._rebuilt(txn, ino) is not None:
            return "makes it anew from what else is known of it"
        return FORGETS

    def rebuild(self, txn: Txn, ino: Inode) -> None:
        """The entry from its dirent and its real file; or none."""
        if ino == self.store.tree.root:
            self.renew_root(txn)
            return
        entry = self._rebuilt(txn, ino)
        txn.delete(ENTRY, pack_u64(ino))
        self.store.holders.forget(
            txn, ino
        )  # of which version nobody knows (R1); peers say it again
        self._ask_again(txn)
        if entry is not None:
            self._put(txn, self._counted(txn, entry))
            self.store.dirty.mark(txn, ino)

    def _counted(self, txn: Txn, entry: Entry) -> Entry:
        """As a change of ours where none of its changes was."""
        version = entry.version
        if not version.author or any(one == version.author for one, _ in version.vector):
            return entry
        over = replace(version, author=PeerId(0))
        return replace(entry, version=changed(version, self.store.tree.dot(txn, self.me), over))

    def _rebuilt(self, txn: Txn, ino: Inode) -> Entry | None:
        key = next((k for k, value in txn.scan(DIRENT) if value[:8] == pack_u64(ino)), None)
        if key is None or not _is_readable(name_of_place(key), txn.get(DIRENT, key) or b""):
            return None
        dirent = read_dirent(name_of_place(key), txn.get(DIRENT, key) or b"")
        at = (inode_of(key[:8]), dirent.name)
        if dirent.kind is Kind.DIRECTORY and not dirent.deleted:
            version = Version(Kind.DIRECTORY, mode=dirent.mode, mtime_ns=dirent.mtime_ns)
            return Entry(ino, *at, version)
        real = self._real(txn, ino)
        version_here = None if real is None else self._version(txn, real, at)
        return None if version_here is None else Entry(ino, *at, version_here)

    def _real(self, txn: Txn, ino: Inode) -> RealRow | None:
        try:
            return self.store.real.get(txn, ino)
        except StoreFault:
            return None

    def _version(self, txn: Txn, real: RealRow, at: tuple[Inode, bytes]) -> Version | None:
        """The version that a real file was when it was indexed."""
        seen = real.fingerprint
        kind = _KINDS.get(seen.mode & 0o170000)
        if kind is Kind.FILE and real.hash:
            blocks = self.store.blocks.get(txn, real.hash)
            root = hash_bytes(blocks) if blocks else NO_DIGEST
            mode = seen.mode & SYNCED_MODE
            version = Version(kind, real.hash, root, seen.size, seen.mtime_ns, mode)
        elif kind is Kind.SYMLINK:
            path = self.store.tree.path(txn, at[0])
            if path is None:
                return None
            try:
                target = self.store.root.readlink(os.path.join(path, at[1]))
            except OSError:
                return None
            version = Version(kind, size=len(target), mtime_ns=seen.mtime_ns, mode=0o777)
            version = replace(version, target=target)
        else:
            return None
        return replace(version, vector=real.vector, author=self.store.tree.author(self.me))

    # -- rows --------------------------------------------------------------------------------------

    def _put(self, txn: Txn, entry: Entry) -> None:
        """The entry with its name, as the latest change; nobody else's rows are touched."""
        key = pack_u64(entry.ino)
        if entry.seq and txn.get(HISTORY, pack_u64(entry.seq)) == key:
            txn.delete(HISTORY, pack_u64(entry.seq))
        last = txn.last(HISTORY)
        behind = unpack_u64(last[0]) - txn.counter(META, _SEQ) if last else 0
        seq = Seq(txn.count_up(META, _SEQ, 1 + max(behind, 0)))
        txn.put(HISTORY, pack_u64(seq), key)
        entry = replace(entry, seq=seq, origin=PeerId(0))
        txn.put(ENTRY, key, encode_entry(entry))
        self._link(txn, entry)

    def _link(self, txn: Txn, entry: Entry) -> None:
        key, value = pack_place(entry.parent, entry.name), dirent_value(entry)
        before = txn.get(DIRENT, key)
        if before is not None and not _is_readable(entry.name, before):
            before = None
        txn.put(DIRENT, key, value)
        recount(txn, before, value)


def _is_readable(name: bytes, value: bytes) -> bool:
    try:
        read_dirent(name, value)
    except StoreFault:
        return False
    return True


def _recovered_names(ino: Inode) -> Iterator[bytes]:
    """Endless."""
    yield b"recovered %d" % ino
    attempt = 2
    while True:
        yield b"recovered %d (%d)" % (ino, attempt)
        attempt += 1
