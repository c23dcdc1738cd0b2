"""What a service manager hears."""

import logging
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from realizefs.daemon.readiness import VARIABLE, ServiceManager


@pytest.mark.parametrize("abstract", [False, True])
def test_a_manager_hears_that_it_is_ready_and_that_it_stops(tmp_path: Path, abstract: bool) -> None:
    address = f"@realizefs-test{tmp_path}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind("\0" + address[1:] if abstract else address)
        environment = {VARIABLE: address, "PATH": "/bin"}
        manager = ServiceManager(environment)
        manager.ready("The arena\nis mounted.")
        manager.stopping()
        assert listening.recv(1000) == b"READY=1\nSTATUS=The arena is mounted."
        assert listening.recv(1000) == b"STOPPING=1"
    assert environment == {"PATH": "/bin"}, "programs that are started later don't speak for it"


def test_without_a_manager_nothing_is_said() -> None:
    ServiceManager({}).ready("Up.")


def test_a_manager_that_is_gone_is_only_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        ServiceManager({VARIABLE: str(tmp_path / "gone")}).ready("Up.")
    assert "READY=1" in caplog.text


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[socket.socket]:
    """What a service manager hears with."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(str(tmp_path / "notify"))
        channel.setblocking(False)
        yield channel


def environment(tmp_path: Path, **more: str) -> dict[str, str]:
    return {VARIABLE: str(tmp_path / "notify"), **more}


def heard(listening: socket.socket) -> list[bytes]:
    said = []
    while True:
        try:
            said.append(listening.recv(1000))
        except BlockingIOError:
            return said


async def test_the_watchdog_is_fed_thrice_in_its_time_and_news_are_told(
    tmp_path: Path, listening: socket.socket, autojump_clock: MockClock
) -> None:
    given = environment(tmp_path, WATCHDOG_USEC="6000000", WATCHDOG_PID=str(os.getpid()))
    manager, standing = ServiceManager(given), "desk: 1 arena."
    assert given == {}
    with trio.move_on_after(5):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(manager.keep, lambda: standing)
            await trio.sleep(3)
            standing = "desk: 2 arenas."
    assert heard(listening) == [
        b"WATCHDOG=1\nSTATUS=desk: 1 arena.",
        b"WATCHDOG=1\nSTATUS=desk: 2 arenas.",
    ]


async def test_a_loop_that_takes_no_turns_does_not_feed_it(
    tmp_path: Path, listening: socket.socket, autojump_clock: MockClock
) -> None:
    """The feeding is a task like the others: nothing feeds it from outside of the loop."""
    manager = ServiceManager(environment(tmp_path, WATCHDOG_USEC="3000000"))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(manager.keep, str)
        await trio.testing.wait_all_tasks_blocked()
        autojump_clock.jump(60)  # a minute in which no task had its turn
        assert heard(listening) == []
        await trio.sleep(0.1)
        assert heard(listening) == [b"WATCHDOG=1"]
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    "watchdog", [{}, {"WATCHDOG_USEC": "1000", "WATCHDOG_PID": "1"}, {"WATCHDOG_USEC": "soon"}]
)
async def test_a_watchdog_of_somebody_else_is_not_fed(
    tmp_path: Path,
    listening: socket.socket,
    autojump_clock: MockClock,
    watchdog: dict[str, str],
) -> None:
    with trio.move_on_after(100):
        await ServiceManager(environment(tmp_path, **watchdog)).keep(lambda: "Well.")
    assert heard(listening) == [b"STATUS=Well."]
