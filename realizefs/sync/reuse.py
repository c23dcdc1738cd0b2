"""A piece of a content, with what of it is on this disk already taken from there: blocks that a killed
process had stored without a note, equal blocks of an old version, and of the others what deltas
leave.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass

import trio

from realizefs.model.ids import Digest
from realizefs.model.limits import DELTA_SLACK_BYTES
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


BRIDGED_BYTES_MAX = 2 * DELTA_SLACK_BYTES
"""Bytes between two deltas that are made part of one: both would have signed as many around them."""


@dataclass(slots=True)
class Run:
    """Bytes [start, end), here already (`data`) or not. `equal`: what of them the base has."""

    start: int
    end: int
    data: bytes | None = None
    equal: tuple[Copied, ...] = ()


@dataclass(frozen=True, slots=True)
class Here:
    """What is on this disk: an older content, and the blob that the piece goes to."""

    base: Base | None
    blob: Blob | None

    def has_unrecorded(self, start: int, end: int) -> bool:
        """Whether some of it may be in the blob's file, though no range of the blob covers it."""
        return self.blob is not None and has_data(self.blob.fd, start, end)

    def equal(self, start: int, end: int, place: int) -> tuple[Copied, ...]:
        """Of bytes that are at that place of the base."""
        return () if self.base is None else (Copied(start, end - start, self.base.fd, place),)

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
    parts: list[bytes] = []
    copied: list[Copied] = []
    for run in runs:
        if run.data is None:
            parts.append(await sources.read(wanted, run.start, run.end, urgency, here.base))
        else:
            parts.append(run.data)
        copied += run.equal
    data = parts[0] if len(parts) == 1 else b"".join(parts)
    return Brought(data, tuple(copied))


def _runs(wanted: Wanted, start: int, end: int, here: Here) -> list[Run]:
    """Blocks that are here one by one, those between them together."""
    runs: list[Run] = []
    for at in range(start, end, wanted.block):
        until = min(at + wanted.block, end)
        found = here.block(wanted.digest(at), at, until - at)
        if found is not None:
            data, place = found
            equal = () if place is None else here.equal(at, until, place)
            runs.append(Run(at, until, data, equal))
        elif runs and runs[-1].data is None:
            runs[-1].end = until
        else:
            runs.append(Run(at, until))
    return runs if here.base is None else bridged(runs)


def bridged(runs: Sequence[Run]) -> list[Run]:
    """Of runs in order: those that deltas bring, together with the few equal bytes between them. Each
    delta is a request, and a signature of what is around it; what is equal comes as a few bytes."""
    found: list[Run] = []
    gap: list[Run] = []
    for run in runs:
        if run.data is not None:
            gap.append(run)
            continue
        few = sum(each.end - each.start for each in gap) <= BRIDGED_BYTES_MAX
        # What only the blob has isn't fetched again.
        if found and few and all(each.equal for each in gap):
            found[-1].end = run.end
            found[-1].equal += (*(one for each in gap for one in each.equal), *run.equal)
        else:
            found += [*gap, run]
        gap = []
    return [*found, *gap]
