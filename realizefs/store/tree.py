"""The arena's tree: entries, the names that lead to them, and the history of their changes.

Theory of operation. An entry is found by its inode; a dirent (parent inode, name) leads to it and
repeats what a listing shows. Paths are computed, so moving a directory is one dirent. Every
change gives the entry the next seq and replaces its row of history, so the history has one row an
entry. `_link` and `_unlink` are the only places that touch dirents, and keep the counts with them.

Rows of other tables about an inode are not touched here, but those of holders where they lean on
what the entry was (`keep_digests`); `ArenaStore.forget` goes over all.
"""

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from struct import Struct

from realizefs.codec.index_records import decode_entry, decode_place, encode_entry
from realizefs.model import paths
from realizefs.model.entries import Dirent, Entry
from realizefs.model.errors import NotFound, StoreFault
from realizefs.model.ids import AuthorId, Inode, PeerId, ReplicaId, Seq, author_of
from realizefs.model.limits import ROWS_BATCH_MAX
from realizefs.model.versions import Dot, Kind, Version
from realizefs.store.env import Environment
from realizefs.store.holders import keep_digests
from realizefs.store.inodes import ArenaInodes
from realizefs.store.keys import inode_of, name_of_place, pack_place, pack_u64, unpack_u64
from realizefs.store.positions import Positions
from realizefs.store.schema import DIRENT, ENTRY, HISTORY, META
from realizefs.store.txn import Txn

_NO_PARENT = Inode(0)
_DEPTH_MAX = paths.PATH_BYTES_MAX
"""Levels; names have at least one byte. Deeper is a damaged database, or a cycle."""

_DIRENT = Struct(">QBBHQq")
"""inode, kind, deleted, mode, size, mtime_ns."""
_KINDS = {int(kind): kind for kind in Kind}

_REPLICA, _NUMBER, _ROOT = b"replica", b"number", b"root"
_LIVE = {Kind.FILE: b"files", Kind.DIRECTORY: b"directories", Kind.SYMLINK: b"symlinks"}
_LIVE_BYTES = b"bytes"


@dataclass(frozen=True, slots=True)
class TreeCounts:
    """What is alive in the tree, its root left out; `bytes` are those of files."""

    files: int = 0
    directories: int = 0
    symlinks: int = 0
    bytes: int = 0


