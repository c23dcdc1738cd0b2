"""What NetworkManager says over D-Bus, said here by one of our own on a bus of our own."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest
import trio
from jeepney import MessageType, message_bus, new_error, new_method_return
from jeepney.io.blocking import DBusConnection, open_dbus_connection

from realizefs.net import metered
from realizefs.net.metered import follow_metered, is_metered


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[str]:
    """A bus with nobody on it."""
    command = ["dbus-daemon", "--session", "--nofork", "--print-address"]
    address = f"--address=unix:path={tmp_path}/bus"
    with subprocess.Popen([*command, address], stdout=subprocess.PIPE, text=True) as daemon:
        try:
            assert daemon.stdout is not None
            yield daemon.stdout.readline().strip()
        finally:
            daemon.terminate()


@contextmanager
def network_manager(bus: str, says: list[int | None]) -> Iterator[None]:
    """One that says the next each time it is asked; None: it has no such property."""
    connection = open_dbus_connection(bus)
    connection.send_and_get_reply(message_bus.RequestName(metered.MANAGER.bus_name))
    thread = Thread(target=_answer, args=(connection, says))
    thread.start()
    try:
        yield
        thread.join()
    finally:
        connection.close()


def _answer(connection: DBusConnection, says: list[int | None]) -> None:
    for one in says:
        while (asked := connection.receive()).header.message_type is not MessageType.method_call:
            pass
        assert asked.body == (metered.MANAGER.interface, "Metered")
        if one is None:
            connection.send(new_error(asked, "org.freedesktop.DBus.Error.UnknownProperty"))
        else:
            connection.send(new_method_return(asked, "v", (("u", one),)))


@pytest.mark.parametrize(
    ("says", "is_so"), [(0, False), (1, True), (2, False), (3, True), (4, False), (None, False)]
)
async def test_what_is_said(bus: str, says: int | None, is_so: bool) -> None:
    with network_manager(bus, [says]):
        assert await is_metered(bus) is is_so


async def test_it_is_told_again(bus: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metered, "LOOK_SECONDS", 0.01)
    heard: list[bool] = []
    with network_manager(bus, [1, 2, 1]):
        with trio.CancelScope() as scope:

            def told(is_so: bool) -> None:
                heard.append(is_so)
                if len(heard) == 3:
                    scope.cancel()

            await follow_metered(told, bus)
    assert heard == [True, False, True]


async def test_nobody_says(bus: str, tmp_path: Path) -> None:
    assert not await is_metered(bus)
    assert not await is_metered(f"unix:path={tmp_path}/nothing")
    assert not await is_metered("nonsense")
