"""Who belongs to the household: removing a peer, peers that can't be dialled, leaving an arena, and
an address that is taken when the daemon starts."""

import socket
from contextlib import closing
from pathlib import Path

from tests.household.conftest import Household
from tests.household.machines import Machine
from tests.household.waiting import until


def member(household: Household, name: str, inviter: Machine | None = None) -> Machine:
    """A machine that serves and owns "docs", made by it or joined."""
    machine = household.machine(name)
    machine.serve()
    if inviter is None:
        machine.share("docs", root(machine))
    else:
        machine.ask("join", inviter.ask("invite", "docs"), root(machine), "--mark", "own")
    return machine


def root(machine: Machine) -> Path:
    return machine.directory / "files"


def has(machine: Machine, name: str, content: str) -> None:
    path = root(machine) / name
    until(lambda: path.exists() and path.read_text() == content, f"{machine.name} has {name}")


def replace(machine: Machine, name: str, content: str) -> None:
    """Its file has that content from one moment to the next: nobody sees, or trashes, an empty one."""
    new = machine.directory / "new content"
    new.write_text(content)
    new.rename(root(machine) / name)


def known_to(machine: Machine) -> set[str]:
    return {peer["name"] for peer in machine.ask_json("peer", "list")}


def test_a_removed_peer_is_refused_by_one_that_was_off_then_too(household: Household) -> None:
    """It doesn't come back by what the one that was off has heard of it before."""
    alice = member(household, "alice")
    bob, carol = member(household, "bob", alice), member(household, "carol", alice)
    (root(alice) / "first").write_text("first")
    for machine in (bob, carol):
        has(machine, "first", "first")
    until(lambda: carol.connected(bob), "all know each other")
    carol.stop()
    assert alice.ask("peer", "remove", "bob") == "bob no longer belongs to the household."
    until(lambda: not bob.connected(alice), "bob is refused")
    until(lambda: "is not in the roster" in alice.log_text(), "and hears it when it dials")
    (root(alice) / "second").write_text("second")
    carol.serve()
    has(carol, "second", "second")
    until(lambda: known_to(carol) == {"alice"}, "carol has heard of it")
    assert known_to(alice) == {"carol"}
    until(lambda: not bob.connected(carol), "carol refuses bob, too")
    (root(bob) / "of-bob").write_text("made by somebody who is out")
    until(lambda: bob.arena()["files"] == 2, "bob has indexed it")
    (root(carol) / "third").write_text("third")
    has(alice, "third", "third")
    assert not (root(alice) / "of-bob").exists()
    assert not (root(bob) / "third").exists()


def test_only_a_new_invitation_brings_a_removed_peer_back(household: Household) -> None:
    alice = member(household, "alice")
    bob, carol = member(household, "bob", alice), member(household, "carol", alice)
    until(lambda: known_to(carol) == {"alice", "bob"}, "all know each other")
    carol.ask("peer", "remove", "bob")
    until(lambda: known_to(alice) == {"carol"}, "alice has heard of it")
    for machine in (alice, carol):
        machine.stop()
        machine.serve()
        assert "bob" not in known_to(machine)  # after a restart, too
    bob.ask("arena", "remove", "docs")
    (root(bob) / "kept").write_text("a plain file")
    bob.ask("join", alice.ask("invite", "docs"), root(bob), "--mark", "own")
    until(lambda: bob.connected(carol), "bob is introduced to carol again")
    has(carol, "kept", "a plain file")


def test_peers_that_nobody_can_dial_work_as_long_as_they_dial_somebody(
    household: Household,
) -> None:
    alice = member(household, "alice")
    deaf = [household.machine("bob"), household.machine("carol")]
    for machine in deaf:
        machine.config.write_text(f'name = "{machine.name}"\nlisten = []\n')
        machine.serve()
        machine.ask("join", alice.ask("invite", "docs"), root(machine), "--mark", "own")
    bob, carol = deaf
    (root(bob) / "of-bob").write_text("of bob")
    (root(alice) / "of-alice").write_text("of alice")
    for machine in (alice, carol):
        has(machine, "of-bob", "of bob")
    for machine in deaf:
        has(machine, "of-alice", "of alice")
    assert not bob.connected(carol)
    assert bob.status()["problems"] == []
    assert "isn't known yet where" in bob.refused("invite", "docs")


def test_leaving_an_arena_leaves_the_files(household: Household) -> None:
    alice = member(household, "alice")
    bob = member(household, "bob", alice)
    (root(alice) / "file").write_text("content")
    has(bob, "file", "content")
    said = bob.ask("arena", "remove", "docs")
    assert str(root(bob)) in said
    assert bob.ask_json("arena", "list") == []
    assert [path.name for path in root(bob).iterdir()] == ["file"]
    until(lambda: alice.ask_json("peer", "list")[0]["arenas"] == [], "alice has heard of it")
    (root(alice) / "file").unlink()
    (root(alice) / "other").write_text("other")
    until(lambda: alice.arena()["files"] == 1, "alice goes on")
    assert (root(bob) / "file").read_text() == "content"
    assert "no arena called" in bob.refused("arena", "remove", "docs")


def test_an_arena_is_not_left_while_it_is_mounted(household: Household) -> None:
    pair = household.pair()
    assert "unmount first" in pair.bob.refused("arena", "remove", "docs")
    assert pair.write("still", "here").read_text() == "here"


def test_an_address_that_is_taken_is_tried_again(household: Household) -> None:
    alice, bob = household.machine("alice"), household.machine("bob")
    alice.config.write_text(f'name = "alice"\nlisten = ["127.0.0.1:{alice.port}"]\n')
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", alice.port))
        taken.listen()
        alice.serve()
        alice.share("docs", root(alice))
        [problem] = alice.status()["problems"]
        assert f"127.0.0.1:{alice.port}" in problem
        assert "tried again" in problem
    until(lambda: alice.status()["problems"] == [], "it is free now")
    assert alice.status()["listen"] == [f"127.0.0.1:{alice.port}"]
    bob.serve()
    bob.ask("join", alice.ask("invite", "docs"), root(bob))
    until(lambda: bob.connected(alice), "bob is connected")
