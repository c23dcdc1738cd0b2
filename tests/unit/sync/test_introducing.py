"""Whom a peer is told that we are connected to, and what is made of what it says."""

from types import SimpleNamespace
from typing import Any

import trio
import trio.testing

from realizefs.model.ids import PeerId
from realizefs.model.messages import Roster
from realizefs.sync.introducing import TOLD_SECONDS, Introducing

ME, ANNA, BEN, STRANGER = (PeerId(number) for number in (1, 2, 3, 4))


class Link:
    """Keeps what is sent."""

    closed = False

    def __init__(self, peer: PeerId) -> None:
        self.peer = peer
        self.sent: list[Roster] = []

    async def send(self, message: Roster) -> None:
        await trio.lowlevel.checkpoint()
        self.sent.append(message)


def roster(*visible: PeerId) -> Any:
    """Of anna and ben; whom it is asked for may know of `visible`."""
    cards = {one: SimpleNamespace(peer=one, name=f"p{one}", arenas=()) for one in (ANNA, BEN)}
    return SimpleNamespace(
        get=cards.get,
        all=lambda: list(cards.values()),
        told_to=lambda _arenas: tuple(cards[one] for one in visible),
        removals=lambda: (),
    )


async def told(introducing: Introducing, seconds: float) -> None:
    with trio.move_on_after(seconds):
        await introducing.run()


async def test_who_comes_and_goes_is_told_once_a_while(
    autojump_clock: trio.testing.MockClock,
) -> None:
    introducing = Introducing(roster(ANNA, BEN))
    anna, ben = Link(ANNA), Link(BEN)
    introducing.opened(anna)  # type: ignore[arg-type]
    for _ in range(100):
        introducing.opened(ben)  # type: ignore[arg-type]
        introducing.closed(BEN)
    introducing.opened(ben)  # type: ignore[arg-type]
    await told(introducing, 10 * TOLD_SECONDS)
    assert anna.sent == [Roster((), (), (ANNA, BEN))]
    assert ben.sent == [Roster((), (), (ANNA, BEN))]
    introducing.closed(BEN)
    await told(introducing, TOLD_SECONDS)
    assert anna.sent[1:] == [Roster((), (), (ANNA,))]


async def test_of_whom_a_peer_does_not_know_it_is_told_nothing(
    autojump_clock: trio.testing.MockClock,
) -> None:
    introducing = Introducing(roster())
    anna = Link(ANNA)
    for link in (anna, Link(BEN)):
        introducing.opened(link)  # type: ignore[arg-type]
    await told(introducing, TOLD_SECONDS)
    await introducing.introduce(anna)  # type: ignore[arg-type]
    assert {one.connected for one in anna.sent} == {(ANNA,)}


def test_what_a_peer_says_is_kept_as_far_as_we_know_of_whom_while_it_is_connected() -> None:
    introducing = Introducing(roster())
    introducing.heard(ANNA, [BEN])
    assert introducing.connections(ANNA) is None
    introducing.opened(Link(ANNA))  # type: ignore[arg-type]
    introducing.heard(ANNA, ())  # an older program
    assert introducing.connections(ANNA) is None
    introducing.heard(ANNA, [ME, ANNA, BEN, STRANGER])
    assert introducing.connections(ANNA) == ("p3",)
    introducing.closed(ANNA)
    assert introducing.connections(ANNA) is None
