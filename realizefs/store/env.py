"""One LMDB environment: tables of bytes, transactions that are durable once committed.

Theory of operation. LMDB is a memory-mapped copy-on-write B+tree: readers see one moment and wait
for nobody; there is one writer at a time; a commit is in place after its fsync, and a crash at
any point leaves the last commit. What we add: tables by name, a schema version, scans that
tolerate changes, one exception type, and a refusal of the one deadlock there is (a thread that
writes starting a second write).

The map is sized virtually (MAP_BYTES), so the file grows by itself and memory holds only pages
in use, which the kernel may drop. Read-ahead is off: inodes and names are looked up in no order.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import lmdb

from realizefs.model.errors import DiskFull, NewerSchema, StoreFault
from realizefs.store.keys import pack_u64, unpack_u64
from realizefs.store.schema import SCHEMA, Schema

MAP_BYTES = 1 << 40
"""Bytes of address space: a terabyte of records is beyond any household, and costs nothing."""

READERS_MAX = 512
"""Read transactions open at once: each worker thread and the trio thread, with room."""

_PAGE_ROWS_FIRST = 16
_PAGE_ROWS_MAX = 512
"""Rows that a scan fetches at a time: few at first, as most callers want few."""

_ROOM_BYTES_MIN = 1 << 20
"""Bytes; a commit that failed with less than this free failed for the lack of it."""

_NAME = b"name"
_VERSION = b"version"


class Txn:
    """A view of all tables at one moment; valid inside its `with` only, in one thread.

    Keys are 1 to 511 bytes. Tables are the names of `store.schema`; another one is a KeyError.
    """

    __slots__ = ("_counters", "_tables", "_txn")

    def __init__(self, txn: "lmdb.Transaction[bytes]", tables: "dict[str, lmdb._Database]") -> None:
        self._txn = txn
        self._tables = tables
        self._counters: dict[tuple[str, bytes], int] = {}

    def get(self, table: str, key: bytes) -> bytes | None:
        """The value of a key."""
        return self._txn.get(key, db=self._tables[table])

    def put(self, table: str, key: bytes, value: bytes) -> None:
        """Insert or replace."""
        self._txn.put(key, value, db=self._tables[table])

    def append(self, table: str, key: bytes, value: bytes) -> None:
        """Insert or replace; quick, and packs pages full, if `key` is the table's largest."""
        database = self._tables[table]
        if not self._txn.put(key, value, append=True, db=database):
            self._txn.put(key, value, db=database)

    def delete(self, table: str, key: bytes) -> bool:
        """Whether there was such a key."""
        return self._txn.delete(key, db=self._tables[table])

    def scan(
        self, table: str, start: bytes = b"", prefix: bytes = b""
    ) -> Iterator[tuple[bytes, bytes]]:
        """(key, value) in ascending order, of keys that begin with `prefix`, from `start` on.

        No cursor stays open between rows: the caller may stop, or change the table, at any time.
        A row inserted or removed meanwhile is seen or not; all others are seen exactly once.
        """
        database = self._tables[table]
        at, rows = max(start, prefix), _PAGE_ROWS_FIRST
        while True:
            page = self._page(database, at, rows)
            if page and not page[-1][0].startswith(prefix):
                yield from (row for row in page if row[0].startswith(prefix))
                return
            yield from page
            if len(page) < rows:
                return
            at, rows = page[-1][0] + b"\0", min(rows * 4, _PAGE_ROWS_MAX)

    def scan_keys(self, table: str, start: bytes = b"", prefix: bytes = b"") -> Iterator[bytes]:
        """The keys of `scan`."""
        return (key for key, _ in self.scan(table, start, prefix))

    def last(self, table: str) -> tuple[bytes, bytes] | None:
        """The row with the largest key."""
        with self._txn.cursor(self._tables[table]) as cursor:
            return cursor.item() if cursor.last() else None

    def count(self, table: str) -> int:
        """Number of rows, at once."""
        return self._txn.stat(self._tables[table])["entries"]

    def counter(self, table: str, key: bytes) -> int:
        """The number (u64) at a key, 0 if there is none."""
        number = self._counters.get((table, key))
        return unpack_u64(self.get(table, key) or b"") if number is None else number

    def count_up(self, table: str, key: bytes, by: int = 1) -> int:
        """Add to a number; returns the sum.

        Written at the commit, since a batch changes the same few numbers all the time: such a
        key is read by `counter` only.
        """
        counters, place = self._counters, (table, key)
        number = counters.get(place)
        counters[place] = number = (self.counter(table, key) if number is None else number) + by
        return number

    def write_counters(self) -> None:
        """Before the commit. StoreFault for one below zero: rows that disagree with their sum."""
        for (table, key), number in self._counters.items():
            if number < 0:
                raise StoreFault(f"The database has a wrong total of {table} {key.decode()}.")
            # A peer may claim any size, and a sum of such is longer than the other numbers.
            self.put(table, key, number.to_bytes(8 if number < 1 << 64 else 16, "big"))

    def _page(self, database: "lmdb._Database", at: bytes, rows: int) -> list[tuple[bytes, bytes]]:
        with self._txn.cursor(database) as cursor:
            if not cursor.set_range(at):
                return []
            return list(islice(cursor.iternext(keys=True, values=True), rows))


