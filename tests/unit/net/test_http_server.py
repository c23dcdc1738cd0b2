"""The server of the local page: what it answers, and what it bounds."""

import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import pytest
import trio

from realizefs.model.errors import Misuse, StoreFault
from realizefs.net import http_server
from realizefs.net.http_server import Request, Response, loopback_socket, serve_http
from tests.fakes.peer import until


@asynccontextmanager
async def served(heard: list[Request]) -> AsyncIterator[int]:
    async def handler(request: Request) -> Response:
        heard.append(request)
        if request.path == "/broken":
            raise RuntimeError("unforeseen")
        return Response(200, b"answer " + request.body, {"x-more": "1"})

    listening = loopback_socket("127.0.0.1", 0)
    async with trio.open_nursery() as nursery:
        await nursery.start(serve_http, listening, handler)
        yield listening.getsockname()[1]
        nursery.cancel_scope.cancel()


async def exchange(port: int, *said: bytes) -> bytes:
    """All that comes back until the server hangs up; nothing more is said then."""
    stream = await trio.open_tcp_stream("127.0.0.1", port)
    async with stream:
        with trio.fail_after(10):
            for part in said:
                await stream.send_all(part)
            await stream.send_eof()
            return b"".join([part async for part in stream])


async def test_requests_of_one_connection_are_answered_in_order() -> None:
    heard: list[Request] = []
    first = b"GET /a?b=%20c HTTP/1.1\r\nHost: here\r\nX-Odd: \xff\r\n\r\n"
    second = b"POST /d HTTP/1.1\r\nHost: here\r\nContent-Length: 3\r\n\r\nxyz"
    async with served(heard) as port:
        back = await exchange(port, first + second[:30], second[30:])
    assert back.count(b"HTTP/1.1 200") == 2
    assert b"x-more: 1" in back
    assert back.endswith(b"answer xyz")
    assert [(one.method, one.path, one.query, one.body) for one in heard] == [
        ("GET", "/a", "b=%20c", b""),
        ("POST", "/d", "", b"xyz"),
    ]
    assert heard[0].headers["x-odd"] == "\xff"


async def test_what_a_handler_does_not_foresee_is_500_and_the_server_goes_on() -> None:
    heard: list[Request] = []
    async with served(heard) as port:
        back = await exchange(port, b"GET /broken HTTP/1.1\r\nHost: here\r\n\r\n")
        assert back.startswith(b"HTTP/1.1 500")
        assert b"unforeseen" not in back.replace(b"an unforeseen way", b"")
        assert (await exchange(port, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")).startswith(
            b"HTTP/1.1 200"
        )


async def test_a_body_that_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "BODY_BYTES_MAX", 10)
    heard: list[Request] = []
    async with served(heard) as port:
        head = b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 11\r\n\r\n"
        assert (await exchange(port, head + b"x" * 11)).startswith(b"HTTP/1.1 413")
    assert not heard


@pytest.mark.parametrize(
    "said",
    [
        b"\x16\x03\x01 no HTTP at all\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X: " + b"y" * 20_000,
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab",
        b"",
    ],
)
async def test_garbage_ends_its_connection_alone(said: bytes) -> None:
    heard: list[Request] = []
    async with served(heard) as port:
        assert not await exchange(port, said)
        assert b"200" in await exchange(port, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert len(heard) == 1


async def test_who_says_nothing_is_hung_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "IDLE_SECONDS", 0.05)
    async with served([]) as port:
        stream = await trio.open_tcp_stream("127.0.0.1", port)
        async with stream:
            with trio.fail_after(10):
                assert await stream.receive_some(1) == b""


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "somewhere.example"])
def test_only_this_machine_is_served(host: str) -> None:
    with pytest.raises(Misuse):
        loopback_socket(host, 0)


def test_a_port_that_is_taken_is_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(StoreFault, match=f"127.0.0.1:{port}"):
            loopback_socket("127.0.0.1", port)


async def test_of_too_many_connections_one_is_hung_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two are served, two wait for one of these to end, and the fifth, whichever it is, is too many."""
    monkeypatch.setattr(http_server, "CONNECTIONS_MAX", 2)
    asks = b"GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n"
    ended: list[bytes] = []

    async def listen(stream: trio.SocketStream) -> None:
        ended.append(b"".join([part async for part in stream]))

    async with served([]) as port, AsyncExitStack() as open_ones, trio.open_nursery() as nursery:
        streams = [await trio.open_tcp_stream("127.0.0.1", port) for _ in range(5)]
        for stream in streams:
            await open_ones.enter_async_context(stream)
            nursery.start_soon(listen, stream)
        await until(lambda: ended == [b""])
        for stream in streams:
            with suppress(trio.BrokenResourceError):  # the one that was hung up on
                await stream.send_all(asks)
    assert len([answer for answer in ended if answer.startswith(b"HTTP/1.1 200")]) == 4
