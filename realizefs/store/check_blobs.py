"""Rules of the cache: blobs against their files, queues against blobs.

While a blob is open, or noted as busy with a move, its row lags behind what memory and the file say;
such a one is left alone, it is put right by whoever has it. (A note that is left after a crash is
worked off at the start.)
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice

from realizefs.model.blobs import BlobRow
from realizefs.model.errors import StoreFault
from realizefs.model.findings import Finding
from realizefs.model.ids import BlobId
from realizefs.store.allocation import STAT_BLOCK_BYTES
from realizefs.store.arena import ArenaStore
from realizefs.store.blob import GROWTH_SLACK_BLOCKS
from realizefs.store.check import PAGE, Problem, Rule, rule_of
from realizefs.store.check_tree import named
from realizefs.store.keys import inode_of, pack_u64, unpack_u64
from realizefs.store.queues import Step, lru_key
from realizefs.store.repair_blobs import BlobRepair
from realizefs.store.schema import BLOB_BUSY, BLOB_LRU, BLOB_META, BLOB_OF, BLOB_ROW, ENTRY
from realizefs.store.txn import Txn


@dataclass(frozen=True, slots=True)
class BlobRules:
    """The rules about the blobs of one arena; `repair` knows what to do."""

    store: ArenaStore
    repair: BlobRepair

    def rules(self) -> list[Rule]:
        """Rows before what names them."""
        return [
            rule_of("blobs", BLOB_ROW, self.look_at_row),
            rule_of("", BLOB_OF, self.look_at_of),
            rule_of("", BLOB_LRU, self.look_at_place),
            rule_of("", BLOB_BUSY, self.look_at_note),
            Rule("cached files", self.files, self.look_at_file),
        ]

    # -- rows ----------------------------------------------------------------------------------

    def look_at_row(self, txn: Txn, key: bytes) -> Iterator[Problem]:
        """A row has its file, its place in its queue, and numbers that were given out."""
        blob = BlobId(unpack_u64(key))
        try:
            row = self.repair.rows.get(txn, blob)
        except StoreFault:
            what = f"The row of blob {blob:016x} can't be read"
            finding = Finding("damaged-blob", what, "removes the row and keeps the file")
            yield Problem(finding, partial(self.repair.remove_damaged, blob=blob))
            return
        if row is None:
            return
        shown = self._shown(txn, row)
        yield from self._places(txn, row, shown)
        yield from self._ranges(row, shown)
        if row.protected and not row.outdated and txn.get(ENTRY, pack_u64(row.ino)) is None:
            what = f"{shown} is kept for ever though its file doesn't exist"
            finding = Finding("kept-for-nothing", what, "lets it be evicted")
            yield Problem(finding, partial(self.repair.change, blob=blob, protected=False))
        if self.repair.is_idle(txn, blob):
            yield from self._against_file(txn, row, shown)

    def _shown(self, txn: Txn, row: BlobRow) -> str:
        return f"Blob {row.id:016x} (of {named(self.store, txn, row.ino)})"

    def _places(self, txn: Txn, row: BlobRow, shown: str) -> Iterator[Problem]:
        if txn.get(BLOB_LRU, lru_key(row)) != pack_u64(row.id):
            finding = Finding("no-queue", f"{shown} stands in no queue", "queues it as just used")
            yield Problem(finding, partial(self.repair.requeue, blob=row.id))
        of = txn.get(BLOB_OF, pack_u64(row.ino))
        if row.outdated and of == pack_u64(row.id) and self._is_current(txn, row):
            what = f"{shown} is called outdated and is the one in use"
            finding = Finding("outdated", what, "calls it the present one")
            yield Problem(finding, partial(self.repair.change, blob=row.id, outdated=False))
        elif not row.outdated and of is None:
            finding = Finding("not-found", f"{shown} isn't found by its file", "makes it so")
            yield Problem(finding, partial(self.repair.set_of, blob=row.id))
        elif not row.outdated and of != pack_u64(row.id):
            what = f"{shown} isn't found by its file, another blob is"
            finding = Finding("second-blob", what, "calls it outdated")
            yield Problem(finding, partial(self.repair.change, blob=row.id, outdated=True))
        for name, number, counted in ((b"next", row.id, "id"), (b"stamp", row.stamp, "use")):
            if number > unpack_u64(txn.get(BLOB_META, name) or b""):
                what = f"{shown} has a later {counted} than was ever given out"
                finding = Finding("blob-counter", what, "counts on from there")
                yield Problem(finding, partial(_raise_counter, name=name, number=number))

    def _is_current(self, txn: Txn, row: BlobRow) -> bool:
        """Whether it is the content that its entry has."""
        entry = self.store.tree.entry(txn, row.ino)
        return entry is not None and not entry.version.deleted and entry.version.hash == row.hash

    def _ranges(self, row: BlobRow, shown: str) -> Iterator[Problem]:
        last = max((end for _, end in row.ranges), default=0)
        if last > row.size or any(start >= end for start, end in row.ranges):
            what = f"{shown} is said to have bytes up to {last} of a content of {row.size}"
            finding = Finding("ranges", what, "forgets those beyond the end")
            yield Problem(finding, partial(self.repair.clip, blob=row.id, size=row.size))
        elif row.verified and not row.complete:
            finding = Finding("verified", f"{shown} is called complete and isn't", "corrects that")
            yield Problem(finding, partial(self.repair.change, blob=row.id, verified=False))

    def _against_file(self, txn: Txn, row: BlobRow, shown: str) -> Iterator[Problem]:
        stat = self.repair.files.stat(row.id)
        if stat is None:
            if row.ranges or row.verified or row.usage:
                what = f"{shown} has lost its file"
                finding = Finding("no-file", what, "has it fetched again")
                yield Problem(finding, partial(self.repair.empty, blob=row.id))
            return
        if stat.st_size > row.size or (stat.st_size < row.size and row.ranges):
            what = f"The file of {shown} has {stat.st_size} bytes and should have {row.size}"
            remedy = "forgets what is missing" if stat.st_size < row.size else "cuts it"
            finding = Finding("file-size", what, remedy)
            yield Problem(finding, act=partial(self.repair.resize, row.id))
        usage = stat.st_blocks * STAT_BLOCK_BYTES
        # File systems place what they note about a file when they like.
        slack = GROWTH_SLACK_BLOCKS * self.repair.files.block
        if abs(usage - row.usage) > slack and not txn.get(BLOB_BUSY, pack_u64(row.id)):
            what = f"{shown} takes {usage} bytes of disk and is counted as {row.usage}"
            finding = Finding("usage", what, "corrects the count")
            yield Problem(finding, partial(self.repair.measure, blob=row.id))

    # -- what names a row ------------------------------------------------------------------------

    def look_at_of(self, txn: Txn, key: bytes) -> Iterator[Problem]:
        """The blob of an entry exists, and is its."""
        blob = BlobId(unpack_u64(txn.get(BLOB_OF, key) or b""))
        row = self._row(txn, blob)
        if row is None or row.ino != inode_of(key):
            what = f"The blob {blob:016x} of inode {inode_of(key)} doesn't exist"
            finding = Finding("no-blob", what, "forgets it")
            yield Problem(finding, partial(_delete, table=BLOB_OF, key=key))

    def look_at_place(self, txn: Txn, key: bytes) -> Iterator[Problem]:
        """A place in a queue is that of a blob whose row says so."""
        blob = BlobId(unpack_u64(txn.get(BLOB_LRU, key) or b""))
        row = self._row(txn, blob)
        if row is None or lru_key(row) != key:
            what = f"Blob {blob:016x} stands in a queue where it doesn't belong"
            finding = Finding("stray-queue", what, "removes it from there")
            yield Problem(finding, partial(_delete, table=BLOB_LRU, key=key))

    def look_at_note(self, txn: Txn, key: bytes) -> Iterator[Problem]:
        """A note about what is under way with a file is of a known kind, about a blob."""
        value = txn.get(BLOB_BUSY, key) or b""
        blob = BlobId(unpack_u64(key))
        known = len(value) == 1 and value[0] in set(Step)
        if not known or self._row(txn, blob) is None:
            what = f"Something is noted to be under way with blob {blob:016x}, which is not so"
            finding = Finding("stray-note", what, "removes the note")
            yield Problem(finding, partial(_delete, table=BLOB_BUSY, key=key))

    def _row(self, txn: Txn, blob: BlobId) -> BlobRow | None:
        """None for a damaged one, too: what names it goes with it."""
        try:
            return self.repair.rows.get(txn, blob)
        except StoreFault:
            return None

    # -- files -----------------------------------------------------------------------------------

    def files(self, _txn: Txn, start: bytes) -> Sequence[bytes]:
        """Names below the blob directory, relative to it, in order."""
        found = (name for name in self.repair.names() if name >= start)
        return list(islice(found, PAGE))

    def look_at_file(self, txn: Txn, key: bytes) -> Iterator[Problem]:
        """A file is that of a row."""
        blob = self.repair.blob_of(key)
        if blob is not None and txn.get(BLOB_ROW, pack_u64(blob)) is not None:
            return
        if not self.repair.is_there(key):
            return
        what = f'The file "blobs/{key.decode("utf-8", "backslashreplace")}" belongs to no blob'
        remedy = (
            "keeps it: in the cache if its content is known and isn't here, else in "
            f'"{self.repair.lost_and_found}"'
        )
        yield Problem(Finding("orphan", what, remedy), act=partial(self.repair.rescue, key))


def _delete(txn: Txn, table: str, key: bytes) -> None:
    txn.delete(table, key)


def _raise_counter(txn: Txn, name: bytes, number: int) -> None:
    lacking = number - txn.counter(BLOB_META, name)
    if lacking > 0:
        txn.count_up(BLOB_META, name, lacking)
