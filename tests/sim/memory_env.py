"""A database in memory: what `store.env` promises, without LMDB, disk or threads.

Tables outlive the environment that writes them, as files outlive a process: `Tables` is the disk.
A commit is an effect of its process (see `process`): it happens as a whole or, where the process
ends first, not at all.
"""

from bisect import bisect_left, insort
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy
from pathlib import Path
from typing import TypeVar

from realizefs.model.errors import StoreFault
from realizefs.store.env import Environment
from realizefs.store.txn import Txn
from tests.sim.process import effect

T = TypeVar("T")


class Table:
    """Rows of bytes and their keys in order."""

    __slots__ = ("keys", "rows")

    def __init__(self) -> None:
        self.rows: dict[bytes, bytes] = {}
        self.keys: list[bytes] = []

    def put(self, key: bytes, value: bytes) -> bytes | None:
        before = self.rows.get(key)
        if before is None:
            insort(self.keys, key)
        self.rows[key] = value
        return before

    def delete(self, key: bytes) -> bytes | None:
        before = self.rows.pop(key, None)
        if before is not None:
            del self.keys[bisect_left(self.keys, key)]
        return before

    def __copy__(self) -> "Table":
        other = Table()
        other.rows, other.keys = dict(self.rows), list(self.keys)
        return other


class Tables(dict[str, Table]):
    """All tables of one database, made when they are first asked for."""

    def __missing__(self, name: str) -> Table:
        self[name] = table = Table()
        return table

    def backup(self) -> "Tables":
        return Tables({name: copy(table) for name, table in self.items()})


class MemoryTxn(Txn):
    """`Txn` on tables in memory; what it changed is put back if nothing comes of it."""

    __slots__ = ("_before", "_rows")

    def __init__(self, tables: Tables, *, writable: bool) -> None:
        self._rows = tables
        self._writable = writable
        self._before: list[tuple[Table, bytes, bytes | None]] = []
        self._kept, self._counters, self._undo = {}, {}, []
        self.looks = 0

    def get(self, table: str, key: bytes) -> bytes | None:
        return self._rows[table].rows.get(key)

    def put(self, table: str, key: bytes, value: bytes) -> None:
        if not self._writable:
            raise AssertionError("this transaction only reads")
        where = self._rows[table]
        self._before.append((where, key, where.put(key, bytes(value))))

    def delete(self, table: str, key: bytes) -> bool:
        if not self._writable:
            raise AssertionError("this transaction only reads")
        where = self._rows[table]
        before = where.delete(key)
        if before is not None:
            self._before.append((where, key, before))
        return before is not None

    def scan(
        self, table: str, start: bytes = b"", prefix: bytes = b""
    ) -> Iterator[tuple[bytes, bytes]]:
        where, at = self._rows[table], max(start, prefix)
        while True:
            place = bisect_left(where.keys, at)
            if place == len(where.keys) or not where.keys[place].startswith(prefix):
                return
            key = where.keys[place]
            yield key, where.rows[key]
            at = key + b"\0"

    def first_from(self, table: str, start: bytes) -> tuple[bytes, bytes] | None:
        where = self._rows[table]
        place = bisect_left(where.keys, start)
        if place == len(where.keys):
            return None
        return where.keys[place], where.rows[where.keys[place]]

    def last(self, table: str) -> tuple[bytes, bytes] | None:
        where = self._rows[table]
        return (where.keys[-1], where.rows[where.keys[-1]]) if where.keys else None

    def count(self, table: str) -> int:
        return len(self._rows[table].rows)

    def _write(self, table: str) -> None:
        """Nothing is kept back."""

    def put_back(self) -> None:
        """Make it as if this transaction had never been."""
        while self._before:
            table, key, before = self._before.pop()
            if before is None:
                table.delete(key)
            else:
                table.put(key, before)


class MemoryEnvironment(Environment):
    """`Environment` on `Tables`, for one thread."""

    def __init__(self, tables: Tables, directory: Path) -> None:
        self.directory = directory
        self.tables = tables
        self._is_writing = False

    @contextmanager
    def read(self) -> Iterator[Txn]:
        yield MemoryTxn(self.tables, writable=False)

    @contextmanager
    def write(self) -> Iterator[Txn]:
        if self._is_writing:
            raise AssertionError("a thread that writes would wait for itself forever")
        self._is_writing = True
        txn = MemoryTxn(self.tables, writable=True)
        try:
            yield txn
            txn.write_back()
            try:
                effect("commit")
            except OSError as error:
                raise StoreFault("The process has ended.") from error
        except BaseException:
            txn.put_back()
            txn.abandoned()
            raise
        finally:
            self._is_writing = False

    def do(self, work: Callable[[Txn], T]) -> T:
        with self.write() as txn:
            return work(txn)

    @property
    def writing(self) -> bool:
        return self._is_writing

    def close(self) -> None:
        """Nothing is open."""
