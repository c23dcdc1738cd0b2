"""A daemon that finds the database of another version: older, newer, and the way back."""

from pathlib import Path

import lmdb
import pytest

from tests.household.conftest import Household
from tests.household.machines import Machine
from tests.household.waiting import until

NOW = 3
"""The format that this program writes; what it does to one of 2 is to note that it isn't that any more."""


def format_of(database: Path, becomes: int | None = None) -> int:
    """The format that a database says to be of, which is changed if asked for; no daemon runs."""
    opened = lmdb.open(str(database), max_dbs=64)
    try:
        table = opened.open_db(b"schema", create=False)
        with opened.begin(db=table, write=True) as txn:
            if becomes is not None:
                txn.put(b"version", becomes.to_bytes(8, "big"))
            return int.from_bytes(txn.get(b"version", b""), "big")
    finally:
        opened.close()


@pytest.fixture
def desk(household: Household) -> Machine:
    """With an arena of one file, off."""
    machine = household.machine("desk")
    files = machine.directory / "files"
    files.mkdir()
    (files / "a").write_text("one")
    machine.share("docs", files)
    machine.serve()
    until(lambda: machine.arena()["files"] == 1, "the file is indexed")
    machine.ask("mark", "set", "keep", files / "a")
    machine.stop()
    assert format_of(database(machine)) == NOW
    return machine


def database(machine: Machine) -> Path:
    return machine.directory / "files" / ".realize" / "db"


def test_an_older_one_is_copied_and_migrated_and_there_is_a_way_back(desk: Machine) -> None:
    kept = database(desk).with_name("db.format-2")
    format_of(database(desk), becomes=2)
    desk.serve()
    assert desk.arena()["problem"] is None
    assert desk.ask_json("mark", "get", desk.directory / "files" / "a")["mark"] == "keep"
    desk.stop()
    assert (format_of(database(desk)), format_of(kept)) == (NOW, 2)
    database(desk).rename(database(desk).with_name("newer"))
    kept.rename(database(desk))  # the way back; here it is forward again
    desk.serve()
    assert desk.arena()["files"] == 1
    assert desk.ask_json("mark", "get", desk.directory / "files" / "a")["mark"] == "keep"
    assert "nothing is wrong" in desk.ask("check", "--deep")


def test_an_older_one_can_be_refused(desk: Machine) -> None:
    format_of(database(desk), becomes=2)
    desk.config.write_text(f'upgrade = "refuse"\n{desk.config.read_text()}')
    desk.serve()
    problem = desk.arena()["problem"]
    assert "of an older RealizeFS (format 2" in problem
    assert "config.toml" in problem
    assert "WRONG" in desk.run("doctor").out
    desk.stop()
    assert format_of(database(desk)) == 2


def test_a_newer_one_is_refused_in_a_sentence(desk: Machine) -> None:
    format_of(database(desk), becomes=NOW + 1)
    desk.serve()
    assert "was written by a newer RealizeFS" in desk.arena()["problem"]
    desk.stop()
    assert format_of(database(desk)) == NOW + 1
    format_of(desk.home / "state", becomes=9)
    refused = desk.refused("serve")
    assert "was written by a newer RealizeFS" in refused