class Tree:
    """The tree of one arena; made with its root and replica id when the database is new."""

    def __init__(self, env: Environment, inodes: ArenaInodes) -> None:
        with env.read() as txn:
            root, replica = txn.get(META, _ROOT), txn.get(META, _REPLICA)
            number = txn.get(META, _NUMBER)
        if root is None or replica is None:
            root, replica = pack_u64(inodes.allocate()), os.urandom(16)
            number = os.urandom(2)
            with env.write() as txn:
                txn.put(META, _NUMBER, number)
                txn.put(META, _ROOT, root)
                txn.put(META, _REPLICA, replica)
                top = Entry(inode_of(root), _NO_PARENT, b"", Version(Kind.DIRECTORY, mode=0o755))
                txn.put(ENTRY, root, encode_entry(top))
        self.positions, self.root = Positions(), inode_of(root)
        self.replica = ReplicaId(replica)
        self._number = int.from_bytes(number, "big") if number is not None else None

    def begin_anew(self, txn: Txn) -> None:
        """Be another database, none of whose positions and counters were given away before."""
        was, number = (self.replica, self._number), os.urandom(2)
        self.replica, self._number = ReplicaId(os.urandom(16)), int.from_bytes(number, "big")
        txn.put(META, _REPLICA, self.replica)
        txn.put(META, _NUMBER, number)
        txn.if_abandoned(lambda: self._be(*was))

    def _be(self, replica: ReplicaId, number: int | None) -> None:
        self.replica, self._number = replica, number

    def author(self, me: PeerId) -> AuthorId:
        """Who a peer is in version vectors with this database."""
        return author_of(me, self._number) if self._number is not None else me

    def dot(self, txn: Txn, me: PeerId) -> Dot:
        """The next change of a peer: each has a position in the history of its database."""
        return Dot(self.author(me), self.positions.upcoming(txn))

    # -- looking -------------------------------------------------------------------------------

    def lookup(self, txn: Txn, parent: Inode, name: bytes) -> Dirent | None:
        """The dirent of a name, tombstones included."""
        value = txn.get(DIRENT, pack_place(parent, name)) if name else None
        return read_dirent(name, value) if value is not None else None

    def children(self, txn: Txn, parent: Inode, after: bytes | None = None) -> Iterator[Dirent]:
        """A directory in the order of names, from behind `after` on; tombstones included.

        The tree may be changed between two of them (see `Txn.scan`).
        """
        start = b"" if after is None else pack_place(parent, after) + b"\0"
        for key, value in txn.scan(DIRENT, start, prefix=pack_u64(parent)):
            yield read_dirent(name_of_place(key), value)

    def entry(self, txn: Txn, ino: Inode) -> Entry | None:
        """The entry of an inode."""
        data = txn.get(ENTRY, pack_u64(ino))
        return None if data is None else decode_entry(ino, data)

    def entry_at(self, txn: Txn, path: bytes) -> Entry | None:
        """The entry of a path."""
        ino = self.resolve(txn, path)
        return None if ino is None else self.entry(txn, ino)

    def resolve(self, txn: Txn, path: bytes) -> Inode | None:
        """The inode of a path, tombstones included; the root's for b""."""
        at = self.root
        for name in paths.components(path):
            dirent = self.lookup(txn, at, name)
            if dirent is None:
                return None
            at = dirent.ino
        return at

    def parent(self, txn: Txn, ino: Inode) -> Inode | None:
        """The directory that an entry is in; None for the root and for what has no place."""
        data = txn.get(ENTRY, pack_u64(ino))
        return (decode_place(data)[0] or None) if data is not None else None

    def place(self, txn: Txn, ino: Inode) -> tuple[Inode, bytes] | None:
        """(parent, name) of an entry; None for the root and for what has no place."""
        data = txn.get(ENTRY, pack_u64(ino))
        parent, name, _ = decode_place(data) if data is not None else (_NO_PARENT, b"", Seq(0))
        return (parent, name) if parent != _NO_PARENT else None

    def path(self, txn: Txn, ino: Inode) -> bytes | None:
        """The path of an entry; None if there is none or it has no place."""
        names: list[bytes] = []
        at = ino
        while at != self.root:
            data = txn.get(ENTRY, pack_u64(at))
            if data is None:
                return None
            at, name, _ = decode_place(data)
            if at == _NO_PARENT:
                return None
            names.append(name)
            if len(names) > _DEPTH_MAX:
                raise StoreFault(f"The database has a cycle of directories at inode {ino}.")
        return b"/".join(reversed(names))

    # -- changing ------------------------------------------------------------------------------

    def put(
        self,
        txn: Txn,
        ino: Inode,
        parent: Inode,
        name: bytes,
        version: Version,
        origin: PeerId = PeerId(0),
    ) -> Entry:
        """Insert or replace the entry of an inode at a place, as the latest change.

        If the inode had another place it leaves that. If the place belonged to another inode,
        that one loses it and has none until it is moved. The root's entry can be replaced (at
        parent 0, without a name); it is nobody else's business and gets no seq.
        """
        key = pack_u64(ino)
        old = txn.get(ENTRY, key)
        if ino == self.root:
            entry = Entry(ino, _NO_PARENT, b"", version)
            txn.put(ENTRY, key, encode_entry(entry))
            return entry
        if old is not None:
            was = decode_entry(ino, old)
            txn.delete(HISTORY, pack_u64(was.seq))
            if (was.parent, was.name) != (parent, name):
                self._unlink(txn, was.parent, was.name)
            keep_digests(txn, ino, was.version.hash, version.hash)
        entry = Entry(ino, parent, name, version, origin, self._next_seq(txn, key))
        txn.put(ENTRY, key, encode_entry(entry))
        self._link(txn, entry)
        return entry

    def add(
        self,
        txn: Txn,
        ino: Inode,
        parent: Inode,
        name: bytes,
        version: Version,
        origin: PeerId = PeerId(0),
    ) -> Entry:
        """`put` where the inode is known to have no entry and the place no dirent."""
        if not name or parent == _NO_PARENT:
            raise AssertionError("an entry needs a name in a directory")
        key = pack_u64(ino)
        entry = Entry(ino, parent, name, version, origin, self._next_seq(txn, key))
        txn.put(ENTRY, key, encode_entry(entry))
        txn.put(DIRENT, pack_place(parent, name), dirent_value(entry))
        _count(txn, version, 1)
        return entry

    def touch(self, txn: Txn, ino: Inode) -> None:
        """Tell peers of this path again: what we hold of it changed. NotFound without an entry."""
        entry = self._entry(txn, ino)
        if ino == self.root:
            return  # what we hold of the root is nobody else's business
        txn.delete(HISTORY, pack_u64(entry.seq))
        key = pack_u64(ino)
        entry = replace(entry, origin=PeerId(0), seq=self._next_seq(txn, key))
        txn.put(ENTRY, key, encode_entry(entry))

    def move(self, txn: Txn, ino: Inode, new_parent: Inode, new_name: bytes) -> None:
        """Relink an entry, with all that is below it; no history, the caller puts.

        The old dirent is gone; another inode at the new place loses it. NotFound without an
        entry. The caller makes sure that a directory doesn't end below itself.
        """
        entry = self._entry(txn, ino)
        if ino == self.root:
            raise AssertionError("the root of an arena has no name")
        if (entry.parent, entry.name) != (new_parent, new_name):
            self._unlink(txn, entry.parent, entry.name)
        entry = replace(entry, parent=new_parent, name=new_name)
        txn.put(ENTRY, pack_u64(ino), encode_entry(entry))
        self._link(txn, entry)

    def forget(self, txn: Txn, ino: Inode) -> None:
        """Remove an entry, its dirent and its history; nothing if there is none.

        The caller makes sure that nothing is below it. The root stays.
        """
        key = pack_u64(ino)
        data = txn.get(ENTRY, key)
        if data is None or ino == self.root:
            return
        parent, name, seq = decode_place(data)
        self._unlink(txn, parent, name)
        txn.delete(HISTORY, pack_u64(seq))
        txn.delete(ENTRY, key)

    # -- history and counts --------------------------------------------------------------------

    def history(self, txn: Txn, after: Seq, limit: int = ROWS_BATCH_MAX) -> list[tuple[Seq, Inode]]:
        """Up to `limit` changes after `after`, oldest first; each entry has its latest only."""
        rows: list[tuple[Seq, Inode]] = []
        for key, value in txn.scan(HISTORY, start=pack_u64(after + 1)):
            if len(rows) >= limit:
                break
            rows.append((Seq(unpack_u64(key)), inode_of(value)))
        return rows

    def named(self, txn: Txn, part: bytes) -> Iterator[Inode]:
        """Everything alive with `part` in its name; goes over all names."""
        for key, value in txn.scan(DIRENT):
            name = name_of_place(key)
            if part in name:
                dirent = read_dirent(name, value)
                if not dirent.deleted:
                    yield dirent.ino

    def counts(self, txn: Txn) -> TreeCounts:
        """How many live files, directories, symlinks and bytes; at once."""
        return TreeCounts(*(txn.counter(META, key) for key in (*_LIVE.values(), _LIVE_BYTES)))

    # -- within --------------------------------------------------------------------------------

    def _entry(self, txn: Txn, ino: Inode) -> Entry:
        entry = self.entry(txn, ino)
        if entry is None:
            raise NotFound(f"Inode {ino} has no entry in this arena.")
        return entry

    def _next_seq(self, txn: Txn, ino_key: bytes) -> Seq:
        seq = self.positions.next(txn)
        txn.put(HISTORY, pack_u64(seq), ino_key)
        return seq

    def _link(self, txn: Txn, entry: Entry) -> None:
        """Make, or bring up to date, the dirent of an entry."""
        if not entry.name or entry.parent == _NO_PARENT:
            raise AssertionError("an entry needs a name in a directory")
        key = pack_place(entry.parent, entry.name)
        value = dirent_value(entry)
        before = txn.get(DIRENT, key)
        if before == value:
            return
        if before is not None and before[:8] != value[:8]:
            self._displace(txn, inode_of(before[:8]))
        txn.put(DIRENT, key, value)
        recount(txn, before, value)

    def _unlink(self, txn: Txn, parent: Inode, name: bytes) -> None:
        if parent == _NO_PARENT:
            return  # has no place just now
        key = pack_place(parent, name)
        before = txn.get(DIRENT, key)
        if before is None:
            raise StoreFault("The database has an entry without a name.")
        txn.delete(DIRENT, key)
        recount(txn, before, None)

    def _displace(self, txn: Txn, ino: Inode) -> None:
        """Another entry takes the name of this one; the dirent is overwritten by the caller."""
        entry = replace(self._entry(txn, ino), parent=_NO_PARENT, name=b"")
        txn.put(ENTRY, pack_u64(ino), encode_entry(entry))


def dirent_value(entry: Entry) -> bytes:
    """What the dirent of an entry says."""
    version = entry.version
    return _DIRENT.pack(
        entry.ino,
        version.kind,
        version.deleted,
        version.mode,
        version.size,
        version.mtime_ns,
    )


def read_dirent(name: bytes, value: bytes) -> Dirent:
    """The dirent in a row; StoreFault if it is damaged."""
    try:
        ino, kind, deleted, mode, size, mtime_ns = _DIRENT.unpack(value)
        return Dirent(name, ino, _KINDS[kind], bool(deleted), mode, size, mtime_ns)
    except (struct.error, KeyError) as error:
        raise StoreFault("The database has a damaged directory entry.") from error


def recount(txn: Txn, before: bytes | None, after: bytes | None) -> None:
    """Correct the counts for a dirent that was `before` and is `after`."""
    for value, sign in ((before, -1), (after, 1)):
        if value is not None:
            _count(txn, read_dirent(b"", value), sign)


def _count(txn: Txn, one: Dirent | Version, sign: int) -> None:
    if not one.deleted:
        txn.count_up(META, _LIVE[one.kind], sign)
        if one.kind is Kind.FILE:
            txn.count_up(META, _LIVE_BYTES, sign * one.size)
