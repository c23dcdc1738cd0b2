"""realizefs conflicts: what two machines edited apart, and settling it from any of them."""

import pytest

from tests.household.conftest import Household
from tests.household.machines import Machine
from tests.household.test_guard import each, files
from tests.household.test_roster import has, member, root
from tests.household.waiting import until


@pytest.fixture
def torn(household: Household) -> tuple[Machine, Machine, str]:
    """Alice and bob edited "plan.txt" apart; bob's is the newer, so alice's is the copy."""
    alice = member(household, "alice")
    (root(alice) / "plan.txt").write_text("common")
    bob = member(household, "bob", alice)
    has(bob, "plan.txt", "common")
    bob.stop()
    (root(alice) / "plan.txt").write_text("by alice")
    until(lambda: alice.info(root(alice) / "plan.txt")["size"] == 8, "alice has indexed it")
    (root(bob) / "plan.txt").write_text("by bob")
    bob.serve()
    for machine in (alice, bob):
        has(machine, "plan.txt", "by bob")
    each((alice, bob), lambda one: len(files(one)) == 2, "has both")
    [found] = bob.ask_json("conflicts")
    assert (found["original"], found["peer"], found["size"]) == ("plan.txt", "alice", 8)
    assert found["path"] in bob.ask("conflicts")
    return alice, bob, found["path"]


def contents(machine: Machine) -> dict[str, str] | None:
    """By name; None where a file went between its being listed and its being read."""
    try:
        return {one: (root(machine) / one).read_text() for one in files(machine)}
    except FileNotFoundError:
        return None


def settle(machine: Machine, copy: str, keep: str) -> str:
    return machine.ask("conflicts", "resolve", root(machine) / copy, "--keep", keep)


def test_the_original_is_kept(torn: tuple[Machine, Machine, str]) -> None:
    alice, bob, copy = torn
    settle(bob, copy, "original")
    each((alice, bob), lambda one: files(one) == {"plan.txt"}, "has no copy")
    each((alice, bob), lambda one: one.ask_json("conflicts") == [], "has no conflict")
    assert {(root(one) / "plan.txt").read_text() for one in (alice, bob)} == {"by bob"}
    assert bob.ask_json("trash", "list")[0]["files"][0]["path"] == copy


def test_a_copy_without_its_original_is_not_given_up_for_it(
    torn: tuple[Machine, Machine, str],
) -> None:
    """Then it is all that is left: it was removed, and the original wasn't there to be kept."""
    alice, bob, copy = torn
    (root(bob) / "plan.txt").unlink()
    each((alice, bob), lambda one: files(one) == {copy}, "has the copy only")
    asked = ("conflicts", "resolve", root(bob) / copy, "--keep", "original")
    until(lambda: bob.ask_json("conflicts")[0]["original"] is None, "bob knows it")
    assert "no original of" in bob.refused(*asked)
    assert files(bob) == {copy}


def test_the_copy_is_kept(torn: tuple[Machine, Machine, str]) -> None:
    alice, bob, copy = torn
    settle(alice, copy, "copy")
    each((alice, bob), lambda one: files(one) == {"plan.txt"}, "has no copy")
    for machine in (alice, bob):
        has(machine, "plan.txt", "by alice")
    assert bob.ask("conflicts") == "There is no conflict."


def test_both_are_kept(torn: tuple[Machine, Machine, str]) -> None:
    alice, bob, copy = torn
    said = settle(bob, copy, "both")
    kept = {"plan.txt", said.removeprefix("docs: ")}
    each((alice, bob), lambda one: files(one) == kept, "has both by plain names")
    each((alice, bob), lambda one: one.ask_json("conflicts") == [], "has no conflict")
    assert "(alice " in said
    assert "not called like" in bob.refused(
        "conflicts", "resolve", root(bob) / "plan.txt", "--keep", "both"
    )
    assert "There is no" in bob.refused("conflicts", "resolve", root(bob) / copy, "--keep", "copy")


@pytest.mark.parametrize("keep", ["copy", "original", "both"])
def test_a_peer_that_only_shows_them_settles_it(
    household: Household, torn: tuple[Machine, Machine, str], keep: str
) -> None:
    """Nothing is a real file there."""
    alice, bob, copy = torn
    carol = household.machine("carol")
    carol.serve()
    carol.ask("join", alice.ask("invite", "docs"), root(carol))
    until(lambda: len(carol.ask_json("conflicts")) == 1, "carol has heard of it")
    name = settle(carol, copy, keep).removeprefix("docs: ")
    expected = {
        "copy": {"plan.txt": "by alice"},
        "original": {"plan.txt": "by bob"},
        "both": {"plan.txt": "by bob", name: "by alice"},
    }[keep]

    each((alice, bob), lambda one: contents(one) == expected, f"has {expected}")
