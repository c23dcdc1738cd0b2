"""Limits of rates: they hold for links that are up, and for single peers."""

from pathlib import Path

import trio
from trio.testing import MockClock

from realizefs.model.limits import MIB
from realizefs.model.messages import Data
from realizefs.model.rates import RateLimit, RateLimits
from realizefs.sync.bandwidth import Bandwidth
from tests.fakes.peer import introduce, running_peer, until, write
from tests.fakes.wire import connected


async def seconds_for(bandwidth: Bandwidth, name: str, mebibytes: int) -> float:
    wire = await connected()
    bandwidth.hold(wire.desk, name)
    began = trio.current_time()
    async with wire.desk, wire.lap, trio.open_nursery() as nursery:
        for number in range(mebibytes):
            nursery.start_soon(wire.desk.send, Data(number, bytes(MIB)))
        for _ in range(mebibytes):
            await wire.lap.receive()
        return trio.current_time() - began


async def test_each_peer_has_its_own_limit_besides_that_of_all(autojump_clock: MockClock) -> None:
    bandwidth = Bandwidth()
    bandwidth.set(RateLimits(RateLimit(up=4 * MIB), {"lap": RateLimit(up=MIB)}))
    assert 9.5 <= await seconds_for(bandwidth, "lap", 10) <= 10.5
    assert 2.3 <= await seconds_for(bandwidth, "phone", 10) <= 2.7
    bandwidth.set(RateLimits())
    assert await seconds_for(bandwidth, "lap", 10) < 0.01


async def test_a_limit_that_is_set_holds_for_a_link_that_is_up(tmp_path: Path) -> None:
    """Seen by the bucket it overdraws, not by a clock: the machine may be slow."""
    async with running_peer(tmp_path / "desk", "desk") as desk:
        async with running_peer(tmp_path / "lap", "lap") as lap:
            write(desk.root, "film", bytes(300_000))
            await introduce(desk, lap)
            await until(lambda: lap.entry("film"))
            lap.household.bandwidth.set(RateLimits(peers={"desk": RateLimit(down=10 * MIB)}))
            assert await lap.read("film") == bytes(300_000)
            bucket = lap.household.bandwidth._of("desk").down
            assert bucket.take(0, trio.current_time()) <= 0.05
            assert bucket._at > 0
            assert lap.household.bandwidth._total.down.rate is None
