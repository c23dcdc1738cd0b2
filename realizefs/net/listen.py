"""Listening for peers: TLS within a deadline, exactly the known certificates, everything bounded.

What is not a peer costs one line in the log and nothing else.
"""

import errno
import logging
import socket
import ssl
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence

import trio

from realizefs.codec.frames import FrameBounds
from realizefs.model.errors import ConnectionLost, Misuse, PeerFault, RealizeError
from realizefs.model.limits import (
    CONNECTIONS_PENDING_MAX,
    CONNECTIONS_PER_PEER_MAX,
    HANDSHAKE_SECONDS,
    JOIN_MESSAGE_BYTES_MAX,
)
from realizefs.net.address import parse_address, show_socket_address
from realizefs.net.channel import Channel
from realizefs.net.identity import Identity
from realizefs.net.tls import listener_context
from realizefs.net.tls_stream import TlsStream, WireCounters

log = logging.getLogger("realizefs.net")

Handler = Callable[[Channel], Awaitable[None]]
JoinHandler = Callable[[Channel, trio.CancelScope], Awaitable[None]]
"""Gets the scope that ends it, and may put its deadline off."""

_PORT_TRIES = 20
"""Times that a port free on one family may turn out to be taken on the other."""


async def listen(
    addresses: Sequence[str],
    identity: Identity,
    known: Callable[[], Sequence[bytes]],
    on_peer: Handler,
    on_joiner: JoinHandler,
    counters: WireCounters,
    task_status: trio.TaskStatus[list[str]] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Listen at `addresses` until cancelled; started with the addresses in fact bound.

    `known` gives the DER certificates of the roster, asked at each connection. `on_peer` gets a
    channel with one of them; `on_joiner` a channel without certificate, and HANDSHAKE_SECONDS in
    all unless it puts that off. Both own the channel while they run, and it is closed after them. What they raise of
    RealizeError is logged. Raises Misuse if an address can't be bound.
    """
    listeners: list[trio.SocketListener] = []
    try:
        for address in addresses:
            listeners += await _bind(address)
        door = _Door(identity, known, on_peer, on_joiner, counters)
        bound = [show_socket_address(each.socket.getsockname()) for each in listeners]
        async with trio.open_nursery() as nursery:
            for listener in listeners:
                nursery.start_soon(trio.serve_listeners, door.accept, [listener])
            task_status.started(bound)
    finally:
        for listener in listeners:
            listener.socket.close()


class _Door:
    """What happens to a connection that comes in."""

    def __init__(
        self,
        identity: Identity,
        known: Callable[[], Sequence[bytes]],
        on_peer: Handler,
        on_joiner: JoinHandler,
        counters: WireCounters,
    ) -> None:
        self._identity = identity
        self._known = known
        self._on_peer = on_peer
        self._on_joiner = on_joiner
        self._counters = counters
        self._pending = 0
        self._connected: Counter[bytes] = Counter()
        self._trusted: tuple[bytes, ...] | None = None
        self._context: ssl.SSLContext | None = None

    async def accept(self, stream: trio.SocketStream) -> None:
        """Handle one connection; closes it, raises nothing that the other side caused."""
        try:
            address = show_socket_address(stream.socket.getpeername())
        except OSError:
            await trio.aclose_forcefully(stream)  # gone before we looked
            return
        if self._pending >= CONNECTIONS_PENDING_MAX:
            log.warning("A connection from %s was closed: too many at once.", address)
            await trio.aclose_forcefully(stream)
            return
        self._pending += 1
        try:
            channel = await self._handshake(stream, address)
            if channel is not None and not channel.certificate:
                await self._join(channel)
        finally:
            self._pending -= 1
        if channel is not None and channel.certificate:
            await self._peer(channel)

    async def _handshake(self, stream: trio.SocketStream, address: str) -> Channel | None:
        tls = TlsStream(stream, self._current_context(), True, address, self._counters)
        reason = f"{address} did not finish its handshake within {HANDSHAKE_SECONDS:.0f} s."
        try:
            with trio.move_on_after(HANDSHAKE_SECONDS):
                await tls.handshake()
                if not tls.certificate:
                    return Channel(tls, FrameBounds(message=JOIN_MESSAGE_BYTES_MAX, payload=0))
                if tls.certificate in self._known():
                    return Channel(tls)
                reason = _stranger(address)
        except ConnectionLost:
            reason = f"{address} left during its handshake."
        except PeerFault as error:
            unknown = isinstance(error.__cause__, ssl.SSLCertVerificationError)
            reason = _stranger(address) if unknown else str(error)
        except BaseException:
            await tls.aclose(politely=False)
            raise
        log.warning("A connection was refused: %s", reason)
        await tls.aclose(politely=False)
        return None

    def _current_context(self) -> ssl.SSLContext:
        trusted = tuple(self._known())
        if self._context is None or trusted != self._trusted:
            self._context = listener_context(self._identity, trusted)
            self._trusted = trusted
        return self._context

    async def _join(self, channel: Channel) -> None:
        with trio.move_on_after(HANDSHAKE_SECONDS) as scope:
            await self._hand_over(channel, lambda joiner: self._on_joiner(joiner, scope))
        if scope.cancelled_caught:
            log.warning("%s was too slow to join.", channel.address)

    async def _peer(self, channel: Channel) -> None:
        certificate = channel.certificate
        if self._connected[certificate] >= CONNECTIONS_PER_PEER_MAX:
            log.warning("A connection from %s was closed: it has too many.", channel.address)
            await channel.aclose()
            return
        self._connected[certificate] += 1
        try:
            await self._hand_over(channel, self._on_peer)
        finally:
            self._connected[certificate] -= 1
            self._connected += Counter()  # forgets those at zero

    async def _hand_over(self, channel: Channel, handler: Handler) -> None:
        try:
            await handler(channel)
        except ConnectionLost as error:
            log.debug("%s", error)
        except RealizeError as error:
            log.warning("The connection from %s ended: %s", channel.address, error)
        finally:
            await channel.aclose()


def _stranger(address: str) -> str:
    return f"the certificate of {address} is not in the roster."


async def _bind(address: str) -> list[trio.SocketListener]:
    """Listeners on all families of an address; port 0 becomes the same port on all of them."""
    host, port = parse_address(address)
    try:
        found = await trio.socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except OSError as error:
        raise Misuse(f'The host of "{address}" can\'t be found: {error.strerror}.') from error
    places = list(dict.fromkeys((family, where) for family, _, _, _, where in found))
    for _ in range(_PORT_TRIES):
        try:
            return _bind_all(places)
        except OSError as error:
            if port or error.errno != errno.EADDRINUSE:
                raise Misuse(f"Can't listen at {address}: {error.strerror}.") from error
    raise Misuse(f"Can't listen at {address}: no port is free on all its families.")


def _bind_all(places: Sequence[tuple[int, tuple[object, ...]]]) -> list[trio.SocketListener]:
    listeners: list[trio.SocketListener] = []
    missing: OSError | None = None
    port = 0
    try:
        for family, where in places:
            try:
                bound = _bind_one(family, (where[0], where[1] or port, *where[2:]))
            except OSError as error:
                if error.errno not in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL):
                    raise
                missing = error  # a machine without IPv6, say; the other family will do
                continue
            port = bound.getsockname()[1]
            listeners.append(trio.SocketListener(bound))
        if missing is not None and not listeners:
            raise missing
    except BaseException:
        for listener in listeners:
            listener.socket.close()
        raise
    return listeners


def _bind_one(family: int, where: tuple[object, ...]) -> trio.socket.SocketType:
    plain = socket.socket(family, socket.SOCK_STREAM)
    try:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            plain.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        plain.bind(where)
        plain.listen(CONNECTIONS_PENDING_MAX)
        return trio.socket.from_stdlib_socket(plain)
    except BaseException:
        plain.close()
        raise
