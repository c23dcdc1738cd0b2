"""A peer that is reached in the moment in which the daemon stops leaves no connection behind."""

from typing import cast

import pytest
import trio

from realizefs.model.entries import PeerCard
from realizefs.net.channel import Channel, WireCounters
from realizefs.sync import dialling
from realizefs.sync.dialling import Connected, Dialler
from realizefs.sync.roster import Roster
from tests.fakes.wire import identity


class Reached:
    """A channel that was closed, or wasn't."""

    closed = False

    async def aclose(self) -> None:
        self.closed = True


async def test_what_is_reached_in_the_moment_of_a_cancellation_is_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    channel, desk = Reached(), identity("desk")

    async def dial(*_: object, **__: object) -> Channel:
        cancelled.cancel()
        return cast("Channel", channel)

    async def carry(_: Channel) -> None:
        raise AssertionError("it is cancelled before")

    monkeypatch.setattr(dialling, "dial", dial)
    dialler = Dialler(
        identity("lap"),
        cast("Roster", None),
        WireCounters(),
        Connected(),
        carry,
        lambda _: None,
    )
    card = PeerCard(desk.peer, "desk", desk.certificate, ("desk.example:1",))
    with trio.CancelScope() as cancelled:
        await dialler._dial_once(card, ["desk.example:1"], 1)
    assert cancelled.cancelled_caught
    assert channel.closed
