"""The unit of `service install`, started as systemd would start it: told when the mount is there, fed,
ended by SIGTERM, and started again after the watchdog has ended it."""

import os
import shlex
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.household.conftest import Household
from tests.household.machines import Machine
from tests.household.waiting import SECONDS, until


class Manager:
    """What of systemd a service sees: a socket, two variables, and signals."""

    def __init__(self, directory: Path, unit: str) -> None:
        self.directory = directory
        lines = dict(line.split("=", 1) for line in unit.splitlines() if "=" in line[1:])
        self.command = shlex.split(lines["ExecStart"])
        assert (lines["Type"], lines["KillMode"]) == ("notify", "mixed")

    @contextmanager
    def started(self) -> Iterator["subprocess.Popen[bytes]"]:
        notify = self.directory / "notify"
        notify.unlink(missing_ok=True)
        environment = {
            **os.environ,
            "NOTIFY_SOCKET": str(notify),
            "WATCHDOG_USEC": "500000",
        }
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as self._socket:
            self._socket.bind(str(notify))
            self._socket.settimeout(SECONDS)
            with (
                (self.directory / "journal").open("ab") as journal,
                subprocess.Popen(self.command, cwd="/", env=environment, stderr=journal) as service,
            ):
                try:
                    yield service
                finally:
                    service.kill()
                    print((self.directory / "journal").read_text())  # noqa: T201 - why it failed

    def hears(self, begins: bytes) -> bytes:
        """The next message that begins so."""
        while not (said := self._socket.recv(1000)).startswith(begins):
            pass
        return said


@pytest.fixture
def desk(household: Household) -> Machine:
    machine = household.machine("desk")
    machine.share("docs", machine.directory / "files")
    (machine.directory / "files" / "a").write_text("one")
    return machine


def test_the_life_of_a_service(desk: Machine, tmp_path: Path) -> None:
    mount = tmp_path / 'my "own" 100% files'
    manager = Manager(
        tmp_path, desk.ask("service", "install", "--print", str(mount)).replace("%%", "%")
    )
    with manager.started() as service:
        assert b"is mounted at" in manager.hears(b"READY=1\nSTATUS=")
        assert (mount / "a").read_text() == "one"
        assert b"desk: 1 arena, mounted at" in manager.hears(b"WATCHDOG=1\nSTATUS=")
        manager.hears(b"WATCHDOG=1")
        service.send_signal(signal.SIGTERM)
        manager.hears(b"STOPPING=1")
        assert service.wait(SECONDS) == 0
    assert not mount.is_mount()


def test_after_the_watchdog_ended_it_the_next_start_works(desk: Machine, tmp_path: Path) -> None:
    mount = tmp_path / "mnt"
    manager = Manager(tmp_path, desk.ask("service", "install", "--print", str(mount)))
    with manager.started() as service:
        manager.hears(b"READY=1")
        service.send_signal(signal.SIGABRT)  # what systemd does with one that hangs
        assert service.wait(SECONDS) == -signal.SIGABRT
    said = (tmp_path / "journal").read_text()
    assert "Fatal Python error: Aborted" in said
    assert "trio/_core/_run.py" in said  # where the loop was
    until(lambda: desk.pid is None, "it is gone")
    with manager.started() as service:
        manager.hears(b"READY=1")
        assert (mount / "a").read_text() == "one"
        service.send_signal(signal.SIGTERM)
        assert service.wait(SECONDS) == 0


def test_a_mistake_in_the_configuration_ends_it_with_the_status_that_is_not_tried_again(
    desk: Machine, tmp_path: Path
) -> None:
    unit = desk.ask("service", "install", "--print")
    assert "RestartPreventExitStatus=2" in unit
    desk.config.write_text("colour = 1\n")
    manager = Manager(tmp_path, unit)
    with manager.started() as service:
        assert service.wait(SECONDS) == 2
    assert "config.toml, line 1" in (tmp_path / "journal").read_text()
