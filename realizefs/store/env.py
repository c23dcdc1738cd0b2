"""One LMDB environment: tables of bytes, transactions that are durable once committed.

Theory of operation. LMDB is a memory-mapped copy-on-write B+tree: readers see one moment and wait
for nobody; there is one writer at a time; a commit is in place after its fsync, and a crash at
any point leaves the last commit. What we add: tables by name, a schema version and migrations to
it, scans that tolerate changes, one exception type, a map that grows (`store.mapsize`), and a
refusal of the one deadlock there is (a thread that writes starting a second write).

Memory holds only pages in use, which the kernel may drop. Read-ahead is off: inodes and names are
looked up in no order.
"""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import TracebackType
from typing import TypeVar

import lmdb

from realizefs.model.errors import DiskFull, MapFull, NewerSchema, OlderSchema, StoreFault
from realizefs.model.upgrade import Upgrade
from realizefs.store import dbdir
from realizefs.store.kept_copy import keep_copy
from realizefs.store.keys import pack_u64, unpack_u64
from realizefs.store.mapsize import GROW_SECONDS, MAP_BYTES, Gate, next_size
from realizefs.store.migrate import migrate
from realizefs.store.residency import Residency
from realizefs.store.schema import SCHEMA, Schema
from realizefs.store.txn import Txn

T = TypeVar("T")

_OLD_TABLES_MAX = 16
"""Tables that migrations may name beyond those of the present schema."""

_ROOM_BYTES_MIN = 1 << 20
"""Bytes; a commit that failed with less than this free failed for the lack of it."""

_NAME = b"name"
_VERSION = b"version"


class Environment:
    """The database in `directory`, made if missing; durable once a write transaction ends.

    NewerSchema if a newer program wrote it, OlderSchema if an older one did and `upgrade` refuses
    such (both leave it as it was), StoreFault if it is damaged or can't be used. One process opens it once; the arena's lock sees to that. `map_bytes` is the
    address space to begin with.
    """

    def __init__(
        self,
        directory: Path,
        schema: Schema,
        map_bytes: int = MAP_BYTES,
        upgrade: Upgrade = Upgrade.MIGRATE,
    ) -> None:
        self.directory = directory
        self._shown = directory.resolve()  # it may come as /proc/self/fd/N/…
        self._write_lock = threading.Lock()
        self._writer: int | None = None
        self._gate = Gate()
        self._map_bytes = self._used_bytes = 0
        dbdir.make(directory)
        with self._opening():
            tables_max = 1 + len(schema.tables) + _OLD_TABLES_MAX
            self._lmdb = dbdir.open_database(directory, map_bytes, tables_max)
            self._residency = Residency(directory / dbdir.DATA_FILE)
        try:
            with self._opening():
                self._measure()
                dbdir.reach_the_last_page(directory, self._used_bytes)
                version = self._version(schema)
                self._prepare(schema, version, upgrade)
                self._tables = self._retried(lambda: self._open_tables(schema, version))
                dbdir.sync(directory)
        except BaseException:
            self._lmdb.close()
            raise

    def read(self) -> AbstractContextManager[Txn]:
        """A transaction that sees one moment; any thread, waits for no other transaction."""
        return _Reading(self._lmdb, self._tables, self._gate, self._residency, self._fault)

    @contextmanager
    def write(self) -> Iterator[Txn]:
        """The one transaction that writes: committed at the end, abandoned on an exception.

        Blocks for other writers and for the disk, so it belongs in a worker thread. StoreFault
        (DiskFull) if the commit failed: nothing of it happened. What may write many megabytes
        belongs in `do`; here it may be MapFull where address space is short.
        """
        if self.writing:
            raise AssertionError("a thread that writes would wait for itself forever")
        with self._translated():
            self._make_room()
            self._gate.enter()
            try:
                with self._write_lock:
                    yield from self._transaction()
            finally:
                self._gate.leave()

    def do(self, work: Callable[[Txn], T]) -> T:
        """The result of `work` in a write transaction of any size.

        It is run again if the map was too small for it, so what it does outside the database
        must tolerate that.
        """

        def transaction() -> T:
            with self.write() as txn:
                return work(txn)

        with self._translated():
            return self._retried(transaction)

    @property
    def writing(self) -> bool:
        """Whether this very thread is inside `write`."""
        return self._writer == threading.get_ident()

    @property
    def map_bytes(self) -> int:
        """How large the map is now."""
        return self._map_bytes

    @property
    def used_bytes(self) -> int:
        """How much of it the last commit took: what the file has, free pages included."""
        return self._used_bytes

    def close(self) -> None:
        """Transactions still open are abandoned; again is harmless."""
        self._lmdb.close()

    def _transaction(self) -> Iterator[Txn]:
        self._writer = threading.get_ident()
        txn: Txn | None = None
        try:
            with self._lmdb.begin(write=True) as raw:
                txn = Txn(raw, self._tables, writable=True)
                yield txn
                txn.write_back()
        except BaseException:
            if txn is not None:
                txn.abandoned()
            raise
        else:
            self._measure()
            self._residency.note(txn.looks)
        finally:
            self._writer = None

    # -- schema -------------------------------------------------------------------------------

    def _version(self, schema: Schema) -> int:
        """The version that the tables have now; that of `schema` where there are none yet."""
        try:
            table = self._lmdb.open_db(SCHEMA.encode(), create=False)
        except lmdb.NotFoundError:
            return schema.version
        with self._lmdb.begin(db=table) as txn:
            name, version = txn.get(_NAME), unpack_u64(txn.get(_VERSION) or b"")
        if name != schema.name.encode() or version < 1:
            raise StoreFault(f'"{self._shown}" is not the database of {schema.what}.')
        if version > schema.version:
            raise NewerSchema(
                f'The database "{self._shown}" was written by a newer RealizeFS (format '
                f"{version}, this program knows {schema.version}); update this one."
            )
        return version

    def _prepare(self, schema: Schema, version: int, upgrade: Upgrade) -> None:
        """What is to be done before the steps to the present version are taken."""
        if version == schema.version or upgrade is Upgrade.MIGRATE:
            return
        if upgrade is Upgrade.REFUSE:
            raise OlderSchema(
                f'The database "{self._shown}" is of an older RealizeFS (format {version}, this '
                f"program's is {schema.version}), and the configuration says to refuse such: "
                'set `upgrade = "copy"` in config.toml, or use the older program.'
            )
        keep_copy(self._lmdb, self.directory, version)

    def _open_tables(self, schema: Schema, version: int) -> "dict[str, lmdb._Database]":
        """Make what is missing, migrate and note the version: all of it or nothing."""
        with self._lmdb.begin(write=True) as raw:
            tables = _AnyTables(self._lmdb, raw)
            txn = Txn(raw, tables, writable=True)
            present = {name: tables[name] for name in (SCHEMA, *schema.tables)}
            migrate(txn, schema.steps, version)
            for key, value in ((_NAME, schema.name.encode()), (_VERSION, pack_u64(schema.version))):
                if txn.get(SCHEMA, key) != value:
                    txn.put(SCHEMA, key, value)
            txn.write_back()
        return present

    # -- the map ------------------------------------------------------------------------------

    def _retried(self, work: Callable[[], T]) -> T:
        while True:
            tried = self._map_bytes
            try:
                return work()
            except (MapFull, lmdb.MapFullError):
                self._used_bytes = max(self._used_bytes, tried)
                self._make_room()
                if self._map_bytes == tried:
                    raise

    def _measure(self) -> None:
        """Note how full the map is. Within a transaction's time, since it looks into the map."""
        known = self._lmdb.info()
        self._map_bytes = known["map_size"]
        self._used_bytes = (known["last_pgno"] + 1) * self._lmdb.stat()["psize"]

    def _make_room(self) -> None:
        """Grow a map that is half full; see `store.mapsize` for whom that waits."""
        if self._used_bytes * 2 > self._map_bytes and next_size(self._map_bytes):
            urgent = self._used_bytes * 4 > self._map_bytes * 3
            self._gate.alone(self._grow, GROW_SECONDS if urgent else 0)

    def _grow(self) -> None:
        size = next_size(self._map_bytes)
        if size is not None and self._used_bytes * 2 > self._map_bytes:  # still, and alone now
            self._lmdb.set_mapsize(size)
            self._residency.moved()
            self._map_bytes = size

    # -- failures -----------------------------------------------------------------------------

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except lmdb.Error as error:
            raise self._fault(error) from error

    @contextmanager
    def _opening(self) -> Iterator[None]:
        try:
            with self._translated():
                yield
        except OSError as error:
            raise StoreFault(
                f'The database "{self._shown}" can\'t be opened: {error.strerror}.'
            ) from error

    def _fault(self, error: lmdb.Error) -> StoreFault:
        if isinstance(error, lmdb.MapFullError):
            return MapFull(f'There is no address space to map more of "{self._shown}".')
        if isinstance(error, lmdb.DiskError) or _is_full(self.directory):
            return DiskFull(f'The disk of the database "{self._shown}" is full.')
        said = str(error).rstrip(".")
        return StoreFault(f'The database "{self._shown}" failed: {said}.')


