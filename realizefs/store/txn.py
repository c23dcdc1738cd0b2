"""One transaction: all tables of an environment at one moment, as plain bytes.

What LMDB's own transaction lacks: tables by name, scans that tolerate changes, counters that are
written once a commit, and rows that are. See `store.env` for how transactions begin and end.

Theory of operation. LMDB lets other threads run during each call, and takes its turn again after
it: beside a busy thread every single put costs a wait of milliseconds. So what is put is kept
back, a dictionary a table, and written in one call in the order of keys; before, where somebody
looks at more than single keys of the table.
"""

from collections.abc import Callable, Iterator
from itertools import islice

import lmdb

from realizefs.model.errors import StoreFault
from realizefs.store.keys import unpack_u64

_PAGE_ROWS_FIRST = 16
_PAGE_ROWS_MAX = 512
"""Rows that a scan fetches at a time: few at first, as most callers want few."""

KEPT_ROWS_MAX = 4096
"""Rows of a table that are kept back: half a megabyte."""


class Txn:
    """A view of all tables at one moment; valid inside its `with` only, in one thread.

    `looks` counts the places of the database that it has read. Keys are 1 to 511 bytes. Tables
    are the names of `store.schema`; another one is a KeyError.
    """

    __slots__ = ("_counters", "_kept", "_tables", "_txn", "_undo", "_writable", "looks")

    def __init__(
        self,
        txn: "lmdb.Transaction[bytes]",
        tables: "dict[str, lmdb._Database]",
        *,
        writable: bool = False,
    ) -> None:
        self._txn = txn
        self._tables = tables
        self._writable = writable
        self.looks = 0
        self._kept: dict[str, dict[bytes, bytes]] = {}
        self._counters: dict[tuple[str, bytes], int] = {}
        self._undo: list[Callable[[], None]] = []

    def if_abandoned(self, undo: Callable[[], None]) -> None:
        """Call this if nothing comes of the transaction: what memory says would be wrong then."""
        self._undo.append(undo)

    def abandoned(self) -> None:
        """Nothing has come of it; the last thing that was noted is undone first."""
        while self._undo:
            self._undo.pop()()

    def get(self, table: str, key: bytes) -> bytes | None:
        """The value of a key."""
        kept = self._kept.get(table)
        if kept is not None and key in kept:
            return kept[key]
        self.looks += 1
        # Arguments by position, here and below: lmdb takes twice as long with keywords.
        return self._txn.get(key, None, self._tables[table])

    def put(self, table: str, key: bytes, value: bytes) -> None:
        """Insert or replace."""
        kept = self._kept.get(table)
        if kept is None:
            if not self._writable:
                raise AssertionError("this transaction only reads")
            kept = self._kept[table] = {}
        kept[key] = value
        if len(kept) >= KEPT_ROWS_MAX:
            self._write(table)

    def delete(self, table: str, key: bytes) -> bool:
        """Whether there was such a key."""
        kept = self._kept.get(table)
        was_kept = kept is not None and kept.pop(key, None) is not None
        return self._txn.delete(key, b"", self._tables[table]) or was_kept

    def scan(
        self, table: str, start: bytes = b"", prefix: bytes = b""
    ) -> Iterator[tuple[bytes, bytes]]:
        """(key, value) in ascending order, of keys that begin with `prefix`, from `start` on.

        No cursor stays open between rows: the caller may stop, or change the table, at any time.
        A row inserted or removed meanwhile is seen or not; all others are seen exactly once.
        """
        at, rows = max(start, prefix), _PAGE_ROWS_FIRST
        while True:
            page = self._page(table, at, rows)
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

    def first_from(self, table: str, start: bytes) -> tuple[bytes, bytes] | None:
        """The row with the smallest key that is `start` or larger, by one descent of the tree."""
        with self._cursor(table) as cursor:
            return cursor.item() if cursor.set_range(start) else None

    def last(self, table: str) -> tuple[bytes, bytes] | None:
        """The row with the largest key."""
        with self._cursor(table) as cursor:
            return cursor.item() if cursor.last() else None

    def count(self, table: str) -> int:
        """Number of rows, at once."""
        self._write(table)
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
        if place in counters:
            counters[place] += by
        else:
            counters[place] = self.counter(table, key) + by
        return counters[place]

    def write_back(self) -> None:
        """Write what was kept back; before the commit, nothing is put after it.

        StoreFault for a number below zero: rows that disagree with their sum.
        """
        for (table, key), number in self._counters.items():
            if number < 0:
                raise StoreFault(f"The database has a wrong total of {table} {key.decode()}.")
            # A peer may claim any size, and a sum of such is longer than the other numbers.
            self.put(table, key, number.to_bytes(8 if number < 1 << 64 else 16, "big"))
        for table in list(self._kept):
            self._write(table)

    def _write(self, table: str) -> None:
        """Write what is kept back of one table, in the order of its keys."""
        kept = self._kept.pop(table, None)
        if not kept:
            return
        rows = sorted(kept.items())
        with self._txn.cursor(self._tables[table]) as cursor:
            # What comes after all that is there is appended: quicker, and packs pages full.
            appended = not cursor.last() or cursor.key() < rows[0][0]
            cursor.putmulti(rows, True, True, appended)

    def _cursor(self, table: str) -> "lmdb.Cursor[bytes]":
        """On all rows, those that were kept back included."""
        self._write(table)
        self.looks += 1
        return self._txn.cursor(self._tables[table])

    def _page(self, table: str, at: bytes, rows: int) -> list[tuple[bytes, bytes]]:
        with self._cursor(table) as cursor:
            if not cursor.set_range(at):
                return []
            return list(islice(cursor.iternext(keys=True, values=True), rows))
