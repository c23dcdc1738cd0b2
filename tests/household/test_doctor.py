"""`realizefs doctor`, as somebody asks it: before there is anything, without a daemon, with one."""

import os
import signal
import socket
from pathlib import Path
from typing import Any

import pytest

from realizefs.cli import commands_doctor
from realizefs.cli.client import Client
from tests.household.conftest import Household
from tests.household.machines import Machine, Pair
from tests.household.waiting import until


def about(found: Any, subject: str) -> list[dict[str, str]]:
    return [one for one in found["checks"] if one["subject"] == subject]


def test_before_there_is_anything_it_makes_nothing(tmp_path: Path) -> None:
    machine = Machine(tmp_path, "new")
    machine.config.unlink()
    machine.home.rmdir()
    found = machine.ask_json("doctor")
    assert about(found, "fuse")[0]["health"] == "ok"
    assert not machine.home.exists()


def test_a_household_that_is_well(own_pair: Pair) -> None:
    found = own_pair.bob.ask_json("doctor")
    assert found["well"], found
    assert about(found, "peer alice") == [
        {"subject": "peer alice", "health": "ok", "sentence": "alice is connected.", "fix": ""}
    ]
    assert about(found, "arena docs")[-1]["health"] == "ok"
    assert about(found, "ports")[0]["health"] == "ok"
    assert not about(found, "daemon")
    own_pair.alice.stop()
    until(lambda: not own_pair.bob.connected(own_pair.alice), "bob has seen that alice is off")
    found = own_pair.bob.ask_json("doctor")
    assert found["well"]
    (peer,) = about(found, "peer alice")
    assert (peer["health"], "can't be reached" in peer["sentence"]) == ("note", True)
    said = own_pair.bob.ask("doctor")
    assert "alice can't be reached" in said
    assert "→ Start it there" in said


def test_a_daemon_that_hangs_is_a_finding_and_the_rest_is_told(
    household: Household, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = household.machine("desk")
    machine.serve()
    pid = machine.pid
    assert pid is not None
    monkeypatch.setattr(commands_doctor, "ANSWER_SECONDS", 1.0)
    os.kill(pid, signal.SIGSTOP)
    try:
        found = commands_doctor._found(Client(str(machine.home)))
    finally:
        os.kill(pid, signal.SIGCONT)
    assert not found["well"]
    assert "The daemon doesn't answer" in about(found, "home")[0]["sentence"]
    assert about(found, "fuse")[0]["health"] == "ok"
    assert not about(found, "ports")  # which it would have itself


def test_a_broken_configuration_and_an_open_key_are_findings(household: Household) -> None:
    machine = household.machine("desk")
    machine.share("docs", machine.directory / "files")
    (machine.home / "key.pem").chmod(0o644)
    done = machine.run("doctor")
    assert done.status == 1
    assert f"→ `chmod 600 {machine.home / 'key.pem'}`" in done.out
    (machine.home / "key.pem").chmod(0o600)
    machine.config.write_text('colour = "red"\n')
    done = machine.run("doctor")
    assert (done.status, done.err) == (1, "")
    assert 'config.toml, line 1: "colour"' in done.out
    assert "/dev/fuse is there" in done.out


def test_a_mount_that_a_killed_daemon_has_left_is_a_finding(household: Household) -> None:
    """Nothing was said of it, and paths in it were said to be in no mount."""
    machine = household.machine("desk")
    mnt = machine.directory / "mnt"
    machine.share("docs", machine.directory / "files")
    machine.ask("mount", mnt)
    pid = machine.pid
    assert pid is not None
    assert not about(machine.ask_json("doctor"), "mounts")
    os.kill(pid, signal.SIGKILL)
    until(lambda: machine.pid is None, "it has ended")
    done = machine.run("doctor")
    assert done.status == 1
    assert f"What was mounted at {mnt} is dead" in done.out
    assert f'is in the mount at "{mnt}", whose daemon has ended' in machine.refused("info", mnt)
    machine.ask("umount", mnt)
    assert machine.run("doctor").status == 0
    assert "neither in a mount" in machine.refused("info", mnt)


def test_a_lost_key_is_a_finding_and_a_new_one_is_not_made(household: Household) -> None:
    """It was taken for a machine that has nothing yet, and all was well."""
    machine = household.machine("desk")
    machine.share("docs", machine.directory / "files")
    (machine.home / "key.pem").unlink()
    done = machine.run("doctor")
    assert (done.status, done.err) == (1, "")
    assert "key.pem is lost, the key of cert.pem" in done.out
    (machine.home / "cert.pem").unlink()
    assert f"localhost:{machine.port} is free" in machine.ask("doctor")
    assert not (machine.home / "key.pem").exists()


def test_without_a_daemon_a_port_that_is_taken_is_wrong(household: Household) -> None:
    machine = household.machine("desk")
    machine.share("docs", machine.directory / "files")
    with socket.create_server(("localhost", machine.port)):
        done = machine.run("doctor")
    assert done.status == 1
    assert "WRONG  Nobody can listen at" in done.out
    assert "No daemon runs" in done.out
    assert machine.run("doctor").status == 0