class Environment:
    """The database in `directory`, made if missing; durable once a write transaction ends.

    NewerSchema if a newer program wrote it (it is left as it was), StoreFault if it is damaged
    or can't be used. One process opens it once; the arena's lock sees to that.
    """

    def __init__(self, directory: Path, schema: Schema) -> None:
        self.directory = directory
        self._shown = directory.resolve()  # it may come as /proc/self/fd/N/…
        self._write_lock = threading.Lock()
        self._writer: int | None = None
        _make(directory)
        with self._translated():
            self._lmdb = lmdb.open(
                str(directory),
                map_size=MAP_BYTES,
                max_dbs=len(schema.tables) + 1,
                max_readers=READERS_MAX,
                max_spare_txns=16,
                readahead=False,
                mode=0o600,
            )
        try:
            with self._translated():
                self._check_schema(schema)
                self._tables = self._open_tables(schema)
            _sync_directory(directory)
        except BaseException:
            self._lmdb.close()
            raise

    @contextmanager
    def read(self) -> Iterator[Txn]:
        """A transaction that sees one moment; any thread, waits for nobody."""
        with self._translated(), self._lmdb.begin() as txn:
            yield Txn(txn, self._tables)

    @contextmanager
    def write(self) -> Iterator[Txn]:
        """The one transaction that writes: committed at the end, abandoned on an exception.

        Blocks for other writers and for the disk, so it belongs in a worker thread. StoreFault
        (DiskFull) if the commit failed: nothing of it happened.
        """
        if self.writing:
            raise AssertionError("a thread that writes would wait for itself forever")
        with self._write_lock, self._translated():
            self._writer = threading.get_ident()
            try:
                with self._lmdb.begin(write=True) as raw:
                    txn = Txn(raw, self._tables)
                    yield txn
                    txn.write_counters()
            finally:
                self._writer = None

    @property
    def writing(self) -> bool:
        """Whether this very thread is inside `write`."""
        return self._writer == threading.get_ident()

    def close(self) -> None:
        """Transactions still open are abandoned; again is harmless."""
        self._lmdb.close()

    def _check_schema(self, schema: Schema) -> None:
        try:
            table = self._lmdb.open_db(SCHEMA.encode(), create=False)
        except lmdb.NotFoundError:
            return  # new
        with self._lmdb.begin(db=table) as txn:
            name, version = txn.get(_NAME), txn.get(_VERSION)
        if name != schema.name.encode() or version is None:
            raise StoreFault(f'"{self._shown}" is not the database of {schema.what}.')
        if unpack_u64(version) > schema.version:
            raise NewerSchema(
                f'The database "{self._shown}" was written by a newer RealizeFS (format '
                f"{unpack_u64(version)}, this program knows {schema.version}); update this one."
            )

    def _open_tables(self, schema: Schema) -> "dict[str, lmdb._Database]":
        with self._lmdb.begin(write=True) as txn:
            tables = {
                name: self._lmdb.open_db(name.encode(), txn=txn)
                for name in (SCHEMA, *schema.tables)
            }
            current = (schema.name.encode(), pack_u64(schema.version))
            if tuple(txn.get(key, db=tables[SCHEMA]) for key in (_NAME, _VERSION)) != current:
                txn.put(_NAME, current[0], db=tables[SCHEMA])
                txn.put(_VERSION, current[1], db=tables[SCHEMA])
        return tables

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except lmdb.Error as error:
            if isinstance(error, lmdb.DiskError) or _is_full(self.directory):
                raise DiskFull(f'The disk of the database "{self._shown}" is full.') from error
            raise StoreFault(f'The database "{self._shown}" failed: {error}.') from error


def _make(directory: Path) -> None:
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StoreFault(
            f'The directory of the database "{directory}" can\'t be made: {error.strerror}.'
        ) from error


def _is_full(directory: Path) -> bool:
    """LMDB says EIO, not ENOSPC, where the first part of a commit still had room."""
    disk = os.statvfs(directory)
    return disk.f_bavail * disk.f_frsize < _ROOM_BYTES_MIN


def _sync_directory(directory: Path) -> None:
    """A database whose files were just made is there after a power loss, too."""
    for path in (directory, directory.parent):
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
