"""Invitations between real processes: what joins, and what is refused with a sentence."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from realizefs.model import invitation
from realizefs.model.limits import INVITATION_SECONDS
from realizefs.store.env import Environment
from realizefs.store.peers import Invitations
from realizefs.store.schema import GLOBAL_SCHEMA
from realizefs.sync.joining import open_invitation
from tests.fakes.clock import SystemClock
from tests.household.conftest import Household, running_household
from tests.household.machines import Machine, wait_word
from tests.household.waiting import until


@pytest.fixture(scope="module")
def alice(fuse: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """Owns a file, and serves it to all who join in these tests."""
    with running_household(tmp_path_factory.mktemp("alice")) as household:
        yield serving(household.machine("alice"))


def serving(alice: Machine) -> Machine:
    files = alice.directory / "files"
    files.mkdir()
    (files / "hello").write_text("hello")
    alice.serve()
    alice.share("docs", files)
    return alice


def assert_sees_hello(machine: Machine, mnt: Path) -> None:
    until((mnt / "hello").exists, f"{machine.name} sees the file")
    assert (mnt / "hello").read_text() == "hello"


def test_joining_without_a_daemon(household: Household, alice: Machine) -> None:
    bob = household.machine("bob")
    code = alice.ask("invite", "docs")
    assert code.startswith("realizefs-")
    assert code.count("\n") == 0
    said = bob.ask("join", code, bob.directory / "files")
    assert said.startswith('Joined "docs" of alice')
    mnt = bob.directory / "mnt"
    mnt.mkdir()
    bob.ask("mount", mnt)
    assert_sees_hello(bob, mnt)
    assert bob.ask_json("arena", "list")[0]["mark"] == "watch"


def test_joining_while_a_daemon_runs_and_mounts(household: Household, alice: Machine) -> None:
    bob = household.machine("bob")
    bob.serve()
    mnt = bob.directory / "mnt"
    mnt.mkdir()
    bob.share("other", bob.directory / "other")
    bob.share("another", bob.directory / "another")
    bob.ask("mount", mnt)
    bob.ask("join", alice.ask("invite", "docs"), bob.directory / "files", "--mark", "own")
    assert_sees_hello(bob, mnt / "docs")
    wait_word(mnt / "docs" / "hello", "real")
    assert bob.connected(alice)
    assert [peer["name"] for peer in bob.ask_json("peer", "list") if peer["connected"]] == ["alice"]


def test_without_a_directory_the_root_is_here(household: Household, alice: Machine) -> None:
    bob = household.machine("bob")
    done = bob.run("join", alice.ask("invite", "docs"), cwd=bob.directory)
    assert done.status == 0, done.err
    assert bob.ask_json("arena", "list")[0]["root"] == str(bob.directory / "docs")


def test_one_code_for_several_arenas(household: Household, alice: Machine) -> None:
    alice.share("home/music", alice.directory / "music")  # beside "docs"
    bob = household.machine("bob")
    (bob.directory / "roots").mkdir()
    bob.ask("join", alice.ask("invite", "docs", "home/music"), bob.directory / "roots")
    roots = {each["name"]: each["root"] for each in bob.ask_json("arena", "list")}
    assert roots == {
        "docs": str(bob.directory / "roots" / "docs"),
        "home/music": str(bob.directory / "roots" / "music"),
    }


def test_any_member_invites_and_all_get_to_know_each_other(
    household: Household, alice: Machine
) -> None:
    bob, carol = household.machine("bob"), household.machine("carol")
    for machine, inviter in [(bob, alice), (carol, bob)]:
        machine.serve()
        machine.ask("join", inviter.ask("invite", "docs"), machine.directory / "files")
    until(lambda: carol.connected(alice), "carol is connected to alice, who never invited her")
    bob.stop()
    mnt = carol.directory / "mnt"
    mnt.mkdir()
    carol.ask("mount", mnt)
    assert_sees_hello(carol, mnt)


def test_a_used_code_is_refused(household: Household, alice: Machine) -> None:
    bob, carol = household.machine("first"), household.machine("second")
    code = alice.ask("invite", "docs")
    bob.ask("join", code, bob.directory / "files")
    said = carol.refused("join", code, carol.directory / "files")
    assert "it was used" in said
    assert carol.ask_json("arena", "list") == []
    known = {peer["name"] for peer in alice.ask_json("peer", "list")}
    assert "first" in known
    assert "second" not in known


class Yesterday(SystemClock):
    """A clock that is as far back as invitations are good for."""

    def wall_ns(self) -> int:
        return super().wall_ns() - INVITATION_SECONDS * 10**9


def test_an_expired_code_is_refused(household: Household, alice: Machine) -> None:
    fresh = invitation.decode(alice.ask("invite", "docs"))
    alice.stop()
    env = Environment(alice.home / "state", GLOBAL_SCHEMA)
    secret = open_invitation(env, Invitations(), [fresh.arenas[0].arena], Yesterday())
    env.close()
    alice.serve()
    late = household.machine("late")
    code = invitation.encode(replace(fresh, secret=secret))
    said = late.refused("join", code, late.directory / "files")
    assert "it expired" in said
    assert "late" not in {peer["name"] for peer in alice.ask_json("peer", "list")}


def test_a_damaged_code_is_refused_without_asking_anybody(
    household: Household, alice: Machine
) -> None:
    bob = household.machine("bob")
    bob.serve()
    code = alice.ask("invite", "docs")
    swapped = code[:-9] + ("A" if code[-9] != "A" else "B") + code[-8:]
    for damaged in (code[:-5], swapped, "realizefs-", "realizefs-%%%", code + "AAAA"):
        assert "damaged or incomplete" in bob.refused("join", damaged)
    for other in ("", "hello", "https://example.org/", "x" * 100_000):
        assert "not an invitation code" in bob.refused("join", other)
    bob.ask("join", code, bob.directory / "files")  # it is still good


def test_the_inviter_must_be_who_the_code_names(household: Household, alice: Machine) -> None:
    mallory, bob = household.machine("mallory"), household.machine("bob")
    mallory.serve()
    mallory.share("docs", mallory.directory / "files")
    meant = invitation.decode(alice.ask("invite", "docs"))
    diverted = invitation.decode(mallory.ask("invite", "docs")).addresses
    code = invitation.encode(replace(meant, addresses=diverted))
    said = bob.refused("join", code, bob.directory / "files")
    assert "certificate" in said
    assert mallory.ask_json("peer", "list") == []
    bob.ask("join", alice.ask("invite", "docs"), bob.directory / "files")


def test_an_inviter_that_is_away_is_one_sentence(household: Household, alice: Machine) -> None:
    bob = household.machine("bob")
    code = alice.ask("invite", "docs")
    alice.stop()
    said = bob.refused("join", code, bob.directory / "files")
    assert str(alice.port) in said
    alice.serve()
    bob.ask("join", code, bob.directory / "files")


def test_joining_twice_or_oneself_is_refused(household: Household, alice: Machine) -> None:
    bob = household.machine("bob")
    bob.ask("join", alice.ask("invite", "docs"), bob.directory / "files")
    code = alice.ask("invite", "docs")
    assert "is here already" in bob.refused("join", code, bob.directory / "more")
    assert "made here" in alice.refused("join", code, alice.directory / "more")
    assert "nothing" in alice.refused("invite", "nothing")


def test_the_first_mount_after_joining_shows_what_there_is(household: Household) -> None:
    """Whoever looks at once sees files, and not an empty folder."""
    alice, bob = household.machine("alice"), household.machine("bob")
    files = alice.directory / "files"
    for number in range(100):
        (files / f"d{number}").mkdir(parents=True)
        (files / f"d{number}" / "f").write_bytes(b"x")
    alice.serve()
    alice.share("docs", files)
    until(lambda: alice.arena()["files"] == 100, "alice knows all")
    bob.ask("join", alice.ask("invite", "docs"), bob.directory / "files")
    mnt = bob.directory / "mnt"
    mnt.mkdir()
    bob.ask("mount", mnt)
    assert len(os.listdir(mnt)) == 100
    assert sorted(path.name for path in mnt.glob("*/*")) == ["f"] * 100
    bob.ask("umount", mnt)
