"""What peers delete: a lot of it waits for somebody, the rest goes to the trash and comes back."""

import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from tests.household.conftest import Household
from tests.household.machines import Machine, suspended
from tests.household.test_roster import has, member, replace, root
from tests.household.waiting import until

MANY = 300


def tree(machine: Machine, count: int = MANY) -> None:
    for number in range(count):
        path = root(machine) / f"d{number % 7}" / f"{number}.txt"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"content {number}")


def files(machine: Machine) -> set[str]:
    """The plain files in its arena root."""
    found: set[str] = set()
    for directory, names, here in os.walk(root(machine)):
        if ".realize" in names:
            names.remove(".realize")
        found |= {os.path.relpath(os.path.join(directory, name), root(machine)) for name in here}
    return found


def wipe(machine: Machine) -> None:
    for path in root(machine).iterdir():
        if path.name not in (".realize", "stays"):
            shutil.rmtree(path)


def family(household: Household) -> tuple[Machine, Machine, Machine]:
    """Three that own MANY files, and one more that is never deleted."""
    alice = member(household, "alice")
    (root(alice) / "stays").write_text("stays")
    tree(alice)
    bob, carol = member(household, "bob", alice), member(household, "carol", alice)
    each((bob, carol), lambda one: len(files(one)) == MANY + 1, "has all")
    each((bob, carol), lambda one: one.arena()["pending"] == 0, "is through")
    return alice, bob, carol


def each(machines: Iterable[Machine], holds: Callable[[Machine], object], what: str) -> None:
    """Wait until something holds of each of them."""

    def wait(machine: Machine) -> None:
        until(lambda: holds(machine), f"{machine.name} {what}")

    for machine in machines:
        wait(machine)


def shown(machine: Machine, count: int) -> None:
    """Wait until that many files are in its index."""
    until(lambda: machine.arena()["files"] == count, f"{machine.name} shows {count}")


def held(machine: Machine) -> int:
    return int(machine.arena()["held"])


def hears_all(machine: Machine) -> None:
    """Wait until all but one file is deleted as far as it knows, and it has decided what to do about that."""
    shown(machine, 1)
    until(
        lambda: machine.ask_json("jobs")[0]["queues"]["dirty"] == 0, f"{machine.name} has decided"
    )


def test_much_that_is_deleted_waits_and_is_approved(household: Household) -> None:
    alice, bob, carol = family(household)
    wipe(alice)
    for machine in (bob, carol):
        hears_all(machine)
    each((bob, carol), lambda one: held(one) > 0, "has most files all the same")
    assert all(len(files(machine)) > MANY // 2 for machine in (bob, carol))
    said = bob.arena()
    notice, [part] = said["notice"], said["notices"]
    assert "realizefs approve docs" in notice
    assert part["what"] == "held"
    assert part["sentence"].endswith(
        "files and folders that other machines deleted are still here."
    )
    assert notice == f"{part['sentence']} {part['remedy']}"
    bob.kill()
    before = files(bob)
    bob.serve()
    assert held(bob) > 0  # it waits on
    assert files(bob) == before
    until(lambda: bob.ask_json("approve", "docs", "--list")["count"] == held(bob), "both say so")
    (root(alice) / "later").write_text("later")
    has(bob, "later", "later")  # the rest goes on
    assert "go to the trash" in bob.ask("approve", "docs")
    until(lambda: files(bob) == {"stays", "later"}, "bob has deleted them, too")
    until(lambda: held(bob) == 0, "nothing waits")
    until(lambda: bob.arena()["notice"] is None, "and nothing is said")
    assert held(carol) > 0  # each for himself
    assert "Nothing waits" in bob.refused("approve", "docs")
    assert bob.ask_json("trash", "list")[0]["count"] == MANY


def test_what_is_rejected_comes_back_everywhere(household: Household) -> None:
    alice, bob, carol = family(household)
    before = files(bob)
    wipe(alice)
    for machine in (bob, carol):
        hears_all(machine)
    each((bob, carol), lambda one: held(one) > 0, "asks")
    assert "come back everywhere" in carol.ask("approve", "docs", "--reject")
    everybody = alice, bob, carol
    each(everybody, lambda one: files(one) == before, "has all files again")
    each(everybody, lambda one: one.arena()["files"] == MANY + 1, "shows all again")
    each(everybody, lambda one: held(one) == 0, "asks no more")
    assert (root(alice) / "d0" / "7.txt").read_text() == "content 7"
    assert not [name for name in files(bob) if "conflict" in name]


def test_a_tree_emptied_file_by_file_is_held_before_half_of_it_is_gone(
    household: Household,
) -> None:
    """Deletions that come one by one, over several of the guard's looks, are one wave; to reject it
    brings back from the trash what was carried out before it was too much."""
    alice, bob, _ = family(household)
    before = files(bob)
    gone = sorted(files(alice) - {"stays"})
    for start in range(0, MANY, 30):
        for name in gone[start : start + 30]:
            (root(alice) / name).unlink()
        shown(bob, 1 + MANY - start - 30)
    until(lambda: held(bob) > 0, "the rest waits")
    assert len(files(bob)) >= MANY // 2 - 30
    bob.ask("approve", "docs", "--reject")
    until(lambda: files(bob) == files(alice) == before, "all are back")


def test_a_rename_of_everything_is_no_deletion(household: Household) -> None:
    alice, bob, _ = family(household)
    inodes = {path.stat().st_ino for path in root(bob).rglob("*.txt")}
    with suspended(alice.pid):  # where the names come apart somebody may be asked
        (root(alice) / "all").mkdir()
        for number in range(7):
            (root(alice) / f"d{number}").rename(root(alice) / "all" / f"d{number}")
    until(lambda: len([name for name in files(bob) if name.startswith("all/")]) == MANY, "moved")
    until(lambda: files(bob) == files(alice), "nothing else is left")
    assert held(bob) == 0
    kept = {path.stat().st_ino for path in root(bob).rglob("*.txt")} & inodes
    # One whose two names come in two messages is made anew, of what is here.
    assert len(kept) > len(inodes) / 2


def test_the_guard_and_the_trash_are_set(household: Household) -> None:
    alice = member(household, "alice")
    tree(alice, 150)
    bob = member(household, "bob", alice)
    until(lambda: len(files(bob)) == 150, "bob has all")
    said = bob.ask("arena", "set", "docs", "--guard", "100%", "--trash", "2w")
    assert "kept for 14d; more than 100%" in said
    listed = bob.ask_json("arena", "list")[0]
    assert (listed["guard"], listed["trash"]) == ("100%", "14d")
    assert 'guard = "100%"' in bob.config.read_text()
    (root(alice) / "stays").write_text("stays")
    has(bob, "stays", "stays")
    wipe(alice)
    until(lambda: files(bob) == {"stays"}, "bob follows unasked")
    assert "no length of time" in bob.refused("arena", "set", "docs", "--trash", "30")
    assert "0% to 100%" in bob.refused("arena", "set", "docs", "--guard", "half")


@pytest.fixture
def trashed(household: Household) -> tuple[Machine, Machine, Path]:
    """Bob has a mount over his root, and some things of alice's in his trash."""
    alice = member(household, "alice")
    for name in ("keep", "photos/2024/a.jpg", "photos/2024/b.jpg", "photos/c.jpg"):
        path = root(alice) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"first {name}")
    bob = member(household, "bob", alice)
    until(lambda: len(files(bob)) == 4, "bob has all")
    bob.ask("mount", root(bob))
    replace(alice, "photos/c.jpg", "second")
    until(lambda: (root(bob) / "photos/c.jpg").read_text() == "second", "bob has the new one")
    shutil.rmtree(root(alice) / "photos/2024")
    until(lambda: not (root(bob) / "photos/2024").exists(), "bob follows")
    until(lambda: bob.arena()["pending"] == 0, "and is through")
    return alice, bob, root(bob)


