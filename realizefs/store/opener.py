"""Finding blobs, making them, and opening their files, each once however many use it.

Order of steps: a committed row that says so, then the file. Between the two no removal begins.
"""

from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass, field, replace
from threading import Lock

from realizefs.core.evict import BIG_PART, starts_in_window
from realizefs.model.blobs import BlobRow
from realizefs.model.errors import Busy
from realizefs.model.ids import BlobId, Digest, Inode
from realizefs.model.ranges import NO_RANGES
from realizefs.model.versions import Version
from realizefs.store.blob import Blob
from realizefs.store.blobdir import BlobDirectory
from realizefs.store.env import Environment
from realizefs.store.openblobs import OpenBlobs
from realizefs.store.queues import BlobRows, Step
from realizefs.store.space import Space
from realizefs.store.txn import Txn
from realizefs.store.uses import Uses

OPEN_TRIES_MAX = 16
"""Tries to open a blob that is removed again and again at that very moment."""


def close_all(blobs: Iterable[Blob | None]) -> None:
    """One opener less of each, as `Opener.open_all` gives them."""
    for blob in blobs:
        if blob is not None:
            blob.close()


@dataclass(frozen=True, slots=True)
class Opener:
    """Opens the blobs of one store, and is their owner. Thread-safe; may block."""

    env: Environment
    rows: BlobRows
    files: BlobDirectory
    among: OpenBlobs
    space: Space
    uses: Uses
    turn: Lock
    """held during a removal"""
    settled: set[BlobId] = field(default_factory=set)
    """removed, as the account knows, though the transaction that says so failed"""

    def counted(self, row: BlobRow) -> int:
        """Bytes that the account has for a blob that nobody has open."""
        return 0 if row.id in self.settled else row.usage

    def opened(self, ino: Inode, digest: Digest) -> Blob | None:
        """The blob of that content if somebody has it open; never blocks."""
        blob = self.among.join(ino, digest)
        if blob is not None:
            self.uses.read(ino, hit=bool(blob.ranges))
        return blob

    def open_existing(self, ino: Inode, digest: Digest) -> Blob | None:
        """The blob of that content, if there is one; reads only."""
        known = self.opened(ino, digest)
        if known is not None:
            return known
        with self.env.read() as txn:
            row = self.rows.of(txn, ino)
            held = self.rows.count(txn)
        here = row is not None and row.hash == digest
        self.uses.read(ino, held, hit=here)
        return self._attach(row.id) if row is not None and here else None

    def open(self, ino: Inode, version: Version) -> Blob:
        """The blob of that content, made if missing; an older one of the entry becomes outdated.

        The caller closes it. Busy while it is becoming a real file or was one just now.
        """
        for _ in range(OPEN_TRIES_MAX):
            blob = self.open_existing(ino, version.hash)
            if blob is None:
                with self.turn:  # removals wait, so row and file appear together
                    row = self._ensure(ino, version)
                    self.files.make(row.id, row.size)
                blob = self._attach(row.id)
            if blob is not None:
                return blob
        raise Busy("The cached file is being removed again and again; try again later.")

    def open_all(
        self,
        contents: Sequence[tuple[Inode, Version]],
        protected: Container[Inode],
        made: Callable[[Txn, Iterable[Inode]], None],
    ) -> list[Blob | None]:
        """`open` for many with one commit, in which `made` is called with those that were missing,
        and of which those in `protected` are so from the beginning; None for those that are Busy."""
        blobs: list[Blob | None] = []
        try:
            blobs += [self.open_existing(ino, version.hash) for ino, version in contents]
            missing = [one for one, blob in zip(contents, blobs, strict=True) if blob is None]
            new = self._make_all(missing, protected, made) if missing else {}
            for at, (ino, version) in enumerate(contents):
                blobs[at] = blobs[at] or self._open_new(new.get(ino), ino, version)
        except BaseException:
            close_all(blobs)
            raise
        return blobs

    def _make_all(
        self,
        missing: Sequence[tuple[Inode, Version]],
        protected: Container[Inode],
        made: Callable[[Txn, Iterable[Inode]], None],
    ) -> dict[Inode, BlobRow]:
        with self.turn:  # removals wait, so rows and files appear together
            with self.env.write() as txn:
                rows = [
                    self._ensure_row(txn, ino, version, protected=ino in protected)
                    for ino, version in missing
                ]
                new = {row.ino: row for row in rows if row is not None}
                made(txn, new)
            for row in new.values():
                self.files.make(row.id, row.size)
        return new

    def _open_new(self, row: BlobRow | None, ino: Inode, version: Version) -> Blob | None:
        """One that was just made; if it was removed at that very moment, as one that wasn't."""
        if row is None or row.hash != version.hash:
            blob = self.opened(ino, version.hash)  # several may be of one content
        else:
            blob = self._attach(row.id)
        try:
            return blob or self.open(ino, version)
        except Busy:
            return None

    def _ensure(self, ino: Inode, version: Version) -> BlobRow:
        """First step of making a blob: a committed row that says so."""
        with self.env.write() as txn:
            row = self._ensure_row(txn, ino, version)
        if row is None:
            raise Busy("The file is moving between the cache and the arena root.")
        return row

    def _ensure_row(
        self, txn: Txn, ino: Inode, version: Version, *, protected: bool = False
    ) -> BlobRow | None:
        """None while the file moves between the cache and the root. `protected`: a new one is."""
        row = self.rows.of(txn, ino)
        if row is None or row.hash != version.hash:
            allowed = self.space.allowed
            window = int(allowed * self.uses.share)
            new = starts_in_window(allowed, window, self.space.used, version.size)
            row = BlobRow(
                BlobId(0), ino, version.hash, version.size, protected=protected, window=new
            )
            row = self.rows.create(txn, row)
            self.rows.set_step(txn, row.id, Step.WRITING)
        elif self.files.stat(row.id) is None:
            if self.rows.step(txn, row.id) in (Step.ADOPTING, Step.TAKING):
                return None
            self.space.settle(0, -self.counted(row))
            self.settled.discard(row.id)
            row = replace(row, ranges=NO_RANGES, verified=False, usage=0)
            self.rows.put(txn, row)
            self.rows.set_step(txn, row.id, Step.WRITING)
        return row

    def _attach(self, blob_id: BlobId) -> Blob | None:
        """The open blob; None if its row or file is gone or going."""

        def make() -> Blob | None:
            with self.env.read() as txn:
                row = self.rows.get(txn, blob_id)
                return None if row is None else self._make(txn, row)

        return self.among.attach(blob_id, make)

    def attach_row(self, txn: Txn, row: BlobRow) -> Blob | None:
        """The open blob of a row as this transaction sees it; None if its file is gone."""
        return self.among.attach(row.id, lambda: self._make(txn, row))

    def _make(self, txn: Txn, row: BlobRow) -> Blob | None:
        try:
            fd = self.files.open(row.id)
        except FileNotFoundError:
            return None
        blob = Blob(row, fd, self.space, self)
        blob.noted = self.rows.step(txn, row.id) is Step.WRITING
        blob.named = not blob.noted
        return blob

    # -- what a Blob asks of us -------------------------------------------------------------------

    def about_to_write(self, blob: Blob) -> None:
        """Note durably, once, that bytes without ranges may appear."""
        if blob.noted:
            return
        with self.env.write() as txn:
            if self.rows.get(txn, blob.id) and self.rows.step(txn, blob.id) is None:
                self.rows.set_step(txn, blob.id, Step.WRITING)
        blob.noted = True

    def used(self, blob: Blob, start: int, end: int) -> None:
        """Remember it of those that may have to leave by parts."""
        if blob.size * BIG_PART > self.space.limits_max:
            self.uses.part_read(blob.id, start, end)

    def hold(self, blob: Blob) -> None:
        self.among.hold(blob)

    def release(self, blob: Blob) -> None:
        self.among.release(blob)
