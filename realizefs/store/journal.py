"""The journal: what happened to the files of an arena, as long as it is remembered.

Theory of operation. Rows are only ever appended. The key of each is how many bytes of rows there were
before it, since the database was made: so the bytes of what is kept are a subtraction, and the oldest
rows leave without a count of them being kept. It is written in the transaction of the change that it
tells, and so tells of exactly what is in the index.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress

from realizefs.codec.journal_records import decode_event, encode_event
from realizefs.model.errors import StoreFault
from realizefs.model.journal import JOURNAL_BYTES_MAX, JOURNAL_STEP_BYTES, Event
from realizefs.store.keys import pack_u64, unpack_u64
from realizefs.store.schema import JOURNAL, META
from realizefs.store.txn import Txn

_END = b"journal"


class Journal:
    """Of one arena."""

    def append(self, txn: Txn, events: Iterable[Event]) -> None:
        """Write these behind all others; the oldest leave where it is too much."""
        began = end = txn.counter(META, _END)
        for event in events:
            row = encode_event(event)
            txn.put(JOURNAL, pack_u64(end), row)
            end += len(row)
        if end == began:
            return
        txn.count_up(META, _END, end - began)
        if end // JOURNAL_STEP_BYTES != began // JOURNAL_STEP_BYTES:
            self._forget(txn, end - JOURNAL_BYTES_MAX)

    def end(self, txn: Txn) -> int:
        """Where the next event comes."""
        return txn.counter(META, _END)

    def newest(self, txn: Txn, after: int = 0) -> Iterator[Event]:
        """The events from the position `after` on, the newest first. What can't be read is left out."""
        oldest = txn.first_from(JOURNAL, pack_u64(after))
        first = unpack_u64(oldest[0]) if oldest is not None else 0
        end = self.end(txn) if oldest is not None else 0
        while end > first:
            start = max(end - JOURNAL_STEP_BYTES, first)
            yield from reversed(list(_between(txn, start, end)))
            end = start

    def _forget(self, txn: Txn, before: int) -> None:
        for key in txn.scan_keys(JOURNAL):
            if unpack_u64(key) >= before:
                return
            txn.delete(JOURNAL, key)


def _between(txn: Txn, start: int, end: int) -> Iterator[Event]:
    """The events whose rows begin there."""
    for key, row in txn.scan(JOURNAL, pack_u64(start)):
        if unpack_u64(key) >= end:
            return
        with suppress(StoreFault):  # `check` says so
            yield decode_event(row)
