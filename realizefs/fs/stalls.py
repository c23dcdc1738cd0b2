"""Reads that wait for a peer, kept from holding up those that don't.

What the kernel reads ahead for a page cache it asks "in the background", and it has only so many
such requests under way at once, 12 unless we may raise that (see `connection`). A dozen readers
of one stalled peer would so hold up everybody who reads anything, files on this machine's own
disk too. Therefore only some may wait. Where there are more, the longest waiting is answered with
a failure, of which its program hears nothing: the kernel drops what it wanted to read ahead and
asks for the same bytes again, this time in the foreground, where no number is bounded.

A request for a single page may be in the foreground already, and is never sent away. Of those the
kernel itself has no more in the background than leaves some room (its congestion threshold).

The same second question comes after a read ahead that failed because its time was up. It is
answered at once, or the program would wait twice as long as it should.
"""

import mmap
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import trio

from realizefs.fs.connection import BACKGROUND_DEFAULT
from realizefs.model.errors import RealizeError, Unreachable
from realizefs.model.limits import PROGRESS_SECONDS

HOLD_SECONDS = 0.05
"""Seconds that a read may wait in any case: most are answered by then."""

RESERVED = 4
"""Requests in the background that are kept free for reads that wait for nobody."""

LONG_SECONDS = 0.5
"""A failure that took longer isn't waited for again, if the kernel asks within AGAIN_SECONDS."""

AGAIN_SECONDS = PROGRESS_SECONDS
"""Seconds within which the kernel asks again for what couldn't be read ahead: mostly at once, and
on a machine that has much to do not much later than everything else there."""

REMEMBERED_MAX = 65536
"""Reads that may be asked again: more than can be under way. Who isn't remembered isn't sent."""

PAGE_BYTES = mmap.PAGESIZE
"""Bytes of what the kernel asks for in the foreground, unless it asks again."""

Asked = tuple[int, int]
"""(handle, offset) of a read."""


@dataclass(slots=True, eq=False)
class _Waiting:
    since: float
    may_be_sent: bool
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)


class Stalls:
    """The reads of unreal files of one mount. Trio thread only."""

    def __init__(self) -> None:
        self._room = BACKGROUND_DEFAULT - RESERVED
        self._waiting: dict[_Waiting, None] = {}
        self._sent: dict[int, set[int]] = {}
        self._failed: dict[Asked, tuple[float, RealizeError]] = {}

    def allow(self, background: int) -> None:
        """The kernel has so many requests in the background under way."""
        self._room = max(background - RESERVED, 1)

    async def read(self, asked: Asked, length: int, read: Callable[[], Awaitable[bytes]]) -> bytes:
        """What `read` gives of `length` bytes; Unreachable at once where the kernel is to ask again."""
        failed = self._failed.pop(asked, None)
        if failed is not None and trio.current_time() - failed[0] < AGAIN_SECONDS:
            raise failed[1]
        if self._was_sent(asked):
            return await read()
        self._make_room()
        waiting = _Waiting(trio.current_time(), length > PAGE_BYTES)
        self._waiting[waiting] = None
        try:
            with waiting.scope:
                return await read()
        except RealizeError as error:
            self._remember(asked, waiting, error)
            raise
        finally:
            self._waiting.pop(waiting, None)
        self._sent.setdefault(asked[0], set()).add(asked[1])
        raise Unreachable("Too many wait for a peer already; asked again, this one waits too.")

    def released(self, handle: int) -> None:
        """The kernel asks for nothing of this handle again."""
        self._sent.pop(handle, None)

    def _make_room(self) -> None:
        """The longest waiting makes room, as soon as it has had its time."""
        if len(self._waiting) < self._room or len(self._sent) >= REMEMBERED_MAX:
            return
        longest = next((one for one in self._waiting if one.may_be_sent), None)
        if longest is not None:
            del self._waiting[longest]
            longest.scope.deadline = longest.since + HOLD_SECONDS

    def _was_sent(self, asked: Asked) -> bool:
        sent = self._sent.get(asked[0], set())
        if asked[1] not in sent:
            return False
        sent.discard(asked[1])
        return True

    def _remember(self, asked: Asked, waiting: _Waiting, error: RealizeError) -> None:
        now = trio.current_time()
        self._failed = {
            key: value for key, value in self._failed.items() if now - value[0] < AGAIN_SECONDS
        }
        if now - waiting.since > LONG_SECONDS and len(self._failed) < REMEMBERED_MAX:
            self._failed[asked] = now, error
