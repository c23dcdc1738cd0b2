"""A piece of a new content, with what of it is in the old one taken from there: equal blocks as
they are, and of the others what deltas leave.
"""

from dataclasses import dataclass

import trio

from realizefs.store.copying import Copied
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
    """Bytes [start, end), here already (`data`) or not."""

    start: int
    end: int
    data: bytes | None
    at: int = 0


async def bring(
    sources: Sources, wanted: Wanted, start: int, end: int, urgency: Urgency, base: Base | None
) -> Brought:
    """Bytes [start, end), whole blocks; raises like `Sources.read`, which isn't called for what is
    equal."""
    if base is None:
        return Brought(await sources.read(wanted, start, end, urgency, None))
    runs = await trio.to_thread.run_sync(_runs, wanted, start, end, base)
    parts, copied = [], []
    for run in runs:
        if run.data is None:
            parts.append(await sources.read(wanted, run.start, run.end, urgency, base))
        else:
            parts.append(run.data)
            copied.append(Copied(run.start, run.end - run.start, base.fd, run.at))
    data = parts[0] if len(parts) == 1 else b"".join(parts)
    return Brought(data, tuple(copied))


def _runs(wanted: Wanted, start: int, end: int, base: Base) -> list[_Run]:
    """Equal blocks one by one, those between them together."""
    runs: list[_Run] = []
    for at in range(start, end, wanted.block):
        until = min(at + wanted.block, end)
        digest = wanted.digest(at)
        place = base.place_of(digest, wanted.block)
        data = None if place is None else base.read(place, until - at)
        if data is not None and place is not None and check_block(data, digest):
            runs.append(_Run(at, until, data, place))
        elif runs and runs[-1].data is None:
            runs[-1].end = until
        else:
            runs.append(_Run(at, until, None))
    return runs