def test_the_trash_is_listed_and_restored_while_a_mount_lies_over_the_root(
    trashed: tuple[Machine, Machine, Path],
) -> None:
    alice, bob, mnt = trashed
    [listed] = bob.ask_json("trash", "list")
    assert {one["path"] for one in listed["files"]} == {
        "photos/2024/a.jpg",
        "photos/2024/b.jpg",
        "photos/c.jpg",
    }
    assert "photos/2024/a.jpg" in bob.ask("trash", "list")
    [back] = bob.ask_json("trash", "restore", mnt / "photos" / "2024" / "a.jpg")
    assert back == {"arena": "docs", "path": "photos/2024/a.jpg"}
    has(alice, "photos/2024/a.jpg", "first photos/2024/a.jpg")
    until((mnt / "photos/2024/a.jpg").exists, "it is in the mount")
    [beside] = bob.ask_json("trash", "restore", mnt / "photos" / "c.jpg")
    assert beside["path"].startswith("photos/c (restored ")
    assert beside["path"].endswith(").jpg")
    has(alice, beside["path"], "first photos/c.jpg")
    assert (root(alice) / "photos/c.jpg").read_text() == "second"
    [rest] = bob.ask_json("trash", "restore", mnt)
    assert rest["path"] == "photos/2024/b.jpg"
    assert "not in the trash" in bob.refused("trash", "restore", mnt / "keep")


def test_of_several_all_are_restored_or_none(trashed: tuple[Machine, Machine, Path]) -> None:
    _, bob, mnt = trashed
    there = mnt / "photos" / "2024" / "a.jpg"
    assert "not in the trash" in bob.refused("trash", "restore", there, mnt / "keep")
    assert not there.exists()
    assert bob.ask_json("trash", "list")[0]["count"] == 3


def test_the_trash_is_emptied(trashed: tuple[Machine, Machine, Path]) -> None:
    _, bob, mnt = trashed
    assert bob.ask_json("trash", "empty", "--older", "1h")[0]["count"] == 0
    assert bob.ask("trash", "empty", "docs").startswith("docs: 3 files removed")
    assert bob.ask("trash", "list") == "The trash is empty."
    assert sorted(os.listdir(mnt)) == ["keep", "photos"]


def test_as_many_others_as_one_says_must_own_what_is_given_up(household: Household) -> None:
    alice = member(household, "alice")
    tree(alice, 3)
    bob = member(household, "bob", alice)
    until(lambda: len(files(bob)) == 3, "bob has all")
    said = alice.ask("arena", "set", "docs", "--min-copies", "2")
    assert "once 2 other machines own it" in said
    assert "min_copies = 2" in alice.config.read_text()
    alice.ask("arena", "set", "docs", "--mark", "watch")
    until(lambda: len(files(bob)) == 3, "it stays")
    first = next(iter(root(alice).rglob("*.txt")))
    until(lambda: "fewer than 2 other peers" in alice.info(first)["why"], "it waits for another")
    assert len(files(alice)) == 3, "one other is too few"
    carol = member(household, "carol", alice)
    until(lambda: len(files(carol)) == 3, "carol has all")
    until(lambda: not files(alice), "two others have it")
    assert len(files(bob)) == len(files(carol)) == 3
    refusal = alice.refused("arena", "set", "docs", "--min-copies", "0")
    assert "write 1 to 100" in refusal
