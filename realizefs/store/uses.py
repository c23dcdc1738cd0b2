"""Which blobs are used, and how often: the order of the queues, and who gets into the cache.

A use lasts as long as somebody reads on, so a film is used once however many reads that is. The order
is saved with each flush, the counts every few minutes: losing them costs only quality.
"""

from collections import OrderedDict
from collections.abc import Callable
from struct import Struct
from threading import Lock

from realizefs.core.parts import Parts
from realizefs.core.share import Share
from realizefs.core.sketch import Sketch
from realizefs.model.ids import BlobId, Inode
from realizefs.model.ranges import Ranges
from realizefs.store.queues import BlobRows
from realizefs.store.txn import Txn

TOUCHES_MAX = 4096
"""Uses remembered between two flushes; the oldest are forgotten first."""

USE_SECONDS = 60.0
"""Seconds without a read after which the next one is a new use."""

SAVE_SECONDS = 300.0
"""Seconds between two saves of the counts, of 32 KiB."""

_SHARE = Struct(">d")


class Uses:
    """The uses of one store's blobs. Thread-safe."""

    def __init__(self, rows: BlobRows, saved: bytes, clock: Callable[[], float]) -> None:
        self._rows = rows
        self._clock = clock
        self._lock = Lock()
        self._touched: dict[Inode, None] = {}
        self._last: OrderedDict[Inode, float] = OrderedDict()
        self._sketch = Sketch.from_bytes(saved[_SHARE.size :])
        self._share = Share(*_SHARE.unpack(saved[: _SHARE.size])) if saved else Share()
        self._parts = Parts()
        self._held = 0
        self._saved_at = clock()

    @property
    def share(self) -> float:
        """The window's part of the cache."""
        return self._share.value

    def read(self, ino: Inode, held: int | None = None, *, hit: bool) -> None:
        """Somebody reads it; `hit` if something of it is here. `held`: how many blobs there are."""
        now = self._clock()
        with self._lock:
            self._held = self._held if held is None else held
            if hit:
                self._touch(ino)
            last = self._last.pop(ino, None)
            self._last[ino] = now
            if len(self._last) > TOUCHES_MAX:
                self._last.popitem(last=False)
            if last is None or now - last >= USE_SECONDS:
                self._sketch.add(ino, self._held)
                self._share.used(hit=hit)

    def touch(self, ino: Inode) -> None:
        """Used just now; remembered in memory until the next save."""
        with self._lock:
            self._touch(ino)

    def count(self, ino: Inode) -> int:
        """How often it was used lately."""
        with self._lock:
            return self._sketch.count(ino)

    def part_read(self, blob: BlobId, start: int, end: int) -> None:
        """Bytes of a large blob were read or stored."""
        with self._lock:
            self._parts.used(blob, start, end)

    def oldest_parts(self, blob: BlobId, held: Ranges, need: int) -> Ranges:
        """What of `held` should leave to free `need` bytes: whole blocks of the disk."""
        with self._lock:
            return self._parts.oldest(blob, held, need)

    def forget_parts(self, blob: BlobId) -> None:
        """The blob goes as a whole."""
        with self._lock:
            self._parts.forget(blob)

    @property
    def unsaved(self) -> bool:
        """Whether `save` has something to do."""
        return bool(self._touched) or self._counts_due()

    def save(self, txn: Txn, *, counts: bool = False) -> None:
        """Order the queues by the uses since the last time; the counts if it is time, or asked."""
        with self._lock:
            touched, self._touched = self._touched, {}
            if counts or self._counts_due():
                self._saved_at = self._clock()
                self._rows.put_uses(txn, _SHARE.pack(self._share.value) + self._sketch.to_bytes())
        for ino in touched:
            row = self._rows.of(txn, ino)
            if row is not None:
                self._rows.to_front(txn, row)

    def _counts_due(self) -> bool:
        return self._clock() - self._saved_at >= SAVE_SECONDS

    def _touch(self, ino: Inode) -> None:
        self._touched.pop(ino, None)
        self._touched[ino] = None
        if len(self._touched) > TOUCHES_MAX:
            del self._touched[next(iter(self._touched))]
