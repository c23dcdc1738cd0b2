"""Requests in flight on one connection: those that we asked, and those that we serve.

Every request gets exactly one answer, a cancelled one too (Failure "cancelled", or whatever
crossed the Cancel). So both sides know exactly what is in flight, an answer to an id that isn't
is a lie, and nothing has to be remembered for good.
"""

from collections.abc import Callable

from realizefs.model.errors import ProtocolFault
from realizefs.model.limits import BLOCKS_MAX, REQUESTS_IN_FLIGHT_MAX
from realizefs.model.messages import (
    Data,
    Delta,
    Failure,
    Packed,
    Pin,
    Read,
    ReadBlocks,
    ReadDelta,
    ReadSeveral,
    Take,
)

Request = Read | ReadSeveral | ReadBlocks | ReadDelta | Pin | Take
Answer = Data | Packed | Delta | Failure
DIGEST_BYTES = 32
LENGTH_BYTES = 4
"""Bytes that each file of a ReadSeveral takes beside its content; see `codec.several`."""


class Asked:
    """The requests of this side."""

    def __init__(self) -> None:
        self._last = 0
        self._open: dict[int, Request] = {}
        self._cancelled: dict[int, Request] = {}

    @property
    def room(self) -> bool:
        """Whether another request may be made; a cancelled one counts until it is answered."""
        return self.taken < REQUESTS_IN_FLIGHT_MAX

    @property
    def taken(self) -> int:
        """Requests that the other side hasn't answered."""
        return len(self._open) + len(self._cancelled)

    @property
    def count(self) -> int:
        """Requests whose answer somebody waits for."""
        return len(self._open)

    def add(self, make: Callable[[int], Request]) -> Request:
        """A request with the next id; there must be room."""
        assert self.room
        self._last += 1
        request = make(self._last)
        self._open[self._last] = request
        return request

    def cancel(self, request: int) -> bool:
        """Nobody waits any more; False if it is answered already."""
        asked = self._open.pop(request, None)
        if asked is None:
            return False
        self._cancelled[request] = asked
        return True

    def answer(self, answer: Answer) -> bool:
        """Whether somebody waits for it; raises ProtocolFault if it answers nothing we asked."""
        if self._cancelled.pop(answer.request, None) is not None:
            return False
        asked = self._open.pop(answer.request, None)
        if asked is None:
            raise ProtocolFault(f"an answer to request {answer.request}, which nobody made.")
        if isinstance(answer, Delta) and not isinstance(asked, ReadDelta):
            raise ProtocolFault("a delta, and nothing that it changes.")
        if not isinstance(answer, Failure):
            size = len(answer.payload) if isinstance(answer, Data) else answer.size
            _check_length(asked, size)
        return True


def _check_length(asked: Request, length: int) -> None:
    if isinstance(asked, Read | ReadDelta):
        if length > asked.length:
            raise ProtocolFault(f"{length} bytes in answer to a read of {asked.length}.")
    elif isinstance(asked, ReadSeveral):
        if length > asked.size + LENGTH_BYTES * len(asked.files):
            raise ProtocolFault(f"{length} bytes in answer to a read of small files.")
    elif isinstance(asked, Pin | Take):
        if length:
            raise ProtocolFault(f"{length} bytes in answer to a {type(asked).__name__}.")
    elif length > BLOCKS_MAX * DIGEST_BYTES + asked.length or (
        length % DIGEST_BYTES and not asked.length
    ):
        raise ProtocolFault(f"a block list of {length} bytes.")


class Served:
    """The requests of the other side that still lack their answer."""

    def __init__(self) -> None:
        self._open: set[int] = set()

    def add(self, request: int) -> None:
        """Raises ProtocolFault if there are too many or the id is in flight."""
        if request in self._open:
            raise ProtocolFault(f"request {request} twice.")
        if len(self._open) >= REQUESTS_IN_FLIGHT_MAX:
            raise ProtocolFault(f"more than {REQUESTS_IN_FLIGHT_MAX} requests at once.")
        self._open.add(request)

    def take(self, request: int) -> bool:
        """Whether the request still lacks its answer; it counts as answered from now on."""
        if request not in self._open:
            return False
        self._open.remove(request)
        return True


class RowWindow:
    """The Rows that we sent and that aren't acknowledged, for each arena."""

    def __init__(self, bound: int) -> None:
        self._bound = bound
        self._lasts: dict[bytes, list[int]] = {}

    def room(self, arena: bytes) -> bool:
        """Whether more Rows of this arena may be sent now."""
        return len(self._lasts.get(arena, ())) < self._bound

    def sent(self, arena: bytes, last: int) -> None:
        """Rows up to `last` were sent."""
        self._lasts.setdefault(arena, []).append(last)

    def acknowledged(self, arena: bytes, seq: int) -> None:
        """Everything up to `seq` is committed at the other side."""
        waiting = [last for last in self._lasts.pop(arena, ()) if last > seq]
        if waiting:
            self._lasts[arena] = waiting

    def restart(self, arena: bytes) -> None:
        """The other side subscribed anew: what was sent before is of no matter."""
        self._lasts.pop(arena, None)
