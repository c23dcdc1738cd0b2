"""TLS over a trio stream by hand: `ssl.SSLObject` between two memory buffers.

Why not `trio.SSLStream`: each of its reads ends at a TLS record of 16 KiB and goes through the
scheduler. Here one read of the socket brings up to a MiB, which is decrypted in one go; it
moves more than twice as much (DESIGN 7.3, scripts/bench_channel.py).

Theory. All calls of the SSLObject are synchronous, on one thread. There is one reader, which
alone reads the stream, and one writer, which alone writes it. Reading may make TLS want to write
(a key update): `wants_write` says so and the owner wakes the writer. A cancelled `receive` loses
nothing: between the socket's bytes coming and their being in the buffer there is no await. A
cancelled `flush` leaves the stream unusable, so only the owner's end cancels it.
"""

import ssl
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from math import inf
from typing import Protocol, cast

import trio

from realizefs.codec.buffers import BUFFERS
from realizefs.model.errors import ConnectionLost, PeerFault, ProtocolFault
from realizefs.model.limits import CLOSE_SECONDS, TLS_READ_BYTES, TLS_WRITE_BYTES
from realizefs.net.throttle import Throttle

_RECORD_BYTES = 16 * 1024
"""What one TLS record carries at most; SSL_read returns no more than one."""

_SMALL_BYTES = 4 * 1024
"""Buffers below this are joined: copying them is cheaper than a TLS record each."""

_NOT_ACCEPTED = (
    "ALERT_UNKNOWN_CA",
    "ALERT_CERTIFICATE_REQUIRED",
    "ALERT_CERTIFICATE_UNKNOWN",
    "ALERT_BAD_CERTIFICATE",
    "ALERT_UNSUPPORTED_CERTIFICATE",
    "ALERT_CERTIFICATE_EXPIRED",
    "ALERT_CERTIFICATE_REVOKED",
    "ALERT_ACCESS_DENIED",
    "ALERT_DECRYPT_ERROR",
)
"""How OpenSSL calls the alerts (after TLSV1_, TLSV13_, SSLV3_) that mean: not you."""


@dataclass(slots=True)
class WireCounters:
    """Bytes on all sockets that share these counters, TLS included."""

    bytes_in: int = 0
    bytes_out: int = 0


class Sink(Protocol):
    """Where decrypted bytes go."""

    def target(self) -> memoryview:
        """Memory for the next bytes; empty where they are to be fed."""
        ...

    def filled(self, count: int) -> None:
        """So many are in `target`."""
        ...

    def feed(self, data: bytes) -> None:
        """The next bytes; may be none."""
        ...


