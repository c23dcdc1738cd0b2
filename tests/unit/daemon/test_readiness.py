"""What a service manager hears."""

import logging
import socket
from pathlib import Path

import pytest

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
