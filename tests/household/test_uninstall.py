"""`realizefs uninstall`: what goes, what stays, and when it is refused."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from realizefs.cli.client import Client
from tests.household.conftest import Household
from tests.household.machines import REALIZEFS, Machine, Pair, wait_word
from tests.household.waiting import until


def farewell(machine: Machine) -> Any:
    """What the daemon says of its only arena."""
    found: Any = Client(str(machine.home)).ask_running("farewell", {})
    return found["arenas"][0]


def test_plain_files_stay_and_nothing_else(own_pair: Pair) -> None:
    alice, bob = own_pair.alice, own_pair.bob
    own_pair.write("here/a.txt", "mine")
    own_pair.write("there.txt", "hers")
    bob.ask("mark", "set", "own", own_pair.mnt / "here")
    wait_word(own_pair.mnt / "here" / "a.txt", "real")
    bob.ask("fetch", own_pair.mnt / "there.txt")
    (own_pair.root / ".realize" / "trash" / "2026-01-01").mkdir(parents=True)
    (own_pair.root / ".realize" / "trash" / "2026-01-01" / "old").write_text("once mine")
    (bob.home / "notes.txt").write_text("not RealizeFS's")
    until(lambda: not farewell(bob)["unheard"], "alice has heard it all")
    said = bob.ask("uninstall", "--yes")
    assert '"docs": what stays is 1 plain file of' in said
    assert "other machines have all of them" in said
    assert "realizefs peer remove bob" in said
    assert (own_pair.root / "here" / "a.txt").read_text() == "mine"
    left = [path.name for path in own_pair.root.rglob("*") if path.is_file()]
    assert sorted(left) == ["a.txt", "old"]
    assert [path.name for path in bob.home.iterdir()] == ["notes.txt"]
    assert bob.pid is None
    assert not os.path.ismount(own_pair.mnt)
    assert alice.pid is not None

    def known() -> tuple[str, list[str]]:
        (peer,) = alice.ask_json("peer", "list")
        return peer["name"], peer["arenas"]

    until(lambda: known() == ("bob", []), "nobody waits for it")
    assert (own_pair.files / "there.txt").read_text() == "hers"


def test_it_is_refused_where_content_is_only_in_the_cache(own_pair: Pair) -> None:
    bob = own_pair.bob
    seen = own_pair.write("film", os.urandom(50_000))
    bob.ask("mark", "set", "keep", own_pair.mnt)
    wait_word(seen, "cached")
    own_pair.alice.ask("arena", "set", "docs", "--mark", "watch")  # it won't fetch it again
    own_pair.alice.stop()
    shutil.rmtree(own_pair.files)
    own_pair.alice.serve()
    own_pair.alice.ask("arena", "accept-loss", "docs", "--yes")
    until(lambda: farewell(bob)["only_cached"] == ["film"], "bob alone has it")
    done = bob.run("uninstall", "--yes")
    assert done.status == 2
    assert "only in the cache here: film" in done.out
    assert "mark set own" in done.err
    assert seen.exists()
    bob.ask("uninstall", "--yes", "--lose")
    assert bob.pid is None
    assert not (own_pair.root / ".realize").exists()


def test_it_is_refused_where_nobody_has_heard_of_a_change(own_pair: Pair) -> None:
    bob = own_pair.bob
    seen = own_pair.write("old name", "x")
    own_pair.alice.stop()
    until(lambda: not bob.connected(own_pair.alice), "bob has seen that alice is off")
    seen.rename(own_pair.mnt / "new name")
    bob.ask("umount", own_pair.mnt)
    until(lambda: bob.pid is None or not own_pair.mnt.is_mount(), "the mount is gone")
    refused = bob.run("uninstall", "--yes")
    assert refused.status == 2
    assert "no other machine has heard" in refused.err
    assert bob.config.exists()
    assert "--yes" in bob.run("uninstall", "--lose").err
    bob.ask("uninstall", "--yes", "--lose")
    assert not bob.home.exists()


@pytest.fixture
def person(tmp_path: Path) -> dict[str, str]:
    """The environment of somebody with the usual home, and whose systemd doesn't run."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "XDG_RUNTIME_DIR": str(tmp_path / "run"),
        "SHELL": "/bin/bash",
    }


def command(person: dict[str, str], *words: str) -> "subprocess.CompletedProcess[str]":
    done = subprocess.run(
        [str(REALIZEFS), *words], env=person, capture_output=True, text=True, check=False
    )
    assert "Traceback" not in done.stderr
    return done


def test_services_completions_pages_and_extensions_go_too(
    person: dict[str, str], tmp_path: Path
) -> None:
    photos = tmp_path / "Photos"
    assert command(person, "arena", "add", "photos", str(photos)).returncode == 0
    (photos / "a.jpg").write_text("picture")
    for words in (
        ["completion", "install"],
        ["manual", "install"],
        ["desktop", "install", "--for", "nemo"],
    ):
        assert command(person, *words).returncode == 0
    assert "at the next login" in command(person, "service", "install", str(photos)).stderr
    done = command(person, "uninstall", "--yes")
    assert (done.returncode, done.stderr) == (0, "")
    left = [path for path in tmp_path.rglob("*") if not path.is_dir()]
    assert left == [photos / "a.jpg"]


def test_where_there_is_nothing_nothing_is_made(person: dict[str, str], tmp_path: Path) -> None:
    done = command(person, "uninstall", "--yes")
    assert (done.returncode, done.stderr) == (0, "")
    assert "There was no household here" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_an_arena_whose_disk_is_away_is_left_alone(household: Household) -> None:
    machine: Machine = household.machine("desk")
    machine.share("docs", machine.directory / "files")
    (machine.directory / "files").rename(machine.directory / "elsewhere")
    assert "it isn't known what" in machine.run("uninstall", "--yes").err
    machine.ask("uninstall", "--yes", "--lose")
    assert not machine.home.exists()
    assert (machine.directory / "elsewhere" / ".realize").exists()


def test_a_home_that_has_lost_its_key_can_be_removed_all_the_same(household: Household) -> None:
    """It was taken for none: the configuration, the databases and caches stayed, and nobody said so."""
    machine = household.machine("desk")
    root = machine.directory / "files"
    machine.share("docs", root)
    (root / "a.txt").write_text("mine")
    (machine.home / "key.pem").unlink()
    assert "key.pem is lost, the key of cert.pem" in machine.refused("uninstall", "--yes")
    (machine.home / "cert.pem").unlink()  # as is said there
    assert "RealizeFS is removed" in machine.ask("uninstall", "--yes")
    assert not machine.home.exists()
    assert [path.name for path in root.iterdir()] == ["a.txt"]
