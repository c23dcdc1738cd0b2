"""Who is on this network: peers are found there, and a flood of announcements changes nothing."""

from realizefs.core.neighbour import Neighbour, said, understood
from realizefs.model.lan_limits import NEIGHBOUR_ADDRESSES_MAX, NEIGHBOURS_MAX
from realizefs.sync.neighbours import Neighbours

ALICE, BOB, CAROL = b"der of alice", b"der of bob", b"der of carol"


def announced(number: int, certificate: bytes = BOB, name: str = "") -> Neighbour:
    properties = said(number.to_bytes(8, "big"), certificate, name)
    found = understood(4331, [f"10.0.{number // 256}.{number % 256}"], dict(properties))
    assert found is not None
    return found


def test_a_peer_that_is_announced_is_found_the_latest_word_first() -> None:
    found: list[str] = []
    neighbours = Neighbours(ALICE, lambda: found.append("found"))
    neighbours.know((BOB, CAROL))
    neighbours.heard("one", announced(1))
    neighbours.heard("two", announced(2))
    assert found == ["found", "found"]
    assert neighbours.addresses_of(BOB) == ["10.0.0.2:4331", "10.0.0.1:4331"]
    assert neighbours.addresses_of(CAROL) == []
    neighbours.heard("two", None)
    assert neighbours.addresses_of(BOB) == ["10.0.0.1:4331"]
    neighbours.heard("never told", None)
    neighbours.forget()
    assert neighbours.addresses_of(BOB) == []


def test_strangers_are_not_listened_to_unless_they_are_open() -> None:
    neighbours = Neighbours(ALICE)
    assert not neighbours.wanted(announced(1))
    assert neighbours.wanted(announced(1, name="bob"))
    neighbours.know((BOB,))
    assert neighbours.wanted(announced(1))
    assert not neighbours.wanted(announced(1, CAROL))


def test_those_that_are_open_are_listed_but_not_this_machine() -> None:
    neighbours = Neighbours(ALICE)
    neighbours.know((CAROL,))
    neighbours.heard("own", announced(1, ALICE, "alice"))
    neighbours.heard("shut", announced(2, CAROL))
    neighbours.heard("open", announced(3, BOB, "bob"))
    neighbours.heard("a peer", announced(4, CAROL, "carol"))
    assert [one.name for one in neighbours.open()] == ["bob", "carol"]


def test_a_flood_is_bounded_and_crowds_no_peer_out() -> None:
    neighbours = Neighbours(ALICE)
    neighbours.know((BOB,))
    neighbours.heard("bob", announced(7))
    for number in range(3 * NEIGHBOURS_MAX):
        neighbours.heard(str(number), announced(number, CAROL, name="x"))
    assert len(neighbours.open()) == NEIGHBOURS_MAX
    assert neighbours.addresses_of(BOB) == ["10.0.0.7:4331"]
    for number in range(3 * NEIGHBOURS_MAX):
        neighbours.heard(f"again {number}", announced(number, BOB))
    assert len(neighbours.addresses_of(BOB)) == NEIGHBOUR_ADDRESSES_MAX
    assert neighbours.addresses_of(BOB)[0].startswith("10.0.2.255")
