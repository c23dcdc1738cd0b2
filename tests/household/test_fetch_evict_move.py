"""realizefs fetch, evict and move: with progress for programs, on from where it was, and 0 only when all
is done."""

import json
import os
from pathlib import Path

from tests.household.machines import Machine, Pair, word
from tests.household.waiting import until


def filled(pair: Pair, count: int = 20) -> Path:
    """A folder of the owner's as the visitor sees it."""
    (pair.files / "holiday").mkdir(exist_ok=True)
    for number in range(count):
        (pair.files / "holiday" / f"{number}.jpg").write_bytes(os.urandom(10_000))
    shown = pair.mnt / "holiday"
    until(lambda: shown.is_dir() and len(list(shown.iterdir())) == count, "all of it is seen")
    return shown


def lines(machine: Machine, *words: str | Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in machine.ask(*words, "--json").splitlines()]


def test_a_folder_is_fetched_and_read_offline_and_evicted(own_pair: Pair) -> None:
    shown = filled(own_pair)
    assert own_pair.bob.ask("fetch", shown) == "20 files, 195.3 KiB, fetched."
    assert {word(one) for one in shown.iterdir()} == {"cached"}
    told = lines(own_pair.bob, "fetch", shown)
    assert told[-1]["done"] is True
    assert (told[-1]["files"], told[-1]["total_files"]) == (0, 0)
    own_pair.alice.stop()
    for one in shown.iterdir():
        assert one.read_bytes() == (own_pair.files / "holiday" / one.name).read_bytes()
    own_pair.alice.serve()
    assert own_pair.bob.ask("evict", shown).startswith("20 files, ")
    until(lambda: {word(one) for one in shown.iterdir()} == {"remote"}, "nothing of it is here")


def test_progress_for_programs(pair: Pair) -> None:
    shown = filled(pair)
    told = lines(pair.bob, "fetch", shown / "3.jpg", shown)
    assert {(one["total_files"], one["total_bytes"]) for one in told} == {(20, 200_000)}
    assert (told[-1]["bytes"], told[-1]["failed"], told[-1]["done"]) == (200_000, 0, True)


def test_what_cannot_be_had_is_named_and_the_status_says_so(own_pair: Pair) -> None:
    shown = filled(own_pair, 3)
    own_pair.alice.stop()
    done = own_pair.bob.run("fetch", shown)
    assert done.status == 1
    assert "3 files not." in done.out
    own_pair.alice.serve()
    until(lambda: own_pair.bob.run("fetch", shown).status == 0, "it can be had again")


def test_a_path_that_is_none_of_ours_is_one_sentence(pair: Pair) -> None:
    assert "neither in a mount" in pair.bob.refused("fetch", "/etc/passwd")
    assert "There is no" in pair.bob.refused("evict", pair.mnt / "nothing")


def test_a_folder_is_moved_to_another_machine(own_pair: Pair) -> None:
    """And back, from the mount: it is listed in the same place all the time."""
    shown = filled(own_pair)
    contents = {one.name: one.read_bytes() for one in shown.iterdir()}
    moved = own_pair.alice.ask("move", own_pair.files / "holiday", "--to", "bob")
    assert moved == "20 files, 195.3 KiB, moved."
    assert {one.name: one.read_bytes() for one in shown.iterdir()} == contents
    assert {word(one) for one in shown.iterdir()} == {"real"}
    assert list((own_pair.files / "holiday").iterdir()) == []
    told = lines(own_pair.bob, "move", shown, "--to", "alice")
    assert (told[-1]["files"], told[-1]["failed"], told[-1]["done"]) == (20, 0, True)
    assert {
        one.name: one.read_bytes() for one in (own_pair.files / "holiday").iterdir()
    } == contents
    assert "no peer called" in own_pair.bob.refused("move", shown, "--to", "nobody")
    own_pair.alice.stop()
    until(lambda: not own_pair.bob.connected(own_pair.alice), "bob knows")
    assert "alice is not connected" in own_pair.bob.run("move", shown, "--to", "alice").err
    own_pair.alice.serve()


def test_who_is_connected_and_not_in_the_arena_is_told_as_such(own_pair: Pair) -> None:
    """It was said not to be connected."""
    alone = own_pair.alice.directory / "alone"
    alone.mkdir()
    (alone / "f").write_bytes(b"content")
    own_pair.alice.share("alone", alone)
    assert 'bob is not in the arena "alone"' in own_pair.alice.refused(
        "move", alone / "f", "--to", "bob"
    )
