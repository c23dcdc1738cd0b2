"""The requests of the other side: read from disk a few at a time, those first whom somebody waits
for, compressed where it pays, and taken back when nobody wants them any more.
"""

import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

import trio

from realizefs.codec.compression import pack
from realizefs.codec.deltas import delta
from realizefs.core import effects as fx
from realizefs.core.calls import Answer, Request
from realizefs.core.compress import link_is_slow
from realizefs.core.session import Session
from realizefs.model.errors import (
    Busy,
    ConnectionLost,
    NotFound,
    RealizeError,
    RequestFailed,
    VersionGone,
)
from realizefs.model.limits import COMPRESS_BYTES_MIN, SERVES_AT_ONCE_MAX
from realizefs.model.messages import (
    ZSTD,
    Data,
    Delta,
    Failure,
    Packed,
    Read,
    ReadDelta,
    ReadSeveral,
)
from realizefs.model.paths import show
from realizefs.model.ports import Clock
from realizefs.net.channel import Channel
from realizefs.sync.lanes import Lanes

log = logging.getLogger(__name__)

DELTA_SURELY_SMALLER = 1 / 16
"""Part of the bytes to which they are hardly ever compressed: then it needn't be tried."""


class Answering:
    """What one link answers; `serve` gives the bytes, `features` are those of the other side."""

    def __init__(
        self,
        session: Session,
        channel: Channel,
        clock: Clock,
        serve: Callable[[Request], Awaitable[bytes]],
        features: Callable[[], tuple[str, ...]],
    ) -> None:
        self._session = session
        self._channel = channel
        self._clock = clock
        self._serve = serve
        self._features = features
        self._serving: dict[int, trio.CancelScope] = {}
        self._lanes = Lanes(SERVES_AT_ONCE_MAX)

    async def run(self, request: Request) -> None:
        """Answer one request; a task of its own."""
        bulk = isinstance(request, ReadSeveral) or (
            isinstance(request, Read | ReadDelta) and request.bulk
        )
        with trio.CancelScope() as scope:
            self._serving[request.request] = scope
            try:
                async with self._lanes.turn(urgent=not bulk):
                    answer = await self._answer(request)
                    # In its turn: what is read from disk and not yet queued is bounded.
                    await self._channel.room(bulk=bulk)
            finally:
                del self._serving[request.request]
            for effect in self._session.answer(answer, self._clock.now()):
                assert isinstance(effect, fx.Send), "an answer is all that it sends"
                with suppress(ConnectionLost):  # the reader meets the same loss, and ends it
                    self._channel.put(effect.message, bulk=bulk)

    def abandon(self, request: int) -> None:
        """Nobody wants it any more, and it isn't answered yet."""
        if request in self._serving:
            self._serving[request].cancel()

    def retract(self, request: int) -> None:
        """The same of one that is answered: if the answer still waits, it doesn't go."""
        if self._channel.retract(request):
            with suppress(ConnectionLost):
                self._channel.put(Failure(request, "cancelled", ""))

    async def _answer(self, request: Request) -> Answer:
        try:
            data = await self._serve(request)
            if isinstance(request, ReadDelta) and data:
                changes = await trio.to_thread.run_sync(smaller_delta, data, request.signature)
                if changes is not None:
                    return Delta(request.request, *changes)
            return await self._packed(request.request, data)
        except RealizeError as error:
            return Failure(request.request, _code(error), str(error))
        except OSError as error:
            reason = error.strerror or str(error)
            log.warning('"%s" can\'t be read for a peer: %s.', show(request.path), reason)
            return Failure(request.request, _code(error), f"Its file can't be read: {reason}.")

    async def _packed(self, request: int, data: bytes) -> Answer:
        """The answer, compressed where that is quicker."""
        if (
            len(data) >= COMPRESS_BYTES_MIN
            and ZSTD in self._features()
            and link_is_slow(self._channel.written.bytes_per_second)
        ):
            packed = await trio.to_thread.run_sync(pack, data)
            if packed is not None:
                return Packed(request, len(data), packed)
        return Data(request, data)


def smaller_delta(data: bytes, signature: bytes) -> tuple[int, bytes] | None:
    """(its size, the delta as it travels); None where the bytes themselves are smaller."""
    made = delta(data, signature)
    if len(made) >= len(data):
        return None
    sent = pack(made) or made
    if len(sent) > len(data) * DELTA_SURELY_SMALLER:
        packed = pack(data)
        if packed is not None and len(packed) <= len(sent):
            return None
    return len(made), sent


def _code(error: RealizeError | OSError) -> str:
    match error:
        case VersionGone():
            return "version-gone"
        case NotFound():
            return "no-arena"
        case Busy():
            return "busy"
        case RequestFailed():
            return error.code
    return "io"
