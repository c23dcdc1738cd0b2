"""Dialling a peer that has left the address that is dialled, and is announced elsewhere meanwhile."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

from realizefs.core.neighbour import Neighbour, said, understood
from realizefs.model.entries import PeerCard
from realizefs.model.grants import full
from realizefs.model.limits import HANDSHAKE_SECONDS
from realizefs.net.channel import Channel, WireCounters
from realizefs.store.env import Environment
from realizefs.store.peers import Roster as StoredRoster
from realizefs.store.schema import GLOBAL_SCHEMA
from realizefs.sync import dialling
from realizefs.sync.dialling import Connected, Dialler
from realizefs.sync.roster import Roster
from tests.fakes.clock import SystemClock
from tests.fakes.wire import ARENA, identity

LAP = identity("lap")
CARD = PeerCard(LAP.peer, "lap", LAP.certificate, ("10.0.0.1:1",), full([ARENA]))


@dataclass
class World:
    """Addresses where somebody answers; the others are silent, as those of machines that are gone."""

    there: set[str] = field(default_factory=set)
    dialled: list[tuple[float, tuple[str, ...]]] = field(default_factory=list)
    reached: trio.Event = field(default_factory=trio.Event)

    async def dial(self, addresses: Sequence[str], _me: Any, **_others: Any) -> Any:
        self.dialled.append((trio.current_time(), tuple(addresses)))
        if not self.there & set(addresses):
            await trio.sleep_forever()
        await trio.lowlevel.checkpoint()

    async def carry(self, _channel: Channel) -> None:
        self.reached.set()
        await trio.sleep_forever()


@asynccontextmanager
async def running(
    world: World, path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Dialler]:
    async def dial(*arguments: Any, **named: Any) -> Any:
        await world.dial(*arguments, **named)
        return "a channel"

    monkeypatch.setattr(dialling, "dial", dial)
    desk = identity("desk")
    env = Environment(path / "state", GLOBAL_SCHEMA)
    roster = Roster(env, StoredRoster(), desk, "desk", SystemClock())
    dialler = Dialler(desk, roster, WireCounters(), Connected(), world.carry, lambda _peer: None)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(dialler.run)
        await trio.testing.wait_all_tasks_blocked()
        await roster.admit(CARD, [ARENA])
        while not world.dialled:
            await trio.testing.wait_all_tasks_blocked()
        yield dialler
        nursery.cancel_scope.cancel()
    env.close()


def at(number: int) -> Neighbour:
    salt = number.to_bytes(8, "big")
    found = understood(1, [f"10.0.0.{number}"], dict(said(salt, LAP.certificate)))
    assert found is not None
    return found


async def test_who_is_found_elsewhere_is_dialled_there_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World({"10.0.0.2:1"})
    async with running(world, tmp_path, monkeypatch) as dialler:
        dialler.neighbours.heard("lap", at(2))
        with trio.fail_after(HANDSHAKE_SECONDS):
            await world.reached.wait()
    assert [where for _, where in world.dialled] == [("10.0.0.1:1",), ("10.0.0.2:1", "10.0.0.1:1")]


async def test_who_repeats_what_the_peer_once_said_breaks_off_no_more_than_now_and_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else nobody who is slow to answer would be reached while that goes on."""
    world = World()
    async with running(world, tmp_path, monkeypatch) as dialler:
        for number in range(2, 100):
            dialler.neighbours.heard(str(number), at(number))
            await trio.testing.wait_all_tasks_blocked()
        assert len(world.dialled) <= 2
