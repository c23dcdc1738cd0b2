"""A channel: messages to and from one other side, over TLS.

Use: `async with channel:` runs its writer task. Any task may `send`; one at a time may `receive`.
Without it (the two messages of joining) `send` writes by itself, for one task only.

Sending only queues: the writer alone touches the stream, so a cancelled sender can't leave half a
frame behind, and frames that queue up meanwhile go out in one write. The queue is bounded in frames
and in bytes: `send` waits for room. There are two queues: what is `bulk` goes when nothing else waits. `put` doesn't wait; it is for answers that a reader must be
able to give without ever waiting for the other side to read (or both readers could wait for each
other forever), and so has a bound of its own, beyond which the other side is given up.
"""

from collections import deque
from math import inf
from types import TracebackType
from typing import Self

import trio

from realizefs.codec.frames import Frame, FrameBounds, FrameReader, pack
from realizefs.codec.peer_messages import decode, encode
from realizefs.core.rate import Rate
from realizefs.model.errors import ConnectionLost, PeerFault
from realizefs.model.limits import (
    CLOSE_SECONDS,
    DECODE_INLINE_BYTES_MAX,
    KIB,
    SEND_QUEUE_BYTES_MAX,
    SEND_QUEUE_FRAMES_MAX,
    SEND_QUEUE_URGENT_FRAMES_MAX,
    TLS_WRITE_BYTES,
)
from realizefs.model.messages import Data, Delta, Message, Packed
from realizefs.net.throttle import Throttle
from realizefs.net.tls_stream import TlsStream, WireCounters, chunks

__all__ = ["Channel", "WireCounters"]

Frames = list[bytes]
"""The buffers of one frame."""

MEASURED_BYTES_MIN = 64 * KIB
"""Bytes of a write that says how fast a line is: fewer disappear in the kernel's buffer."""


WRITE_SECONDS = 0.05
"""Seconds that one write takes at most, where a frame allows it."""


class _Queue:
    """Frames that wait to be written, and which requests they answer."""

    def __init__(self) -> None:
        self._frames: deque[tuple[Frames, int | None]] = deque()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._frames)

    @property
    def full(self) -> bool:
        return len(self._frames) >= SEND_QUEUE_FRAMES_MAX or self._bytes >= SEND_QUEUE_BYTES_MAX

    def add(self, frame: Frames, answers: int | None) -> None:
        self._frames.append((frame, answers))
        self._bytes += sum(map(len, frame))

    def take(self) -> Frames:
        frame, _ = self._frames.popleft()
        self._bytes -= sum(map(len, frame))
        return frame

    def remove(self, answers: int) -> bool:
        for entry in self._frames:
            if entry[1] == answers:
                self._frames.remove(entry)
                self._bytes -= sum(map(len, entry[0]))
                return True
        return False

    def clear(self) -> None:
        self._frames.clear()
        self._bytes = 0


class _Incoming:
    """What comes, and the frames that it made."""

    def __init__(self, bounds: FrameBounds | None) -> None:
        self.frames: deque[Frame] = deque()
        self._reader = FrameReader(bounds)
        self.target = self._reader.target

    @property
    def payload_bytes(self) -> int:
        return self._reader.payload_bytes

    def filled(self, count: int) -> None:
        self.frames += self._reader.filled(count)

    def feed(self, data: bytes) -> None:
        self.frames += self._reader.feed(data)


