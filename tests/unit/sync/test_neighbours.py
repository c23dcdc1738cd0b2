"""Who is on this network: peers are found there, and a flood of announcements changes nothing."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from realizefs.core.neighbour import Neighbour, said, understood
from realizefs.model.entries import PeerCard
from realizefs.model.grants import full
from realizefs.model.ids import ArenaId, peer_id_of
from realizefs.model.lan_limits import NEIGHBOUR_ADDRESSES_MAX, NEIGHBOURS_MAX
from realizefs.net.identity import load_or_create_identity
from realizefs.store.env import Environment
from realizefs.store.peers import Roster as StoredRoster
from realizefs.store.schema import GLOBAL_SCHEMA
from realizefs.sync.neighbours import Neighbours
from realizefs.sync.roster import Roster
from tests.fakes.clock import SystemClock

BOB = b"der of bob"
CARD = PeerCard(peer_id_of(BOB), "bob", BOB, ("old:1",), full([ArenaId(b"a" * 16)]))


@pytest.fixture
def roster(tmp_path: Path) -> Iterator[Roster]:
    env = Environment(tmp_path / "state", GLOBAL_SCHEMA)
    identity = load_or_create_identity(tmp_path, "alice")
    yield Roster(env, StoredRoster(), identity, "alice", SystemClock())
    env.close()


def announced(number: int, certificate: bytes = BOB, name: str = "") -> Neighbour:
    properties = said(number.to_bytes(8, "big"), certificate, name)
    found = understood(4331, [f"10.0.{number // 256}.{number % 256}"], dict(properties))
    assert found is not None
    return found


async def test_a_peer_that_is_announced_is_found_and_one_that_isnt_known_is_not(
    roster: Roster,
) -> None:
    found: list[str] = []
    neighbours = Neighbours(roster, lambda: found.append("found"))
    neighbours.heard("one", announced(1))
    assert found == []  # a stranger, until he joins
    assert neighbours.addresses_of(BOB) == ["10.0.0.1:4331"]
    await roster.admit(CARD, [ArenaId(b"a" * 16)])
    neighbours.heard("two", announced(2))
    assert found == ["found"]
    assert neighbours.addresses_of(BOB) == ["10.0.0.2:4331", "10.0.0.1:4331"]
    neighbours.heard("two", None)
    assert neighbours.addresses_of(BOB) == ["10.0.0.1:4331"]
    neighbours.forget()
    assert neighbours.addresses_of(BOB) == []


def test_those_that_are_open_are_listed_but_not_this_machine(roster: Roster) -> None:
    neighbours = Neighbours(roster, lambda: None)
    neighbours.heard("own", announced(1, roster.own().certificate, "alice"))
    neighbours.heard("shut", announced(2))
    neighbours.heard("open", announced(3, BOB, "bob"))
    assert [one.name for one in neighbours.open()] == ["bob"]


def test_a_flood_is_bounded_and_the_latest_is_remembered(roster: Roster) -> None:
    neighbours = Neighbours(roster, lambda: None)
    for number in range(3 * NEIGHBOURS_MAX):
        neighbours.heard(str(number), announced(number, name="x"))
    assert len(neighbours.open()) == NEIGHBOURS_MAX
    assert len(neighbours.addresses_of(BOB)) == NEIGHBOUR_ADDRESSES_MAX
    assert neighbours.addresses_of(BOB)[0].startswith("10.0.2.255")
