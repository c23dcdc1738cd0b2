"""The index and its peers, as `bench_store` fills and asks them: the same entries everywhere."""

import os
import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lmdb
from blake3 import blake3

from realizefs.model.entries import RealRow
from realizefs.model.ids import NO_DIGEST, ArenaId, Digest, Inode, PeerId
from realizefs.model.versions import Kind, Version
from realizefs.store.env import Environment
from realizefs.store.fingerprint import fingerprint_of
from realizefs.store.inodes import ArenaInodes, InodeAllocator
from realizefs.store.keys import pack_place, pack_u64
from realizefs.store.real import RealIndex
from realizefs.store.schema import ARENA_SCHEMA, DIRENT, ENTRY, GLOBAL_SCHEMA, HISTORY
from realizefs.store.tree import Tree
from realizefs.store.txn import Txn

FOLDER = 50
"""Files of a directory."""
AUTHOR = PeerId(2**63 + 12345)
"""bytes of the peer id like those of real ones"""


def folder_name(number: int) -> bytes:
    """Of the folder that begins with this file; in the order of numbers."""
    return b"directory_%07d" % number


def file_name(number: int) -> bytes:
    """A name as cameras give it."""
    return b"photograph_%07d.jpeg" % number


def version(number: int, kind: Kind = Kind.FILE) -> Version:
    """Of a file as a peer told it; a digest is random bytes."""
    return Version(
        kind=kind,
        hash=Digest(os.urandom(32)) if kind is Kind.FILE else Digest(b""),
        size=12345 + number,
        mode=0o644,
        mtime_ns=1_700_000_000_123_456_789 + 1_000_003 * number,
        vector=((AUTHOR, 1),),
        author=AUTHOR,
    )


class Index:
    """The index of one arena as the daemon uses it."""

    def __init__(self, home: Path, database: Path, arena: ArenaId) -> None:
        self._global = Environment(home, GLOBAL_SCHEMA)
        self._env = Environment(database, ARENA_SCHEMA)
        self._inodes = ArenaInodes(self._env, InodeAllocator(self._global), arena)
        self._tree = Tree(self._env, self._inodes)
        self._real = RealIndex()

    def insert(self, numbers: range) -> None:
        """One transaction of files, those of a folder together."""
        tree = self._tree
        self._inodes.ensure(2 * len(numbers))
        with self._env.write() as txn:
            for number in numbers:
                if number % FOLDER == 0:
                    folder = self._inodes.allocate()
                    name = folder_name(number)
                    tree.add(txn, folder, tree.root, name, version(number, Kind.DIRECTORY))
                ino = self._inodes.allocate()
                tree.add(txn, ino, folder, file_name(number), version(number), AUTHOR)

    def insert_real(self, numbers: range, root: Path) -> None:
        """One transaction of empty files that are made below `root`."""
        self._inodes.ensure(2 * len(numbers))
        with self._env.write() as txn:
            for number in numbers:
                if number % FOLDER == 0:
                    place = root / os.fsdecode(folder_name(number))
                    place.mkdir()
                    folder = self._found(txn, self._tree.root, place)
                file = place / os.fsdecode(file_name(number))
                file.touch()
                self._found(txn, folder, file)

    def _found(self, txn: Txn, parent: Inode, path: Path) -> Inode:
        """What a scan makes of something new."""
        ino, fingerprint = self._inodes.allocate(), fingerprint_of(path.lstat())
        is_file = stat.S_ISREG(fingerprint.mode)
        found = Version(
            Kind.FILE if is_file else Kind.DIRECTORY,
            Digest(blake3(b"").digest()) if is_file else NO_DIGEST,
            mtime_ns=fingerprint.mtime_ns,
            mode=stat.S_IMODE(fingerprint.mode),
            vector=((AUTHOR, 1),),
            author=AUTHOR,
        )
        self._tree.add(txn, ino, parent, os.fsencode(path.name), found)
        self._real.add(txn, ino, RealRow(fingerprint, found.hash, found.vector))
        return ino

    def folders(self) -> list[int]:
        """What identifies each folder, in order."""
        with self._env.read() as txn:
            return [child.ino for child in self._tree.children(txn, self._tree.root)]

    def by_name(self, places: list[tuple[int, bytes]]) -> list[int]:
        """The inodes of names; a transaction for each, as each stat has its own."""
        found = []
        for folder, name in places:
            with self._env.read() as txn:
                dirent = self._tree.lookup(txn, Inode(folder), name)
            found.append(dirent.ino if dirent is not None else 0)
        return found

    def by_name_together(self, places: list[tuple[int, bytes]]) -> list[int]:
        """In one transaction, as readdirplus does it."""
        with self._env.read() as txn:
            found = [self._tree.lookup(txn, Inode(folder), name) for folder, name in places]
        return [dirent.ino if dirent is not None else 0 for dirent in found]

    def by_inode(self, inodes: list[int]) -> int:
        """Reads whole entries, in one transaction; how many there are."""
        with self._env.read() as txn:
            return sum(self._tree.entry(txn, Inode(ino)) is not None for ino in inodes)

    def list_all(self, folders: list[int]) -> int:
        """Lists every folder; how many names there are."""
        listed = 0
        for folder in folders:
            with self._env.read() as txn:
                listed += sum(1 for _ in self._tree.children(txn, Inode(folder)))
        return listed

    def close(self) -> None:
        """The files stay."""
        self._env.close()
        self._global.close()


