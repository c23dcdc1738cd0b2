"""The control socket: the command line's way to a running daemon.

Requests of one connection are answered in order; connections are served at the same time. What
takes long tells how far it is, and ends when whoever asked hangs up (`Caller`). Only the owner of
the home can connect. The socket is bound through the directory's descriptor, since
a unix socket's path has at most 107 bytes and a home may be deeper than that.
"""

import logging
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import trio

from realizefs.daemon.failures import failed, first_of
from realizefs.daemon.home import Home
from realizefs.model.control import (
    BadControlLine,
    Request,
    decode_request,
    encode_failure,
    encode_progress,
    encode_result,
)
from realizefs.model.errors import RealizeError
from realizefs.model.limits import CONTROL_CONNECTIONS_MAX, CONTROL_LINE_BYTES_MAX

log = logging.getLogger(__name__)

Handler = Callable[[Request, "Caller"], Awaitable[object]]

RECEIVE_BYTES = 64 * 1024

TELL_SECONDS = 0.5
"""Seconds between what is told of how far a command is."""


class Caller:
    """Whoever waits for the answer to one request: at the end of a pipe, deaf to progress."""

    async def tell(self, progress: object) -> None:
        """How far it is."""

    async def say(self, question: object) -> None:
        """What it must hear to go on."""

    async def hear(self) -> bytes | None:
        """The next line from it; None once it doesn't wait any more."""
        return None

    @asynccontextmanager
    async def waiting(self) -> AsyncIterator[None]:
        """What is inside is cancelled when the caller doesn't wait any more."""
        yield


class Connected(Caller):
    """The one at the other end of a connection."""

    def __init__(self, stream: trio.SocketStream, lines: "Lines") -> None:
        self._stream = stream
        self._lines = lines

    async def tell(self, progress: object) -> None:
        """How far it is, where anybody still hears it."""
        with suppress(trio.BrokenResourceError):  # `waiting` sees that, too
            await self._stream.send_all(encode_progress(progress))

    async def say(self, question: object) -> None:
        """See `Caller`."""
        await self.tell(question)

    async def hear(self) -> bytes | None:
        """See `Caller`."""
        with suppress(trio.BrokenResourceError):
            return await self._lines.next()
        return None

    @asynccontextmanager
    async def waiting(self) -> AsyncIterator[None]:
        """See `Caller`. Nothing else reads the connection meanwhile."""
        async with trio.open_nursery() as nursery:

            async def watch() -> None:
                await self._lines.ended()
                nursery.cancel_scope.cancel()

            nursery.start_soon(watch)
            yield
            nursery.cancel_scope.cancel()


@asynccontextmanager
async def telling(caller: Caller, how_far: Callable[[], object]) -> AsyncIterator[None]:
    """Tell the caller what `how_far` says: at once, now and then, and when what is inside is done; None
    is nothing to tell yet."""

    async def tell() -> None:
        said = how_far()
        if said is not None:
            await caller.tell(said)

    async def tell_forever() -> None:
        while True:
            await tell()
            await trio.sleep(TELL_SECONDS)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(tell_forever)
        yield
        nursery.cancel_scope.cancel()
    await tell()


async def answer(handler: Handler, line: bytes, caller: Caller) -> bytes:
    """The answer line to a request line; errors become answers, never exceptions."""
    try:
        return encode_result(await handler(decode_request(line), caller))
    except Exception as raised:
        error = first_of(raised)
        if not isinstance(error, (RealizeError, OSError)):
            log.exception("A command failed in an unforeseen way")
        return encode_failure(failed(error))


async def serve_control(
    home: Home,
    handler: Handler,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Answer requests until cancelled. The caller holds the home's lock, so a socket that is
    there already belongs to a dead daemon."""
    directory = os.open(home.control, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        listener = trio.SocketListener(trio.socket.from_stdlib_socket(_bind(directory, home)))
        limit = trio.CapacityLimiter(CONTROL_CONNECTIONS_MAX)

        async def serve(stream: trio.SocketStream) -> None:
            async with limit:
                await _serve_connection(stream, handler)

        try:
            task_status.started()  # it is listening: who connects now is answered soon
            await trio.serve_listeners(serve, [listener])
        finally:
            os.unlink(home.socket.name, dir_fd=directory)
    finally:
        os.close(directory)


async def _serve_connection(stream: trio.SocketStream, handler: Handler) -> None:
    lines = Lines(stream)
    async with stream:
        try:
            while (line := await lines.next()) is not None:
                await stream.send_all(await answer(handler, line, Connected(stream, lines)))
        except BadControlLine as error:
            await stream.send_all(encode_failure(failed(error)))
        except trio.BrokenResourceError:
            log.debug("A command line went away before its answer")


class Lines:
    """Splits a stream into lines, each of at most CONTROL_LINE_BYTES_MAX bytes."""

    def __init__(self, stream: trio.abc.ReceiveStream) -> None:
        self._stream = stream
        self._buffer = bytearray()

    async def next(self) -> bytes | None:
        """The next line with its end; None at the end of the stream; raises BadControlLine."""
        searched = 0
        while (end := self._buffer.find(b"\n", searched)) < 0:
            searched = len(self._buffer)
            if searched >= CONTROL_LINE_BYTES_MAX:
                raise BadControlLine("The command is longer than a mebibyte; name fewer things.")
            data = await self._stream.receive_some(RECEIVE_BYTES)
            if not data:
                return None
            self._buffer += data
        line = bytes(self._buffer[: end + 1])
        del self._buffer[: end + 1]
        return line

    async def ended(self) -> None:
        """Wait for the end of the stream; what comes before it is kept. Who sends more than a line
        may have meanwhile waits until the lines are taken: his end isn't seen before."""
        while len(self._buffer) < CONTROL_LINE_BYTES_MAX:
            try:
                data = await self._stream.receive_some(RECEIVE_BYTES)
            except trio.BrokenResourceError:
                return
            if not data:
                return
            self._buffer += data
        await trio.sleep_forever()


def _bind(directory: int, home: Home) -> socket.socket:
    name = home.socket.name
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    # No await here: the process's umask is back before another task runs.
    umask = os.umask(0o177)
    try:
        if os.path.lexists(home.socket):
            os.unlink(name, dir_fd=directory)
        listening.bind(f"/proc/self/fd/{directory}/{name}")
        listening.listen(16)
    except BaseException:
        listening.close()
        raise
    finally:
        os.umask(umask)
    return listening
