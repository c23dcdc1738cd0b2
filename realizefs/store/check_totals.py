"""Rules of the totals kept beside the rows: each is the sum of what it sums up.

A sum is only true of one moment, so these go over whole tables in one read transaction: a second or
two for a million entries, in which writers go on (the database's file may grow by what they
write). Totals are repaired first: other repairs count up and down from them.
"""

import stat
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from realizefs.codec.index_records import decode_real
from realizefs.codec.records import decode_blob
from realizefs.model.errors import StoreFault
from realizefs.model.findings import Finding
from realizefs.model.versions import Kind
from realizefs.store.check import Problem, Rule, once
from realizefs.store.keys import name_of_place
from realizefs.store.queues import Queue, queue_of
from realizefs.store.schema import BLOB_META, BLOB_ROW, DIRENT, ENGINE_META, META, REAL, REMOVAL
from realizefs.store.tree import read_dirent
from realizefs.store.txn import Txn

_COUNTED = {Kind.FILE: b"files", Kind.DIRECTORY: b"directories", Kind.SYMLINK: b"symlinks"}


@dataclass(frozen=True, slots=True)
class TotalRules:
    """The rules about sums; they need nothing but the tables."""

    def rules(self) -> list[Rule]:
        """Before all others."""
        return [
            Rule("", once, self.look_at_tree),
            Rule("", once, self.look_at_real),
            Rule("", once, self.look_at_blobs),
            Rule("", once, self.look_at_removals),
        ]

    def look_at_tree(self, txn: Txn, _key: bytes) -> Iterator[Problem]:
        """How many files, directories, symlinks and bytes are alive."""
        sums = dict.fromkeys((*_COUNTED.values(), b"bytes"), 0)
        for key, value in txn.scan(DIRENT):
            try:
                dirent = read_dirent(name_of_place(key), value)
            except StoreFault:
                continue  # counts as nothing; its own rule removes it without counting
            if not dirent.deleted:
                sums[_COUNTED[dirent.kind]] += 1
                sums[b"bytes"] += dirent.size if dirent.kind is Kind.FILE else 0
        for name, total in sums.items():
            what = "bytes of files" if name == b"bytes" else name.decode()
            yield from _compare(txn, META, name, total, f"{what} in the tree")

    def look_at_real(self, txn: Txn, _key: bytes) -> Iterator[Problem]:
        """How many bytes the real files have."""
        total = 0
        for _, value in txn.scan(REAL):
            try:
                seen = decode_real(value).fingerprint
            except StoreFault:
                continue
            total += seen.size if stat.S_ISREG(seen.mode) else 0
        yield from _compare(txn, META, b"real", total, "bytes of real files")

    def look_at_blobs(self, txn: Txn, _key: bytes) -> Iterator[Problem]:
        """How much of the disk the cache takes, and the kept part of it."""
        used = 0
        sums = dict.fromkeys(Queue, 0)
        for _, value in txn.scan(BLOB_ROW):
            try:
                row = decode_blob(value)
            except StoreFault:
                continue
            used += row.usage
            sums[queue_of(row)] += row.usage
        yield from _compare(txn, BLOB_META, b"used", used, "bytes of disk that the cache takes")
        kept, window = sums[Queue.PROTECTED], sums[Queue.WINDOW]
        yield from _compare(txn, BLOB_META, b"kept", kept, "bytes of disk that are kept")
        yield from _compare(txn, BLOB_META, b"window", window, "bytes of disk of the window")

    def look_at_removals(self, txn: Txn, _key: bytes) -> Iterator[Problem]:
        """How many folders peers have deleted that are here."""
        total = sum(value == b"d" for _, value in txn.scan(REMOVAL))
        yield from _compare(txn, ENGINE_META, b"folders", total, "folders that wait to be removed")


def _compare(txn: Txn, table: str, key: bytes, total: int, what: str) -> Iterator[Problem]:
    said = txn.counter(table, key)
    if said != total:
        sentence = f"The total of {what} is {said} and should be {total}"
        finding = Finding("total", sentence, "corrects it")
        yield Problem(finding, partial(_correct, table=table, key=key, total=total))


def _correct(txn: Txn, table: str, key: bytes, total: int) -> None:
    txn.count_up(table, key, total - txn.counter(table, key))
