"""HTTP/1.1 for programs of this machine: a small server on a loopback address, with bounds on everything.

h11 does the protocol; here are connections, deadlines and sizes. Whoever may ask, and for what, is the
handler's business; that nobody from outside is heard is this module's: it binds loopback addresses only.
"""

import ipaddress
import logging
import socket
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import cast

import h11
import trio

from realizefs.model.errors import Misuse, StoreFault

log = logging.getLogger(__name__)

CONNECTIONS_MAX = 32
"""A browser opens six; as many more wait, and what comes beyond these is hung up on."""

HEADERS_BYTES_MAX = 16 * 1024
"""Those of a browser have a tenth of that."""

BODY_BYTES_MAX = 256 * 1024
"""A hundred of the longest paths Linux has."""

ANSWER_SECONDS = 120.0
"""For a request to be answered, and the answer taken: some commands look at a million files."""

IDLE_SECONDS = 60.0
"""For the next request of a connection to come, whole."""

_READ_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Request:
    """`path` and `query` as they were sent, percent signs included; header names in lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Response:
    """A whole answer."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


Handler = Callable[[Request], Awaitable[Response]]


class _TooMuch(Exception):
    """More than a bound allows."""


def loopback_socket(host: str, port: int) -> socket.socket:
    """A listening socket there; port 0 is any. Misuse for an address of the network, StoreFault where
    it is taken."""
    try:
        address = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host.strip("[]"))
    except ValueError as error:
        raise Misuse(
            f'"{host[:60]}" is no address of this machine; write 127.0.0.1 or [::1].'
        ) from error
    if not address.is_loopback:
        raise Misuse(
            f"{host} is reached from outside, and this is for this machine alone; write 127.0.0.1."
        )
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((str(address), port))
        listening.listen(CONNECTIONS_MAX)
    except OSError as error:
        listening.close()
        raise StoreFault(f"Nothing can listen at {host}:{port}: {error.strerror}.") from error
    return listening


async def serve_http(
    listening: socket.socket,
    handler: Handler,
    task_status: trio.TaskStatus[list[trio.SocketListener]] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Answer requests until cancelled. What a handler doesn't foresee is logged, and answered 500."""
    listener = trio.SocketListener(trio.socket.from_stdlib_socket(listening))
    several = trio.CapacityLimiter(CONNECTIONS_MAX)
    await trio.serve_listeners(
        partial(_serve_connection, several, handler), [listener], task_status=task_status
    )


async def _serve_connection(
    several: trio.CapacityLimiter, handler: Handler, stream: trio.SocketStream
) -> None:
    """One connection after the other's request; whatever comes of it ends with it."""
    if several.statistics().tasks_waiting >= CONNECTIONS_MAX:
        log.debug("A connection was hung up on: %d wait before it.", CONNECTIONS_MAX)
        await trio.aclose_forcefully(stream)
        return
    async with stream, several:
        try:
            await _Connection(stream, handler).run()
        except (
            h11.RemoteProtocolError,
            trio.BrokenResourceError,
            trio.ClosedResourceError,
        ) as error:
            log.debug("A connection ended: %s", error)


class _Connection:
    def __init__(self, stream: trio.SocketStream, handler: Handler) -> None:
        self._stream = stream
        self._handler = handler
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=HEADERS_BYTES_MAX)

    async def run(self) -> None:
        """Until either side is through."""
        while self._http.states[h11.CLIENT] is h11.IDLE:
            request = await self._asked()
            if request is None:
                return
            with trio.move_on_after(ANSWER_SECONDS) as late:
                await self._answer(await self._response(request))
            if late.cancelled_caught or self._http.states[h11.SERVER] is not h11.DONE:
                return
            if self._http.states[h11.CLIENT] is not h11.DONE:
                return
            self._http.start_next_cycle()

    async def _asked(self) -> Request | None:
        """The next request, whole; None where none comes."""
        with trio.move_on_after(IDLE_SECONDS):
            head = await self._event()
            if not isinstance(head, h11.Request):
                return None
            try:
                body = await self._body()
            except _TooMuch:
                await self._answer(Response(413, b"Too much.", {"connection": "close"}))
                return None
            path, _, query = head.target.decode("ascii", "replace").partition("?")
            headers = {
                name.decode("ascii"): value.decode("latin-1") for name, value in head.headers
            }
            return Request(head.method.decode("ascii"), path, query, headers, body)
        return None

    async def _body(self) -> bytes:
        body = bytearray()
        while isinstance(event := await self._event(), h11.Data):
            body += event.data
            if len(body) > BODY_BYTES_MAX:
                raise _TooMuch
        return bytes(body)

    async def _event(self) -> h11.Event | type[h11.PAUSED]:
        while True:
            event = self._http.next_event()
            if event is not h11.NEED_DATA:
                return cast("h11.Event | type[h11.PAUSED]", event)
            self._http.receive_data(await self._stream.receive_some(_READ_BYTES))

    async def _response(self, request: Request) -> Response:
        try:
            return await self._handler(request)
        except Exception:
            log.exception("A request for %s failed in an unforeseen way", request.path[:200])
            return Response(500, b"This failed in an unforeseen way; the log says more.")

    async def _answer(self, response: Response) -> None:
        headers = {"content-length": str(len(response.body)), **response.headers}
        head = h11.Response(status_code=response.status, headers=list(headers.items()))
        parts = [self._http.send(head), self._http.send(h11.Data(data=response.body))]
        parts.append(self._http.send(h11.EndOfMessage()))
        await self._stream.send_all(b"".join(part for part in parts if part))