class TlsStream:
    """TLS on a stream; `address` is the other side's, for sentences; `down` and `up` what holds
    reading and writing back; `heard_at` the trio time at which bytes last came, whole records or not
    (-inf: never)."""

    def __init__(
        self,
        stream: trio.abc.Stream,
        context: ssl.SSLContext,
        server_side: bool,
        address: str,
        counters: WireCounters,
    ) -> None:
        self.address = address
        self.heard_at = -inf
        self.down = self.up = Throttle()
        self._stream = stream
        self._counters = counters
        self._others: list[WireCounters] = []
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._aborted = False
        self._buffer: memoryview | None = None
        self._decrypted_bytes = 0
        self._read = 0  # bytes read since the last rest
        self._torn = False  # a write was cut off in the middle: nothing sensible can follow it
        self._reading: trio.CancelScope | None = None
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=server_side)

    @property
    def certificate(self) -> bytes:
        """DER of what the other side has shown; b"" if nothing."""
        return self._tls.getpeercert(binary_form=True) or b""

    @property
    def wants_write(self) -> bool:
        """Whether TLS itself has something to write."""
        return self._outgoing.pending > 0

    def count(self, counters: WireCounters) -> None:
        """Count in these, too, from now on."""
        self._others.append(counters)

    async def handshake(self) -> None:
        """Raises ProtocolFault, PeerFault (a certificate) or ConnectionLost."""
        while True:
            try:
                self._tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                await self.flush()
                await self._fill()
            except ssl.SSLError as error:
                await self._say_goodbye()
                raise self._translated(error) from error
        await self.flush()

    async def receive(self, sink: Sink) -> None:
        """Decrypt into `sink` what is here, at least a byte; raises ConnectionLost at the end of the
        stream, and what the sink raises."""
        while not self._decrypted(sink):
            await self.rest()
            await self._fill()

    def _decrypted(self, sink: Sink) -> bool:
        """Whether something was here; the end of the stream is told only when nothing is before it."""
        before = self._decrypted_bytes
        try:
            while self._decrypt_some(sink):
                pass
        except ssl.SSLWantReadError:
            return self._decrypted_bytes != before
        except ssl.SSLError as error:
            if self._decrypted_bytes == before:
                raise self._translated(error) from error
        if self._decrypted_bytes == before:  # their goodbye was read
            raise self._ended()
        return True

    def _decrypt_some(self, sink: Sink) -> bool:
        """A record, or what fits the sink's target; False at the end."""
        target = sink.target()
        if target:
            return self._decrypt_into(target, sink)
        piece = self._tls.read(_RECORD_BYTES)
        sink.feed(piece)
        self._decrypted_bytes += len(piece)
        return bool(piece)

    def _decrypt_into(self, target: memoryview, sink: Sink) -> bool:
        # The sink is told once: each call costs a third of what decrypting a record does.
        read, size, done = self._tls.read, len(target), 0
        try:
            while done < size:
                count = cast("int", read(size - done, target[done:]))
                if not count:
                    return False
                done += count
            return True
        finally:
            if done:
                sink.filled(done)
                self._decrypted_bytes += done

    async def _fill(self) -> None:
        data: bytes | bytearray | memoryview = b""
        scope = self._reading = trio.CancelScope()
        if self._aborted:
            scope.cancel()
        try:
            with scope:
                data = await self._receive_some(self.down.piece(TLS_READ_BYTES))
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            raise self._ended() from error
        finally:
            self._reading = None
        if scope.cancelled_caught:
            raise self._ended()
        for counters in (self._counters, *self._others):
            counters.bytes_in += len(data)
        self._read += len(data)
        if data:
            self.heard_at = trio.current_time()
            self._incoming.write(data)
        else:
            self._incoming.write_eof()

    async def _receive_some(self, most: int) -> bytes | bytearray | memoryview:
        """Into the same memory each time, where that can be: see `codec.buffers`."""
        if not isinstance(self._stream, trio.SocketStream):
            return await self._stream.receive_some(most)
        if self._buffer is None:
            self._buffer = BUFFERS.take(TLS_READ_BYTES)
        try:
            count = await self._stream.socket.recv_into(self._buffer[:most])
        except OSError as error:
            raise trio.BrokenResourceError(str(error)) from error
        return self._buffer[:count]

    async def rest(self) -> None:
        """Wait until more may be read. Apart from reading, so that what is here isn't kept back."""
        read, self._read = self._read, 0
        if read:
            await self.down.passed(read)

    def encrypt(self, buffers: Iterable[bytes | memoryview]) -> None:
        """Encrypt these in order; `flush` writes them. ConnectionLost after the other's end."""
        try:
            self._encrypt(buffers)
        except ssl.SSLError as error:  # it has ended already; why, the reader learns
            raise self._ended() from error

    def _encrypt(self, buffers: Iterable[bytes | memoryview]) -> None:
        small: list[bytes | memoryview] = []
        for buffer in buffers:
            if len(buffer) < _SMALL_BYTES:
                small.append(buffer)
                continue
            if small:
                self._tls.write(b"".join(small))
                small.clear()
            self._tls.write(buffer)
        if small:
            self._tls.write(b"".join(small))

    async def flush(self) -> None:
        """Write what is encrypted; raises ConnectionLost."""
        while data := self._outgoing.read():
            self._torn = True
            try:
                await self._send(memoryview(data))
            except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
                raise self._ended() from error
            self._torn = False

    async def _send(self, data: memoryview) -> None:
        while data:
            piece = data[: self.up.piece(len(data))]
            for counters in (self._counters, *self._others):
                counters.bytes_out += len(piece)
            await self._stream.send_all(piece)
            await self.up.passed(len(piece))
            data = data[len(piece) :]

    def abort(self) -> None:
        """Whoever reads now, or tries it later, gets ConnectionLost."""
        self._aborted = True
        if self._reading is not None:
            self._reading.cancel()

    async def aclose(self, politely: bool) -> None:
        """Close; `politely`: say goodbye first, within CLOSE_SECONDS even when cancelled."""
        if politely and not self._torn:
            with suppress(ssl.SSLError):  # it wants to read theirs: ours is in the buffer then
                self._tls.unwrap()
            await self._say_goodbye()
        await trio.aclose_forcefully(self._stream)

    async def _say_goodbye(self) -> None:
        """Write what is left, then read until the other side has closed, too.

        A socket closed with unread bytes is reset, and the reset may overtake our last words.
        """
        with trio.move_on_after(CLOSE_SECONDS, shield=True):
            try:
                await self.flush()
                if isinstance(self._stream, trio.abc.HalfCloseableStream):
                    await self._stream.send_eof()
                while await self._stream.receive_some(TLS_READ_BYTES):
                    pass
            except (ConnectionLost, trio.BrokenResourceError, trio.ClosedResourceError):
                pass  # the other side was faster
            except trio.BusyResourceError:
                pass  # somebody still reads; the end of the stream ends that

    def _ended(self) -> ConnectionLost:
        return ConnectionLost(f"The connection with {self.address} was lost.")

    def _translated(self, error: ssl.SSLError) -> ConnectionLost | PeerFault:
        reason = error.reason or ""
        if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
            return self._ended()
        if isinstance(error, ssl.SSLCertVerificationError):
            return PeerFault(f"{self.address} shows a certificate that is not the expected one.")
        if reason.endswith(_NOT_ACCEPTED):
            return PeerFault(
                f"{self.address} does not accept this machine's certificate:"
                " it was not invited, or was removed."
            )
        shown = reason.lower().replace("_", " ") or "garbage"
        return ProtocolFault(f"{self.address} does not speak the protocol ({shown}).")


def chunks(buffer: bytes) -> Iterable[memoryview]:
    """A big buffer in pieces that are encrypted at once."""
    view = memoryview(buffer)
    return (view[i : i + TLS_WRITE_BYTES] for i in range(0, len(view), TLS_WRITE_BYTES))