class Channel:
    """Messages over an established TLS connection.

    `certificate`: DER of the other side, b"" of a joiner. `address`: its "host:port".
    `heard_at`: trio time at which bytes last came, of whatever; `payload_at`: at which bytes of a
    payload came, the progress of bulk data (-inf: never); on a slow line a TLS record alone takes
    seconds, and so parts of one count. `written`: how fast the other side, or a
    limit, has let us write lately.
    """

    def __init__(self, tls: TlsStream, bounds: FrameBounds | None = None) -> None:
        self.certificate = tls.certificate
        self.address = tls.address
        self.written = Rate()
        self._answered = False
        self._payload_at = -inf
        self._tls = tls
        self._incoming = _Incoming(bounds)
        self._queues = {False: _Queue(), True: _Queue()}
        self._room = trio.lowlevel.ParkingLot()
        self._wake = trio.Event()
        self._ending = False
        self._lost: PeerFault | ConnectionLost | None = None
        self._written = trio.Event()
        # The writer's own scope: that of the nursery would cancel the body of `async with`, too.
        self._writing = trio.CancelScope()
        self._manager = trio.open_nursery()
        self._nursery: trio.Nursery | None = None

    async def __aenter__(self) -> Self:
        self._nursery = await self._manager.__aenter__()
        self._nursery.start_soon(self._write)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._nursery is not None
        try:
            await self.aclose()
        finally:  # a nursery that was entered is left, whatever happens
            self._writing.cancel()
            # Not passing the error on: the nursery would wrap it in a group. It goes on from here.
            await self._manager.__aexit__(None, None, None)

    @property
    def heard_at(self) -> float:
        """See above."""
        return self._tls.heard_at

    @property
    def payload_at(self) -> float:
        """See above."""
        return self.heard_at if self._incoming.target() else self._payload_at

    def throttle(self, *, down: Throttle, up: Throttle) -> None:
        """Hold it to these rates from now on."""
        self._tls.down, self._tls.up = down, up

    def count(self, counters: WireCounters) -> None:
        """Count its bytes in these, too, from now on."""
        self._tls.count(counters)

    async def send(self, message: Message) -> None:
        """Queue a message, waiting for room; raises ConnectionLost.

        Cancelled, it has queued nothing.
        """
        await self.room()
        self.put(message)
        if self._nursery is None:
            await self._drain()

    async def room(self, *, bulk: bool = False) -> None:
        """Wait until the queue has room; a `put` without an await in between then finds it."""
        while self._queues[bulk].full and not self._ending:
            await self._room.park()

    def put(self, message: Message, *, bulk: bool = False) -> None:
        """Queue a message at once, `bulk` behind all that isn't; raises ConnectionLost."""
        if self._ending:
            raise self._lost or ConnectionLost(f"The connection with {self.address} is closed.")
        if len(self._queues[bulk]) >= SEND_QUEUE_URGENT_FRAMES_MAX:
            self._break(ConnectionLost(f"{self.address} does not read what it asks for."))
            return
        answers = message.request if isinstance(message, Data | Packed | Delta) else None
        self._queues[bulk].add(pack(*encode(message)), answers)
        self._wake.set()

    def retract(self, request: int) -> bool:
        """Take back the answer to a request; False where its first byte may be on the wire."""
        taken = any(queue.remove(request) for queue in self._queues.values())
        if taken:
            self._room.unpark_all()
        return taken

    async def accepted(self) -> None:
        """Wait until the other side's first bytes came: with TLS 1.3 a client hears only then
        whether its certificate was accepted. Raises like `receive`."""
        if not self._answered:
            await self._fill()

    async def receive(self) -> Message:
        """The next message; raises ConnectionLost, ProtocolFault.

        Cancelled, it has lost nothing but one of more than DECODE_INLINE_BYTES_MAX. Messages that are here already come without a checkpoint;
        they are bounded by one read of the socket.
        """
        while not self._incoming.frames:
            await self._fill()
        message, payload = self._incoming.frames.popleft()
        if len(message) > DECODE_INLINE_BYTES_MAX:
            return await trio.to_thread.run_sync(decode, message, payload)
        return decode(message, payload)

    async def _fill(self) -> None:
        before = self._incoming.payload_bytes
        try:
            await self._tls.receive(self._incoming)
        except (PeerFault, ConnectionLost) as error:
            if self._lost is not None:
                raise self._lost from error
            raise
        # No await since the bytes came: a cancelled reader leaves the frames whole.
        self._answered = True
        if self._incoming.payload_bytes != before:
            self._payload_at = self.heard_at
        if self._tls.wants_write:
            self._wake.set()

    async def _write(self) -> None:
        """The writer: until it is told to end and the queue is empty, or the stream breaks."""
        try:
            with self._writing:
                await self._write_until_told()
        except ConnectionLost as error:
            self._break(error)
        finally:
            self._written.set()

    async def _write_until_told(self) -> None:
        while True:
            await self._drain()
            if self._ending:
                return
            self._wake = trio.Event()
            await self._wake.wait()

    async def _drain(self) -> None:
        while any(self._queues.values()) or self._tls.wants_write:
            if any(self._queues.values()):
                await self._write_some()
            else:
                await self._tls.flush()

    async def _write_some(self) -> None:
        """The frames at the head of the queues, as many as fit one write; a big one in pieces."""
        buffers: list[bytes] = []
        size = 0
        most = self._write_bytes()
        while size < most and (queue := self._first()) is not None:
            frame = queue.take()
            buffers += frame
            size += sum(map(len, frame))
        began = trio.current_time()
        big = buffers.pop() if len(buffers[-1]) > TLS_WRITE_BYTES else b""
        self._tls.encrypt(buffers)
        for chunk in chunks(big):
            self._tls.encrypt([chunk])
            await self._tls.flush()
        await self._tls.flush()
        if size >= MEASURED_BYTES_MIN:
            self.written.add(size, trio.current_time() - began)
        self._room.unpark_all()

    def _first(self) -> "_Queue | None":
        return next((queue for queue in self._queues.values() if queue), None)

    def _write_bytes(self) -> int:
        """Bytes to write at once: on a slow line few, so that what is urgent gets a word in."""
        rate = self.written.bytes_per_second
        return min(TLS_WRITE_BYTES, int(rate * WRITE_SECONDS)) if rate else MEASURED_BYTES_MIN

    def _break(self, error: ConnectionLost) -> None:
        """Nothing can be sent any more; the reader, if there is one, learns it, too."""
        self._lost = self._lost or error
        self._ending = True
        for queue in self._queues.values():
            queue.clear()
        self._wake.set()
        self._room.unpark_all()
        if self._nursery is not None:
            self._writing.cancel()
            self._tls.abort()

    async def aclose(self) -> None:
        """Write what is queued, say goodbye and close; takes 2 * CLOSE_SECONDS at most, also
        when cancelled."""
        self._ending = True
        self._wake.set()
        self._room.unpark_all()
        politely = self._lost is None
        if self._nursery is not None:
            with trio.move_on_after(CLOSE_SECONDS, shield=True):
                await self._written.wait()
            politely = politely and self._written.is_set()
        await self._tls.aclose(politely)
