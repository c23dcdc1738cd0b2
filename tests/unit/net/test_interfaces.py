"""The kernel says that an address came or went, or, where it doesn't, it is looked now and then."""

import socket
import subprocess
from collections.abc import Callable
from typing import Any

import pytest
import trio
import trio.testing

from realizefs.net import interfaces
from realizefs.net.interfaces import LOOK_SECONDS, whenever_addresses_change

ADDRESS = "127.77.77.77/32"


async def test_an_address_that_comes_is_noticed(root: None) -> None:
    """Of a loopback address as of any other."""
    looked = trio.Event()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(whenever_addresses_change, looked.set)
        await trio.testing.wait_all_tasks_blocked()
        try:
            await _ip("address", "add", ADDRESS, "dev", "lo")
            with trio.fail_after(30):
                await looked.wait()
        finally:
            await _ip("address", "delete", ADDRESS, "dev", "lo")
        nursery.cancel_scope.cancel()


async def test_a_burst_is_one_look_however_long_it_is(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    news, hears = trio.socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    monkeypatch.setattr(interfaces, "_open", lambda: hears)
    looks: list[float] = []
    with news:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(whenever_addresses_change, lambda: looks.append(trio.current_time()))
            began = trio.current_time()
            for _ in range(5):
                await news.send(b"news")
                await trio.sleep(interfaces.QUIET_SECONDS / 2)
            await trio.sleep(10)
            assert len(looks) == 1
            for _ in range(100):
                await news.send(b"news")
                await trio.sleep(interfaces.QUIET_SECONDS / 2)
            assert looks[1] - began <= 13 + interfaces.BURST_SECONDS_MAX
            nursery.cancel_scope.cancel()


async def test_without_such_a_socket_it_is_looked_now_and_then(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    def refuse() -> Any:
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(interfaces, "_open", refuse)
    looks: list[float] = []
    look: Callable[[], None] = lambda: looks.append(trio.current_time())  # noqa: E731
    with trio.move_on_after(LOOK_SECONDS * 3.5):
        await whenever_addresses_change(look)
    assert len(looks) == 3


async def _ip(*arguments: str) -> None:
    command = ["ip", *arguments]
    done: Any = await trio.run_process(command, capture_stderr=True, check=False)
    assert isinstance(done, subprocess.CompletedProcess)
    assert done.returncode == 0, done.stderr
