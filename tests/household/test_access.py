"""What a peer may do in an arena, enforced by those who serve it: an arena that isn't for it doesn't
exist, and what a peer that only reads says of changes isn't believed."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

from realizefs.core.session import PROTOCOL
from realizefs.model import messages as m
from realizefs.model.ids import ArenaId, Digest, ReplicaId, Seq
from realizefs.net.channel import Channel, WireCounters
from realizefs.net.dial import dial
from realizefs.net.identity import load_or_create_identity
from tests.household.conftest import Household
from tests.household.machines import Machine
from tests.household.test_roster import has, member, root
from tests.household.waiting import until

DIGEST = Digest(b"d" * 32)


@asynccontextmanager
async def speaking_as(machine: Machine, other: Machine) -> AsyncIterator[Channel]:
    """The protocol by hand, with the key of a machine whose daemon doesn't run."""
    identity = load_or_create_identity(machine.home, machine.name)
    known = {peer["name"]: peer for peer in machine.ask_json("peer", "list")}
    channel = await dial(
        [f"localhost:{other.port}"],
        identity,
        certificate=load_or_create_identity(other.home, other.name).certificate,
        counters=WireCounters(),
        name=known[other.name]["name"],
    )
    async with channel:
        yield channel


async def answers(channel: Channel, wanted: type[m.Message], count: int) -> list[m.Message]:
    found: list[m.Message] = []
    with trio.fail_after(30):
        while len(found) < count:
            message = await channel.receive()
            if isinstance(message, wanted) and not _only_says_who_is_connected(message):
                found.append(message)
    return found


def _only_says_who_is_connected(message: m.Message) -> bool:
    """It comes before or after the one with all cards."""
    return isinstance(message, m.Roster) and not message.peers


def arena_id(machine: Machine, name: str) -> ArenaId:
    listed = {each["name"]: each["id"] for each in machine.ask_json("arena", "list")}
    return ArenaId(bytes.fromhex(listed[name]))


def arenas_of(machine: Machine, name: str) -> list[str]:
    """Which arenas a peer of that name is known to have."""
    return [
        arena
        for peer in machine.ask_json("peer", "list")
        if peer["name"] == name
        for arena in peer["arenas"]
    ]


async def test_an_arena_that_is_not_for_a_peer_does_not_exist_for_it(household: Household) -> None:
    """Not in the hello, not in what it hears of others, and a question about it is answered like one
    about an arena that nobody ever had."""
    alice = member(household, "alice")
    alice.share("taxes", alice.directory / "taxes")
    bob, carol = household.machine("bob"), household.machine("carol")
    for machine in (bob, carol):
        machine.serve()
        machine.ask("join", alice.ask("invite", "docs", "taxes"), machine.directory)
    until(lambda: carol.connected(bob), "all know each other")
    said = alice.ask("peer", "set", "bob", "--arena", "taxes", "--no-access")
    assert said == "bob is in docs."
    until(
        lambda: arenas_of(carol, "bob") == ["docs"],
        "carol heeds it, too",
    )
    for one, name in ((alice, "carol"), (carol, "alice")):
        until(lambda one=one, name=name: "docs" in arenas_of(one, name), "they know of each other")  # type: ignore[misc]
    bob.stop()
    docs, taxes, nothing = arena_id(alice, "docs"), arena_id(alice, "taxes"), ArenaId(b"n" * 16)
    identity = load_or_create_identity(bob.home, "bob")
    for other in (alice, carol):
        async with speaking_as(bob, other) as channel:
            arenas = (docs, taxes, nothing)
            await channel.send(m.Hello(PROTOCOL, (), identity.peer, "bob", arenas))
            [hello] = await answers(channel, m.Hello, 1)
            [roster] = await answers(channel, m.Roster, 1)
            for request, arena in enumerate((taxes, nothing), start=1):
                await channel.send(m.Subscribe(arena, ReplicaId(b""), Seq(0)))
                await channel.send(m.Read(request, arena, b"secret", DIGEST, 0, 100))
            first, second = await answers(channel, m.Failure, 2)
            assert isinstance(hello, m.Hello)
            assert hello.arenas == (docs,)
            assert isinstance(roster, m.Roster)
            assert {arena for card in roster.peers for arena in card.arenas} == {docs}
            assert isinstance(first, m.Failure)
            assert isinstance(second, m.Failure)
            assert (first.code, first.detail) == (second.code, second.detail)


def test_a_peer_that_only_reads_hears_of_changes_and_makes_none(household: Household) -> None:
    alice = member(household, "alice")
    bob, carol = member(household, "bob", alice), member(household, "carol", alice)
    (root(alice) / "shared").write_text("as it was")
    for machine in (bob, carol):
        has(machine, "shared", "as it was")
    until(lambda: carol.connected(bob), "all know each other")
    assert alice.ask("peer", "set", "carol", "--read-only") == "carol is in docs (read-only)."
    until(lambda: _reads_only(bob, "carol"), "bob heeds it, too")
    until(lambda: "may only read here" in (carol.arena()["notice"] or ""), "carol says so")
    (root(carol) / "shared").write_text("changed by carol")
    (root(carol) / "of-carol").write_text("new")
    until(lambda: carol.arena()["files"] == 2, "carol has indexed it")
    (root(alice) / "of-alice").write_text("new")
    for machine in (bob, carol):
        has(machine, "of-alice", "new")
    for machine in (alice, bob):
        assert (root(machine) / "shared").read_text() == "as it was"
        assert not (root(machine) / "of-carol").exists()
    assert "may only read there" in carol.refused("peer", "remove", "bob")
    bob.ask("peer", "set", "carol", "--read-write")
    for machine in (alice, bob):
        has(machine, "of-carol", "new")
        has(machine, "shared", "changed by carol")


def _reads_only(machine: Machine, name: str) -> bool:
    peers = {peer["name"]: peer for peer in machine.ask_json("peer", "list")}
    return bool(peers[name]["read_only"] == ["docs"])


def test_a_peer_is_named_by_its_name_or_fingerprint(household: Household) -> None:
    alice = member(household, "alice")
    machines = [household.machine("one"), household.machine("two")]
    for machine in machines:
        machine.config.write_text(f'name = "twin"\nlisten = ["localhost:{machine.port}"]\n')
        machine.ask("join", alice.ask("invite", "docs"), root(machine))
    first, second = (peer["fingerprint"] for peer in alice.ask_json("peer", "list"))
    said = alice.refused("peer", "remove", "twin")
    assert "2 peers are called" in said
    assert first[:16] in said
    alice.ask("peer", "remove", first[:12].upper())
    assert [peer["fingerprint"] for peer in alice.ask_json("peer", "list")] == [second]
    assert "no peer called" in alice.refused("peer", "remove", "nobody")
    assert "no peer called" in alice.refused("peer", "remove", second[:4])
