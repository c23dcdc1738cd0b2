"""`realizefs doctor`, as somebody asks it: before there is anything, without a daemon, with one."""

import socket
from pathlib import Path
from typing import Any

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


def test_without_a_daemon_a_port_that_is_taken_is_wrong(household: Household) -> None:
    machine = household.machine("desk")
    machine.share("docs", machine.directory / "files")
    with socket.create_server(("localhost", machine.port)):
        done = machine.run("doctor")
    assert done.status == 1
    assert "WRONG  Nobody can listen at" in done.out
    assert "No daemon runs" in done.out
    assert machine.run("doctor").status == 0
