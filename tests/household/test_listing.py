"""realizefs ls and du: what is here of a folder, and what isn't."""

import json
from pathlib import Path

from tests.household.conftest import Household
from tests.household.machines import Pair
from tests.household.waiting import until


def filled(pair: Pair) -> Path:
    """Files in each state, in a folder as the visitor sees it."""
    top = pair.files / "seen"
    (top / "below").mkdir(parents=True, exist_ok=True)
    for name in ("kept", "owned", "far", "below/deep"):
        (top / name).write_bytes(name.encode() * 1000)
    shown = pair.mnt / "seen"
    until((shown / "below" / "deep").exists, "all of it is seen")
    pair.bob.ask("mark", "set", "keep", shown / "kept")
    pair.bob.ask("mark", "set", "own", shown / "owned")

    def states() -> dict[str, str]:
        listed = json.loads(pair.bob.ask("ls", shown, "--json"))
        return {one["name"]: one["status"] for one in listed}

    wanted = {"kept": "cached", "owned": "real", "far": "remote", "below": "cached"}
    until(lambda: states() == wanted, "each is in its state")
    return shown


def test_what_is_in_a_folder_and_in_which_state(pair: Pair) -> None:
    shown = filled(pair)
    lines = [line.split() for line in pair.bob.ask("ls", shown).splitlines()]
    assert lines[0] == ["STATE", "MARK", "SIZE", "NAME"]
    assert ["cached", "keep", "3.9", "KiB", "kept"] in lines
    assert ["real", "own", "4.9", "KiB", "owned"] in lines
    assert ["remote", "watch", "2.9", "KiB", "far"] in lines
    assert lines[1][-1] == "below/"
    one = json.loads(pair.bob.ask("ls", shown / "far", "--json"))
    assert [(each["name"], each["size"]) for each in one] == [("far", 3000)]
    assert "There is no" in pair.bob.refused("ls", shown / "nothing")


def test_how_much_is_here(pair: Pair) -> None:
    shown = filled(pair)
    told = json.loads(pair.bob.ask("du", shown, shown / "far", "--json"))
    assert told == {
        "cached": {"files": 1, "bytes": 4000, "here": 4000},
        "real": {"files": 1, "bytes": 5000, "here": 5000},
        "remote": {"files": 2, "bytes": 13000, "here": 0},
    }
    last = pair.bob.ask("du", shown).splitlines()[-1].split()
    assert last == ["all", "4", "21.5", "KiB", "8.8", "KiB"]


def test_a_folder_of_many_is_listed_whole(pair: Pair) -> None:
    top = pair.files / "many"
    top.mkdir()
    names = sorted(f"{number}" for number in range(1203))
    for name in names:
        (top / name).touch()
    shown = pair.mnt / "many"
    until(lambda: shown.is_dir() and len(list(shown.iterdir())) == 1203, "all of it is seen")
    listed = json.loads(pair.bob.ask("ls", shown, "--json"))
    assert [one["name"] for one in listed] == names


def test_without_a_daemon_both_answer(household: Household) -> None:
    """Of a root that nobody has looked at yet, too."""
    alice = household.machine("alice")
    root = alice.directory / "files"
    (root / "below").mkdir(parents=True)
    (root / "below" / "file").write_bytes(b"content")
    alice.share("docs", root)
    assert alice.ask_json("du", root) == {"real": {"files": 1, "bytes": 7, "here": 7}}
    assert [one["name"] for one in alice.ask_json("ls", root / "below")] == ["file"]
    (root / "empty").mkdir()
    assert alice.ask("ls", root / "empty") == "Nothing is in it."
