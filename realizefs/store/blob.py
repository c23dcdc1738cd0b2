"""One blob while it is open: its bytes, its ranges, and eviction under the feet of its readers.

Theory of operation. Readers take no lock. They look at the ranges, read, and look whether an
eviction began meanwhile: `generation` is counted up before the first byte is punched out, so
bytes read under an unchanged generation are bytes of the content. Writers and evictions exclude
each other by a lock: bytes are written first and their range is added second, under that lock, so
no range ever covers bytes that aren't there. From `condemn` to `finish_eviction` nothing is stored
at all, so that what the database was told (no ranges) stays true whenever the power fails; from `condemn_parts`
to `finish_parts` nothing is stored in those parts.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from threading import Lock
from typing import Protocol, cast

from realizefs.codec.buffers import BUFFERS
from realizefs.model.blobs import BlobRow
from realizefs.model.errors import CacheFull, StoreFault
from realizefs.model.ranges import NO_RANGES, Ranges
from realizefs.store.allocation import allocated, punch_hole
from realizefs.store.copying import Copied, PwriteAll, place, pwrite_all
from realizefs.store.pagecache import read_at_once, read_waiting
from realizefs.store.space import Reservation, Space

GROWTH_SLACK_BLOCKS = 4
"""Blocks a write may allocate beyond its bytes: both unaligned ends, and the extent map."""

_UNMAPPED_BLOCKS = 4
"""Blocks that a file may have without one for its extent map, which stays promised until a sync."""

READ_TRIES_MAX = 16
"""Reads that are begun again because something else of the blob was evicted meanwhile."""

_PUNCH_UNIT = 1 << 20
"""Holes are punched past the end of file up to a multiple, so the last partial block goes too."""


class State(Enum):
    """STORING: as usual. EVICTING: condemned, stores nothing. GONE: no row; its readers' fd."""

    STORING = 1
    EVICTING = 2
    GONE = 3


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What of a blob is on disk for sure, as of `generation`; a later one has a higher `number`."""

    number: int
    generation: int
    ranges: Ranges
    verified: bool
    usage: int


class Owner(Protocol):
    """What a blob asks of the store it belongs to."""

    def about_to_write(self, blob: "Blob") -> None:
        """Note durably that bytes without ranges may appear."""
        ...

    def used(self, blob: "Blob", start: int, end: int) -> None:
        """Bytes [start, end) were read or stored."""
        ...

    def hold(self, blob: "Blob") -> None:
        """One more user."""
        ...

    def release(self, blob: "Blob") -> None:
        """One user less."""
        ...


class Blob:
    """The bytes of one content, shared by all who opened it; `close` once per opener.

    `fd` may be read directly by who checks `covers` before and `generation` before and after.
    """

    def __init__(self, row: BlobRow, fd: int, space: Space, owner: Owner) -> None:
        self.id, self.ino, self.hash, self.size = row.id, row.ino, row.hash, row.size
        self.fd = fd
        self.generation = 0
        self.ranges = row.ranges
        self.verified = row.verified
        self.usage = row.usage
        self.state = State.STORING
        self._space = space
        self._owner = owner
        self._lock = Lock()
        self._block = os.fstat(fd).st_blksize
        self._leaving = NO_RANGES
        self._promised = 0
        # For Blobs and its parts only:
        self.users = 0
        self.noted = False  # the database knows that bytes without ranges may be there
        self.named = True  # the file's name is durable
        self._written = self._synced = 0  # writes begun, and how many of them are durable
        self.saved = (row.ranges, row.verified)
        self.saved_number = self._number = 0  # of snapshots

    @property
    def complete(self) -> bool:
        """Whether every byte is here."""
        return self.ranges.covers(0, self.size)

    def covers(self, start: int, end: int) -> bool:
        """Whether [start, end) is here right now."""
        return self.ranges.covers(start, end)

    def read(self, start: int, length: int) -> bytes | None:
        """Bytes [start, start+length), fewer only at the end of the content.

        None if some aren't here (any more): fetch them and read again. StoreFault where the file
        is shorter than its ranges; OSErrors pass through.
        """
        end = min(start + length, self.size)
        if start >= end:
            return b""
        for _ in range(READ_TRIES_MAX):
            generation = self.generation
            if not self.ranges.covers(start, end):
                return None
            data = BUFFERS.take(end - start)
            got = read_waiting(self.fd, data, start)
            if self.generation != generation:
                continue
            if got != len(data):
                raise StoreFault(f"The file of blob {self.id:016x} is shorter than it was written.")
            self._owner.used(self, start, end)
            return cast("bytes", data)  # of which a copy would cost as much as the read
        return None

    def read_at_once(self, start: int, length: int) -> bytes | None:
        """The same without waiting for the disk: None, too, if it would have to."""
        end, generation = min(start + length, self.size), self.generation
        if not self.ranges.covers(start, end):
            return None
        data = BUFFERS.take(end - start)
        got = read_at_once(self.fd, data, start)
        if got != end - start or self.generation != generation:
            return None
        self._owner.used(self, start, end)
        return cast("bytes", data)

    def write(
        self,
        start: int,
        data: bytes | memoryview,
        room: Reservation | None = None,
        copied: Sequence[Copied] = (),
        pwrite: PwriteAll = pwrite_all,
    ) -> bool:
        """Store `data` at `start`; True once it can be read, False if it is being evicted.

        Space comes out of `room`, and beyond that out of what is free: CacheFull if there is
        none. Blocking; not inside a write transaction. OSErrors (ENOSPC, EIO) pass through and
        leave the ranges as they were.
        """
        end = start + len(data)
        if not 0 <= start <= end <= self.size:
            raise ValueError(f"[{start}, {end}) is not within the {self.size} bytes of the blob")
        self._owner.about_to_write(self)
        with self._lock:
            if self.state is not State.STORING or self._leaving.overlaps(start, end):
                return False
            growth = self._growth(start, end)
            taken = self._pay(growth, room)
            try:
                self._written += 1
                place(self.fd, data, start, copied, pwrite)
            finally:
                self._settle(growth, taken, room)
            self.ranges = self.ranges.add(start, end)
        self._owner.used(self, start, end)
        return True

    def mark_verified(self) -> None:
        """All bytes were compared with `hash`; saved by the next flush."""
        with self._lock:
            if self.complete:
                self.verified = True

    def hold(self) -> None:
        """One more opener."""
        self._owner.hold(self)

    def close(self) -> None:
        """One opener less."""
        self._owner.release(self)

    # -- for Blobs and its parts ---------------------------------------------------------------

    @property
    def unsynced(self) -> bool:
        """Whether something was written that may not be durable."""
        return self._written != self._synced

    @property
    def unsaved(self) -> bool:
        """Whether the row doesn't say yet what is here."""
        return self.state is State.STORING and (
            self.unsynced or (self.ranges, self.verified) != self.saved
        )

    def sync(self) -> Snapshot:
        """Make the bytes of the present ranges durable; what may be put in the row then.

        After a failed fdatasync the kernel forgets what it couldn't write; so do we.
        """
        with self._lock:
            generation, ranges, verified = self.generation, self.ranges, self.verified
            written, unsynced = self._written, self.unsynced
            self._number = number = self._number + 1
        if unsynced:
            try:
                os.fdatasync(self.fd)
            except OSError:
                self.forget()
                raise
        self.synced(written)
        return Snapshot(number, generation, ranges, verified, self.usage)

    def written(self) -> int:
        """How far it is written; for `synced`, once somebody has made that durable."""
        with self._lock:
            return self._written

    def synced(self, written: int) -> None:
        """It is durable so far, and counted what it takes, now that its bytes have their place.

        Only then: who else saves it meanwhile must not take it for durable.
        """
        with self._lock:
            self._synced = max(self._synced, written)
            self._measure()
            if not self.unsynced:
                self._end_promise()

    def is_current(self, snapshot: Snapshot) -> bool:
        """Whether no eviction began since, and the row has nothing newer."""
        is_kept = self.state is State.STORING and self.generation == snapshot.generation
        return is_kept and snapshot.number > self.saved_number

    def condemn(self) -> None:
        """First step of an eviction: from here on nothing is readable or stored."""
        self.forget(State.EVICTING)

    def finish_eviction(self, *, gone: bool) -> int:
        """Second step: give the bytes back; the number of them. STORING again unless `gone`."""
        with self._lock:
            before = self.usage
            try:
                punch_hole(self.fd, 0, -(-self.size // _PUNCH_UNIT) * _PUNCH_UNIT)
            finally:
                self._measure()
                self._end_promise()
                if gone:  # what is left goes with the last user's fd; some hundred bytes at most
                    self._space.settle(0, -self.usage)
                    self.usage = 0
                self.state = State.GONE if gone else State.STORING
                self.saved = (Ranges(), False)
            return before - self.usage

    def condemn_parts(self, parts: Ranges) -> None:
        """First step of evicting parts, whole blocks of the disk: they aren't readable any more."""
        with self._lock:
            self.generation += 1
            self.ranges = self.ranges.less(parts)
            self.verified = False
            self._leaving = parts

    def finish_parts(self) -> int:
        """Second step: give them back; the number of bytes. Nothing if it went meanwhile."""
        with self._lock:
            before, parts, self._leaving = self.usage, self._leaving, NO_RANGES
            if self.state is not State.STORING:
                return 0
            try:
                for start, end in parts:
                    punch_hole(self.fd, start, end)
            finally:
                self._measure()
            return before - self.usage

    def revive(self) -> None:
        """An eviction couldn't be carried out: store again. What was readable stays forgotten."""
        with self._lock:
            self._leaving = NO_RANGES
            if self.state is State.EVICTING:
                self.state = State.STORING

    def detach(self) -> None:
        """The file became a real one: readers go on, nothing is stored or punched any more."""
        with self._lock:
            self._end_promise()
            self._space.settle(0, -self.usage)
            self.usage = 0
            self.state = State.GONE

    def forget(self, state: State = State.STORING) -> None:
        """Nothing of what was written is known to be on disk."""
        with self._lock:
            self.state = state
            self.generation += 1
            self.ranges = Ranges()
            self.verified = False

    def _growth(self, start: int, end: int) -> int:
        """Bytes that writing [start, end) may allocate at most."""
        blocks = -(-end // self._block) - start // self._block + GROWTH_SLACK_BLOCKS
        return blocks * self._block

    def _pay(self, growth: int, room: Reservation | None) -> int:
        """Reserve `growth`; returns how much of it came out of `room`."""
        taken = room.take(growth) if room is not None else 0
        if growth > taken and self._space.reserve(growth - taken):
            if room is not None:
                room.give_back(taken)
            raise CacheFull("The cache has no room for these bytes.")
        return taken

    def _settle(self, growth: int, taken: int, room: Reservation | None) -> None:
        """Turn what was reserved into what was used; the rest goes back where it came from."""
        change = allocated(self.fd) - self.usage
        self.usage += change
        promise = 0
        if not self._promised and self.size > _UNMAPPED_BLOCKS * self._block:
            promise = min(self._block, max(growth - change, 0))
            self._promised = promise
        unused = min(max(growth - change - promise, 0), taken)
        if room is not None:
            room.give_back(unused)
        self._space.settle(growth - unused - promise, change)

    def _end_promise(self) -> None:
        promised, self._promised = self._promised, 0
        self._space.settle(promised, 0)

    def _measure(self) -> None:
        change = allocated(self.fd) - self.usage
        if change and self.state is not State.GONE:
            self.usage += change
            self._space.settle(0, change)
