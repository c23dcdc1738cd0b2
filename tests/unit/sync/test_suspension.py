"""A machine that slept makes its connections anew at once; nobody waits for silence to tell."""

from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from realizefs.sync import dialling
from realizefs.sync.suspension import SLEPT_SECONDS, seconds_slept, whenever_resumed
from tests.fakes.peer import introduce, running_peer, until, write


async def test_a_jump_of_the_clocks_is_told_once(autojump_clock: MockClock) -> None:
    slept = 0.0
    told: list[float] = []

    def tell() -> None:
        told.append(slept)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(whenever_resumed, tell, lambda: slept)
        await trio.sleep(100)
        slept = 3600.0
        await trio.sleep(2)
        slept += SLEPT_SECONDS / 2  # nobody noticed that
        await trio.sleep(100)
        nursery.cancel_scope.cancel()
    assert told == [3600.0]


def test_this_machine_tells_how_long_it_slept() -> None:
    before = seconds_slept()
    assert before <= seconds_slept() + 0.5  # what never goes back but by the time between two calls


async def test_after_a_suspension_the_peers_are_connected_anew(tmp_path: Path) -> None:
    slept = 0.0
    async with running_peer(tmp_path / "desk", "desk") as desk:
        async with running_peer(tmp_path / "lap", "lap", slept=lambda: slept) as lap:
            write(desk.root, "a.txt", b"before and after")
            await introduce(desk, lap)
            await until(lambda: lap.entry("a.txt"))
            link = lap.arena.context.links.get(desk.identity.peer)
            slept = 3600.0
            await until(lambda: link.closed)
            assert await lap.read("a.txt") == b"before and after"
            assert lap.arena.context.links.get(desk.identity.peer) is not link


async def test_a_peer_out_of_reach_is_dialled_at_once_after_a_suspension(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long the pause between two tries has become meanwhile."""
    monkeypatch.setattr(dialling, "delay", lambda failures, chance: 3600.0)
    slept = 0.0
    async with running_peer(tmp_path / "lap", "lap", slept=lambda: slept, listen=()) as lap:
        async with running_peer(tmp_path / "desk", "desk") as desk:
            address, peer = desk.card.addresses[0], desk.identity.peer
            await introduce(desk, lap)
            await until(lambda: lap.arena.context.links.connected(peer))
        await until(lambda: not lap.arena.context.links.connected(peer))
        async with running_peer(tmp_path / "desk", "desk", listen=[address]):
            slept = 3600.0
            await until(lambda: lap.arena.context.links.connected(peer))
