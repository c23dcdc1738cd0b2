"""The control socket."""

import socket
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from realizefs.daemon.control import Caller, Handler, Lines, answer, serve_control
from realizefs.daemon.home import Home, home_at
from realizefs.model.control import Failed, Progress, Request, decode_answer, encode_request
from realizefs.model.errors import NotFound
from realizefs.model.limits import CONTROL_LINE_BYTES_MAX


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = home_at(str(tmp_path / ("deep" * 40)))  # a socket's path has at most 107 bytes
    made.make_directories()
    return made


async def echo(request: Request, _caller: Caller) -> object:
    return [request.command, dict(request.arguments)]


@asynccontextmanager
async def served(home: Home, handler: Handler) -> AsyncIterator[None]:
    async with trio.open_nursery() as nursery:
        await nursery.start(serve_control, home, handler)
        yield
        nursery.cancel_scope.cancel()


async def connect(home: Home) -> trio.SocketStream:
    directory = home.control.parent / "d"
    directory.symlink_to(home.control)
    stream = await trio.open_unix_socket(directory / home.socket.name)
    directory.unlink()
    return stream


async def test_requests_are_answered_in_order_on_one_connection(home: Home) -> None:
    async with served(home, echo):
        stream = await connect(home)
        lines = Lines(stream)
        await stream.send_all(
            encode_request(Request("a", {"path": "\udcff"})) + encode_request(Request("b", {}))
        )
        assert decode_answer(await lines.next() or b"") == ["a", {"path": "\udcff"}]
        assert decode_answer(await lines.next() or b"") == ["b", {}]
        await stream.aclose()


async def test_only_the_owner_can_connect_and_nothing_stays(home: Home) -> None:
    async with served(home, echo):
        assert stat.S_IMODE(home.socket.lstat().st_mode) == 0o600
    assert not home.socket.exists()


async def test_the_socket_of_a_dead_daemon_is_replaced(home: Home) -> None:
    home.socket.touch()
    async with served(home, echo):
        assert home.socket.is_socket()


async def test_a_line_that_is_no_request_gets_a_sentence(home: Home) -> None:
    async with served(home, echo):
        stream = await connect(home)
        lines = Lines(stream)
        await stream.send_all(b"nonsense\n[]\n")
        for _ in range(2):
            with pytest.raises(Failed):
                decode_answer(await lines.next() or b"")
        await stream.aclose()


async def test_a_line_without_end_ends_the_connection_with_a_sentence(home: Home) -> None:
    async with served(home, echo):
        stream = await connect(home)
        lines = Lines(stream)
        await stream.send_all(b"x" * CONTROL_LINE_BYTES_MAX)
        with pytest.raises(Failed, match="longer than a mebibyte"):
            decode_answer(await lines.next() or b"")
        assert await lines.next() is None
        await stream.aclose()


async def test_a_command_line_that_goes_away_disturbs_nobody(home: Home) -> None:
    async with served(home, echo):
        stream = await connect(home)
        await stream.send_all(encode_request(Request("a", {})))
        await trio.aclose_forcefully(stream)
        again = await connect(home)
        await again.send_all(encode_request(Request("b", {})))
        assert decode_answer(await Lines(again).next() or b"") == ["b", {}]
        await again.aclose()


async def test_progress_comes_before_the_answer(home: Home) -> None:
    async def count(_request: Request, caller: Caller) -> object:
        async with caller.waiting():
            for number in range(3):
                await caller.tell(number)
        return "all"

    async with served(home, count):
        stream = await connect(home)
        lines = Lines(stream)
        await stream.send_all(encode_request(Request("a", {})) * 2)
        told = [decode_answer(await lines.next() or b"") for _ in range(8)]
        assert told == [Progress(0), Progress(1), Progress(2), "all"] * 2
        await stream.aclose()


async def test_what_takes_long_ends_when_the_command_line_hangs_up(home: Home) -> None:
    begun, ended = trio.Event(), trio.Event()

    async def forever(_request: Request, caller: Caller) -> object:
        try:
            async with caller.waiting():
                begun.set()
                await trio.Event().wait()
        finally:
            ended.set()
        return None

    async with served(home, forever):
        stream = await connect(home)
        await stream.send_all(encode_request(Request("a", {})))
        await begun.wait()
        await stream.aclose()
        with trio.fail_after(60):
            await ended.wait()


async def test_errors_become_answers() -> None:
    async def refuse(request: Request, _caller: Caller) -> object:
        if request.command == "foreseen":
            raise NotFound("There is no such thing.") from OSError(5, "disk")
        if request.command == "system":
            raise PermissionError(13, "denied", b"/a\xff")
        if request.command == "together":
            raise ExceptionGroup("tasks", [NotFound("One of several.")])
        raise ZeroDivisionError("by zero")

    async def failure(command: str) -> Failed:
        with pytest.raises(Failed) as caught:
            decode_answer(await answer(refuse, encode_request(Request(command, {})), Caller()))
        return caught.value

    foreseen = await failure("foreseen")
    assert (foreseen.sentence, foreseen.status) == ("There is no such thing.", 2)
    assert foreseen.kind == "NotFound"
    assert foreseen.causes == ("OSError: [Errno 5] disk",)
    assert (await failure("system")).sentence == '"/a\udcff": Permission denied.'
    assert (await failure("together")).sentence == "One of several."
    assert "bug" in (await failure("unforeseen")).sentence


def test_the_path_of_the_socket_would_be_too_long_for_the_kernel(home: Home) -> None:
    with socket.socket(socket.AF_UNIX) as plain, pytest.raises(OSError, match="too long"):
        plain.bind(str(home.socket))
