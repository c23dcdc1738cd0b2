"""Real processes: one daemon per home, how it starts and how it ends. No mount is needed here."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

SECONDS = 60
"""After which a process isn't going to do it any more."""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    directory = tmp_path / "home"
    assert realizefs(directory, "init", "--name", "desk", "--listen", "localhost:0")[0] == 0
    return directory


def realizefs(home: Path, *arguments: str) -> tuple[int, str, str]:
    """(exit status, output, errors) of a command."""
    command = [sys.executable, "-c", "from realizefs.cli.main import main; main()"]
    done = subprocess.run(
        [*command, "--home", str(home), *arguments],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@contextmanager
def serving(home: Path) -> Iterator[subprocess.Popen[str]]:
    """A daemon that is up, killed in the end if it is still there."""
    command = [sys.executable, "-m", "realizefs.daemon", "--home", str(home), "run"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as daemon:
        try:
            assert realizefs(home, "status", "--wait", str(SECONDS))[0] == 0
            yield daemon
        finally:
            daemon.kill()


def test_without_a_daemon_commands_do_it_themselves(home: Path, tmp_path: Path) -> None:
    assert realizefs(home, "arena", "add", "photos", str(tmp_path / "photos"))[0] == 0
    status, output, _ = realizefs(home, "arena", "list", "--json")
    arena: Any = json.loads(output)[0]
    assert (status, arena["name"], arena["mark"]) == (0, "photos", "watch")
    status, _, said = realizefs(home, "init")
    assert status == 2
    assert "set up already" in said


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_daemon_that_is_stopped_leaves_nothing(home: Path, number: int) -> None:
    with serving(home) as daemon:
        daemon.send_signal(number)
        assert daemon.wait(SECONDS) == 0
        assert daemon.stderr is not None
        assert "Traceback" not in daemon.stderr.read()
    assert not (home / "control.sock").exists()


def test_one_home_has_one_daemon(home: Path) -> None:
    with serving(home) as daemon:
        status, _, said = realizefs(home, "serve")
        assert status == 2
        assert said.count("\n") == 1
        assert f"process {daemon.pid}" in said


def test_a_daemon_that_was_killed_is_no_obstacle(home: Path, tmp_path: Path) -> None:
    with serving(home) as daemon:
        assert realizefs(home, "arena", "add", "photos", str(tmp_path / "photos"))[0] == 0
        daemon.kill()
        daemon.wait(SECONDS)
        assert (home / "control.sock").exists()
        assert realizefs(home, "arena", "list")[0] == 0
    with serving(home):
        status: Any = json.loads(realizefs(home, "status", "--json")[1])
        assert [arena["name"] for arena in status["arenas"]] == ["photos"]


def test_a_bad_configuration_is_one_sentence(home: Path) -> None:
    with (home / "config.toml").open("a") as config:
        config.write("colour = 3\n")
    for command in ("serve", "peer"):
        status, output, said = realizefs(home, command, *(["list"] if command == "peer" else []))
        assert (status, output) == (2, "")
        assert said.count("\n") == 1
        assert "config.toml, line 5" in said
        assert '"colour"' in said


def test_a_service_manager_hears_of_the_whole_life(home: Path, tmp_path: Path) -> None:
    """As systemd starts it: told when it is ready, fed while it runs, told when it stops; and the
    journal gets lines with a priority."""
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager,
        (tmp_path / "journal").open("wb") as journal,
    ):
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(SECONDS)
        stderr = os.fstat(journal.fileno())
        environment = {
            **os.environ,
            "NOTIFY_SOCKET": str(tmp_path / "notify"),
            "WATCHDOG_USEC": "300000",
            "JOURNAL_STREAM": f"{stderr.st_dev}:{stderr.st_ino}",
        }
        command = [sys.executable, "-m", "realizefs.daemon", "--home", str(home), "run"]
        with subprocess.Popen(command, stderr=journal, env=environment) as daemon:
            try:
                heard = [manager.recv(1000)]
                while not heard[-1].startswith(b"READY=1"):
                    heard.append(manager.recv(1000))
                while not heard[-1].startswith(b"WATCHDOG=1"):
                    heard.append(manager.recv(1000))
                daemon.send_signal(signal.SIGTERM)
                while heard[-1] != b"STOPPING=1":
                    heard.append(manager.recv(1000))
                assert daemon.wait(SECONDS) == 0
            finally:
                daemon.kill()
    assert any(b"STATUS=desk: " in said for said in heard)
    lines = (tmp_path / "journal").read_text().splitlines()
    assert any(line.startswith("<6>realizefs.daemon: Up: process") for line in lines)
    assert all(line.startswith("<") for line in lines)
