"""Machines whose addresses change are found again, by whoever is still where he was."""

import re
import socket
import ssl
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from tests.household.conftest import Household, running_household
from tests.household.namespaces import (
    PORT,
    Network,
    NetworkMachine,
    overheard,
    running_network,
)
from tests.household.waiting import until


@pytest.fixture
def network(root: None) -> Iterator[Network]:
    with running_network() as network:
        yield network


@pytest.fixture
def household(fuse: None, tmp_path: Path) -> Iterator[Household]:
    with running_household(tmp_path) as household:
        yield household


QUIET = "\n[lan]\nannounce = false\ndiscover = false\n"


def member(
    household: Household,
    network: Network,
    name: str,
    inviter: NetworkMachine | None = None,
    *,
    lan: str = QUIET,
) -> NetworkMachine:
    """A machine that serves at whatever address it has, and owns "docs", made by it or joined."""
    machine = household.add(network.machine(household.directory, name))
    machine.listen_everywhere()
    machine.config.write_text(machine.config.read_text() + lan)
    machine.serve()
    root = machine.directory / "files"
    if inviter is None:
        machine.share("docs", root)
    else:
        machine.ask("join", inviter.ask("invite", "docs"), root, "--mark", "own")
        until(lambda: machine.connected(inviter), f"{name} is connected")
    return machine


def known_at(machine: NetworkMachine, other: NetworkMachine) -> list[str]:
    """The addresses at which a machine knows another one."""
    found = [peer for peer in machine.ask_json("peer", "list") if peer["name"] == other.name]
    return [address for peer in found for address in peer["addresses"]]


def test_a_machine_that_moves_tells_where_it_is_now(household: Household, network: Network) -> None:
    """It finds the others, which are where they were; neither is started anew."""
    alice = member(household, network, "alice")
    bob = member(household, network, "bob", alice)
    old = f"{bob.address}:{PORT}"
    assert old in known_at(alice, bob)
    new = f"{network.readdress(bob)}:{PORT}"
    until(lambda: new in known_at(alice, bob), "alice knows where bob is")
    assert old not in known_at(alice, bob)
    (bob.directory / "files" / "later").write_text("from there")
    until((alice.directory / "files" / "later").exists, "alice hears of changes")


def test_two_that_moved_while_off_hear_of_each_other_from_a_third(
    household: Household, network: Network
) -> None:
    alice = member(household, network, "alice")
    bob, carol = (
        member(household, network, "bob", alice),
        member(household, network, "carol", alice),
    )
    until(lambda: carol.connected(bob), "all know each other")
    alice.stop()
    network.readdress(alice)
    bob_now = f"{network.readdress(bob)}:{PORT}"
    until(lambda: bob_now in known_at(carol, bob), "carol knows where bob is")
    alice.serve()
    until(lambda: bob_now in known_at(alice, bob), "alice hears it from carol, or of bob")
    until(lambda: alice.connected(bob), "alice and bob are connected")


def test_two_that_both_moved_while_off_find_each_other_on_the_network(
    household: Household, network: Network
) -> None:
    """There is no third that could tell, and nobody is where the other remembers."""
    alice = member(household, network, "alice", lan="")
    bob = member(household, network, "bob", alice, lan="")
    for machine in (alice, bob):
        machine.stop()
        network.readdress(machine)
    for machine in (alice, bob):
        machine.serve()
    until(lambda: alice.connected(bob), "they have found each other")


def test_an_announcement_names_nobody_and_no_two_are_alike(
    household: Household, network: Network
) -> None:
    with overheard(network, household.directory) as heard:
        alice = member(household, network, "alice", lan="")
        certificate = ssl.PEM_cert_to_DER_cert((alice.home / "cert.pem").read_text())
        told_by = b"_realizefs"
        until(lambda: any(told_by in packet for _, packet in heard()), "alice is announced")
        alice.stop()
        first = heard()
        alice.serve()
        until(lambda: any(told_by in packet for _, packet in heard()[len(first) :]), "again")
        alice.stop()
        both = b"".join(packet for _, packet in heard())
    for secret in (b"alice", b"docs", socket.gethostname().encode(), sha256(certificate).digest()):
        assert secret.lower() not in both.lower()
        assert secret.hex().encode() not in both
    salts = re.findall(rb"s=([0-9a-f]{16})", both)
    tags = re.findall(rb"t=([0-9a-f]{16})", both)
    assert len(set(salts)) == len(set(tags)) == 2
    names = re.findall(rb"\x10([0-9a-f]{16})", both)
    assert len(set(names)) == 2


def test_who_is_told_to_keep_quiet_sends_nothing(household: Household, network: Network) -> None:
    with overheard(network, household.directory) as heard:
        alice = member(household, network, "alice", lan=QUIET)
        bob = member(household, network, "bob", lan="")
        until(lambda: bob.address in {source for source, _ in heard()}, "bob is heard")
        alice.stop()
        assert alice.address not in {source for source, _ in heard()}