class _Reading:
    """`Environment.read`. A class, as it is entered for every call of the kernel."""

    __slots__ = ("_fault", "_gate", "_lmdb", "_raw", "_residency", "_tables", "_txn")

    def __init__(
        self,
        opened: lmdb.Environment,
        tables: "dict[str, lmdb._Database]",
        gate: Gate,
        residency: Residency,
        fault: Callable[[lmdb.Error], StoreFault],
    ) -> None:
        self._lmdb, self._tables = opened, tables
        self._gate, self._residency = gate, residency
        self._fault = fault

    def __enter__(self) -> Txn:
        self._gate.enter()
        try:
            self._raw = self._lmdb.begin()
        except BaseException as error:
            self._gate.leave()
            if isinstance(error, lmdb.Error):
                raise self._fault(error) from error
            raise
        self._txn = Txn(self._raw, self._tables)
        return self._txn

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._raw.abort()
            self._residency.note(self._txn.looks)
        finally:
            self._gate.leave()
        if isinstance(error, lmdb.Error):
            raise self._fault(error) from error


class _AnyTables(dict[str, "lmdb._Database"]):  # noqa: SLF001 - it has no public name
    """Tables by name, opened within a transaction when they are first asked for."""

    def __init__(self, opened: lmdb.Environment, raw: "lmdb.Transaction[bytes]") -> None:
        self._lmdb = opened
        self._raw = raw

    def __missing__(self, name: str) -> "lmdb._Database":
        self[name] = table = self._lmdb.open_db(name.encode(), txn=self._raw)
        return table


def _is_full(directory: Path) -> bool:
    """LMDB says EIO, not ENOSPC, where the first part of a commit still had room."""
    try:
        disk = os.statvfs(directory)
    except OSError:  # the directory went: whatever failed, it wasn't for want of room
        return False
    return disk.f_bavail * disk.f_frsize < _ROOM_BYTES_MIN
