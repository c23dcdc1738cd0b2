"""Bytes from one holder, in three ways, each put right by the next: a delta against what is here, a
copy, and a delta against the copy that was wrong, or another copy where nothing came of the first.
After the third the holder is left.
"""

from collections.abc import Callable
from dataclasses import dataclass

import trio

from realizefs.codec import deltas
from realizefs.model.errors import WrongBytes
from realizefs.model.ids import ArenaId
from realizefs.model.limits import READ_BYTES_MAX
from realizefs.model.messages import DELTA, Read
from realizefs.sync.bases import Base
from realizefs.sync.link import Link
from realizefs.sync.urgency import Urgency
from realizefs.sync.wanted import Wanted

DELTA_BYTES_MIN = 2 * deltas.SIGNATURE_BLOCK_BYTES
"""Bytes for which a signature is sent at least: of fewer hardly any is found again."""


@dataclass(frozen=True, slots=True)
class Signed:
    """Old bytes and their signature."""

    old: bytes
    signature: bytes


async def signed(old: bytes) -> Signed | None:
    """None for no bytes: of those nothing is computed, here or over there."""
    if not old:
        return None
    return Signed(old, await trio.to_thread.run_sync(deltas.signature, old))


@dataclass(slots=True)
class _Copy:
    """Bytes as they came; none where they couldn't be unpacked."""

    data: bytes = b""


class Part:
    """Bytes [start, end) of what is wanted; whole blocks. `wrong` hears of each way that failed."""

    def __init__(
        self,
        arena: ArenaId,
        wanted: Wanted,
        start: int,
        end: int,
        urgency: Urgency,
        base: Base | None,
        wrong: Callable[[Link, WrongBytes], None],
    ) -> None:
        self._wanted = wanted
        self._start, self._end = start, end
        self._read = Read(0, arena, wanted.path, wanted.version.hash, start, end - start)
        self._urgency = urgency
        self._base = base
        self._wrong = wrong
        self._may_be_changed = DELTA_BYTES_MIN <= end - start <= READ_BYTES_MAX

    async def ask(self, link: Link) -> bytes:
        """The bytes, verified; raises what a link does, and WrongBytes where all ways failed."""
        if self._base is not None and self._understands_deltas(link):
            old = await trio.to_thread.run_sync(self._base.around, self._start, self._end)
            data = await self._changed(link, await signed(old))
            if data is not None:
                return data
        return await self._copied(link)

    def _understands_deltas(self, link: Link) -> bool:
        return self._may_be_changed and DELTA in link.hello.features

    async def _changed(self, link: Link, base: Signed | None) -> bytes | None:
        """What a delta makes of old bytes; None where that is wrong, or there are none."""
        if base is None:
            return None
        try:
            data = await link.read_delta(self._read, base.old, base.signature, self._urgency)
            await self._wanted.check(self._start, self._end, data, link.name)
        except WrongBytes as error:
            self._wrong(link, error)
            return None
        return data

    async def _copied(self, link: Link) -> bytes:
        """The third way comes after a copy that was wrong, or of which nothing could be unpacked."""
        copy = _Copy()
        try:
            return await self._checked(link, copy)
        except WrongBytes:
            if copy.data and self._understands_deltas(link):
                repaired = await self._changed(link, await signed(copy.data))
                if repaired is not None:
                    return repaired
            if copy.data:
                raise
        return await self._checked(link, copy)

    async def _checked(self, link: Link, copy: "_Copy") -> bytes:
        """`copy` has its bytes even if they are wrong, and WrongBytes is raised."""
        try:
            copy.data = await self._copy(link)
            await self._wanted.check(self._start, self._end, copy.data, link.name)
        except WrongBytes as error:
            self._wrong(link, error)
            raise
        return copy.data

    async def _copy(self, link: Link) -> bytes:
        """A block may be larger than an answer."""
        parts = []
        for at in range(self._start, self._end, READ_BYTES_MAX):
            length = min(READ_BYTES_MAX, self._end - at)
            what = self._read
            parts.append(
                await link.read(what.arena, what.path, what.hash, at, length, self._urgency)
            )
        return parts[0] if len(parts) == 1 else b"".join(parts)