class Ours(Index):
    """One of its own."""

    name = "realizefs"

    def __init__(self, directory: Path) -> None:
        arena = ArenaId(b"an arena's bytes")
        super().__init__(directory / "home", directory / "arena", arena)


ENTRY_TABLE = """CREATE TABLE IF NOT EXISTS entry (
    ino INTEGER PRIMARY KEY, parent INTEGER, name BLOB, seq INTEGER UNIQUE, origin BLOB,
    kind INTEGER, deleted INTEGER, mode INTEGER, size INTEGER, mtime_ns INTEGER, hash BLOB,
    author BLOB, vector BLOB)"""
DIRENT_TABLE = """CREATE TABLE IF NOT EXISTS dirent (
    parent INTEGER, name BLOB, ino INTEGER, kind INTEGER, deleted INTEGER, mode INTEGER,
    size INTEGER, mtime_ns INTEGER, PRIMARY KEY (parent, name)) WITHOUT ROWID"""


class SQLite:
    """Two tables, as comparable as they can be."""

    name = "sqlite3"

    def __init__(self, directory: Path) -> None:
        self._database = sqlite3.connect(directory / "index.sqlite", isolation_level=None)
        for line in (
            "PRAGMA journal_mode = WAL",
            "PRAGMA synchronous = FULL",
            "PRAGMA cache_size = -65536",
            ENTRY_TABLE,
            DIRENT_TABLE,
        ):
            self._database.execute(line)
        self._next = 2

    def insert(self, numbers: range) -> None:
        """One transaction of files, those of a folder together."""
        entries: list[tuple[Any, ...]] = []
        dirents: list[tuple[Any, ...]] = []
        for number in numbers:
            if number % FOLDER == 0:
                self._folder = self._row(entries, dirents, 1, number, Kind.DIRECTORY)
            self._row(entries, dirents, self._folder, number, Kind.FILE)
        self._database.execute("BEGIN")
        self._database.executemany(f"INSERT INTO entry VALUES ({'?,' * 12}?)", entries)
        self._database.executemany(f"INSERT INTO dirent VALUES ({'?,' * 7}?)", dirents)
        self._database.execute("COMMIT")

    def _row(
        self,
        entries: list[tuple[Any, ...]],
        dirents: list[tuple[Any, ...]],
        parent: int,
        number: int,
        kind: Kind,
    ) -> int:
        ino, self._next = self._next, self._next + 1
        is_ = version(number, kind)
        name = file_name(number) if kind is Kind.FILE else folder_name(number)
        author = pack_u64(AUTHOR)
        shown = (int(kind), 0, is_.mode, is_.size, is_.mtime_ns)
        vector = author + pack_u64(1)
        entries.append((ino, parent, name, ino, author, *shown, is_.hash, author, vector))
        dirents.append((parent, name, ino, *shown))
        return ino

    def folders(self) -> list[int]:
        """What identifies each folder, in order."""
        found = self._database.execute("SELECT ino FROM dirent WHERE parent = 1 ORDER BY name")
        return [ino for (ino,) in found]

    def by_name(self, places: list[tuple[int, bytes]]) -> list[int]:
        """The inodes of names; outside of a transaction each has its own."""
        query = "SELECT ino, kind, deleted, mode, size, mtime_ns FROM dirent WHERE parent = ? AND name = ?"
        return [self._database.execute(query, place).fetchone()[0] for place in places]

    def by_name_together(self, places: list[tuple[int, bytes]]) -> list[int]:
        """In one transaction."""
        self._database.execute("BEGIN")
        found = self.by_name(places)
        self._database.execute("COMMIT")
        return found

    def by_inode(self, inodes: list[int]) -> int:
        """Reads whole rows, in one transaction; how many there are."""
        self._database.execute("BEGIN")
        query = "SELECT * FROM entry WHERE ino = ?"
        found = sum(self._database.execute(query, (ino,)).fetchone() is not None for ino in inodes)
        self._database.execute("COMMIT")
        return found

    def list_all(self, folders: list[int]) -> int:
        """Lists every folder; how many names there are."""
        query = "SELECT * FROM dirent WHERE parent = ? ORDER BY name"
        return sum(len(self._database.execute(query, (one,)).fetchall()) for one in folders)

    def close(self) -> None:
        """The files stay."""
        self._database.close()


