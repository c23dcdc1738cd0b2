"""A piece of a content, with what of it is on this disk already taken from there: blocks that a killed
process had stored without a note, equal blocks of an old version, and of the others what deltas
leave.
"""

import os
from dataclasses import dataclass

import trio

from realizefs.model.ids import Digest
from realizefs.store.blob import Blob
from realizefs.store.copying import Copied, has_data
from realizefs.store.hashing import check_block
from realizefs.sync.bases import Base
from realizefs.sync.sources import Sources
from realizefs.sync.urgency import Urgency
from realizefs.sync.wanted import Wanted


@dataclass(frozen=True, slots=True)
class Brought:
    """Verified bytes, and which of them are in an open file already."""

    data: bytes
    copied: tuple[Copied, ...] = ()


@dataclass(slots=True)
class _Run:
    """Bytes [start, end), here already (`data`), at that place of the base if from there, or not."""

    start: int
    end: int
    data: bytes | None = None
    place: int | None = None


@dataclass(frozen=True, slots=True)
class Here:
    """What is on this disk: an older content, and the blob that the piece goes to."""

    base: Base | None
    blob: Blob | None

    def has_unrecorded(self, start: int, end: int) -> bool:
        """Whether some of it may be in the blob's file, though no range of the blob covers it."""
        return self.blob is not None and has_data(self.blob.fd, start, end)

    def block(self, digest: Digest, at: int, length: int) -> tuple[bytes, int | None] | None:
        """That block, and its place in the base if it is from there; None where it isn't here."""
        if self.blob is not None and self.has_unrecorded(at, at + length):
            try:
                data = os.pread(self.blob.fd, length, at)
            except OSError:
                data = b""  # a bad disk is no reason not to fetch
            if check_block(data, digest):
                return data, None
        place = None if self.base is None else self.base.place_of(digest)
        if self.base is None or place is None:
            return None
        data = self.base.read(place, length)
        return (data, place) if check_block(data, digest) else None


async def bring(
    sources: Sources, wanted: Wanted, start: int, end: int, urgency: Urgency, here: Here
) -> Brought:
    """Bytes [start, end), whole blocks; raises like `Sources.read`, which isn't called for what is
    equal."""
    if here.base is None and not here.has_unrecorded(start, end):
        return Brought(await sources.read(wanted, start, end, urgency, None))
    runs = await trio.to_thread.run_sync(_runs, wanted, start, end, here)
    parts, copied = [], []
    for run in runs:
        if run.data is None:
            parts.append(await sources.read(wanted, run.start, run.end, urgency, here.base))
            continue
        parts.append(run.data)
        if here.base is not None and run.place is not None:
            copied.append(Copied(run.start, run.end - run.start, here.base.fd, run.place))
    data = parts[0] if len(parts) == 1 else b"".join(parts)
    return Brought(data, tuple(copied))


def _runs(wanted: Wanted, start: int, end: int, here: Here) -> list[_Run]:
    """Blocks that are here one by one, those between them together."""
    runs: list[_Run] = []
    for at in range(start, end, wanted.block):
        until = min(at + wanted.block, end)
        found = here.block(wanted.digest(at), at, until - at)
        if found is not None:
            runs.append(_Run(at, until, *found))
        elif runs and runs[-1].data is None:
            runs[-1].end = until
        else:
            runs.append(_Run(at, until))
    return runs