class Ceiling:
    """LMDB alone: rows of the same bytes in the same tables, no thought in between."""

    name = "raw LMDB"

    def __init__(self, directory: Path) -> None:
        self._lmdb = lmdb.open(str(directory / "raw"), map_size=1 << 40, max_dbs=3, readahead=False)
        self._entry, self._dirent, self._history = (
            self._lmdb.open_db(name.encode()) for name in (ENTRY, DIRENT, HISTORY)
        )
        self._next = 2
        self._record = os.urandom(141)
        self._shown = os.urandom(20)

    def insert(self, numbers: range) -> None:
        """One transaction of files, those of a folder together."""
        with self._lmdb.begin(write=True) as txn:
            for number in numbers:
                if number % FOLDER == 0:
                    self._folder = self._row(txn, 1, folder_name(number))
                self._row(txn, self._folder, file_name(number))

    def _row(self, txn: "lmdb.Transaction[bytes]", parent: int, name: bytes) -> int:
        ino, self._next = self._next, self._next + 1
        key = pack_u64(ino)
        txn.put(key, self._record, True, True, True, self._entry)
        txn.put(key, key, True, True, True, self._history)
        place = pack_place(Inode(parent), name)
        txn.put(place, key + self._shown, True, True, False, self._dirent)
        return ino

    def folders(self) -> list[int]:
        """What identifies each folder, in order."""
        with self._lmdb.begin() as txn, txn.cursor(self._dirent) as cursor:
            cursor.set_range(pack_u64(1))
            rows = ((key, value[:8]) for key, value in cursor)
            return [int.from_bytes(ino, "big") for key, ino in rows if key[:8] == pack_u64(1)]

    def by_name(self, places: list[tuple[int, bytes]]) -> list[int]:
        """The inodes of names, in a transaction each."""
        found = []
        for folder, name in places:
            with self._lmdb.begin() as txn:
                value = txn.get(pack_place(Inode(folder), name), None, self._dirent)
            found.append(int.from_bytes(value[:8], "big") if value is not None else 0)
        return found

    def by_name_together(self, places: list[tuple[int, bytes]]) -> list[int]:
        """In one transaction."""
        with self._lmdb.begin() as txn:
            keys = [pack_place(Inode(folder), name) for folder, name in places]
            values = [txn.get(key, b"", self._dirent) for key in keys]
        return [int.from_bytes(value[:8], "big") for value in values]

    def by_inode(self, inodes: list[int]) -> int:
        """Reads records, in one transaction; how many there are."""
        with self._lmdb.begin() as txn:
            return sum(txn.get(pack_u64(ino), None, self._entry) is not None for ino in inodes)

    def list_all(self, folders: list[int]) -> int:
        """Every row of the table of names, but those of the folders themselves."""
        with self._lmdb.begin() as txn, txn.cursor(self._dirent) as cursor:
            return sum(1 for _ in cursor) - len(folders)

    def close(self) -> None:
        """The files stay."""
        self._lmdb.close()


Store = Ours | SQLite | Ceiling
STORES: dict[str, Callable[[Path], Store]] = {
    store.name: store for store in (Ours, SQLite, Ceiling)
}
