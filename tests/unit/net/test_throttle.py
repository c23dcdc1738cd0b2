"""Channels held to a rate, on a clock that jumps: what arrives, and when."""

from collections.abc import Callable

import pytest
import trio
import trio.testing
from trio.testing import MockClock

from realizefs.core.throttle import Bucket
from realizefs.model.limits import KIB, MIB, PROGRESS_SECONDS, RATE_BYTES_MIN
from realizefs.model.messages import Data, Ping
from realizefs.net.channel import Channel
from realizefs.net.throttle import Throttle
from tests.fakes.wire import Wire, connected

FREE = Throttle()


async def seconds_for(count: int, size: int, sender: Channel, receiver: Channel) -> float:
    """Until so many payloads have arrived; everything but the throttle takes no time."""
    began = trio.current_time()
    async with sender, receiver, trio.open_nursery() as nursery:

        async def send() -> None:
            for number in range(count):
                await sender.send(Data(number, bytes(size)))

        nursery.start_soon(send)
        for _ in range(count):
            await receiver.receive()
        return trio.current_time() - began


def is_held(seconds: float, count: int, rate: int) -> bool:
    return abs(seconds - count / rate) <= 0.05 * count / rate


async def test_what_is_sent_keeps_the_rate(autojump_clock: MockClock) -> None:
    wire = await connected()
    wire.desk.throttle(down=FREE, up=Throttle([Bucket(2 * MIB)]))
    assert is_held(await seconds_for(20, MIB, wire.desk, wire.lap), 20 * MIB, 2 * MIB)


async def test_what_is_received_keeps_the_rate(autojump_clock: MockClock) -> None:
    wire = await connected()
    wire.lap.throttle(down=Throttle([Bucket(2 * MIB)]), up=FREE)
    assert is_held(await seconds_for(20, MIB, wire.desk, wire.lap), 20 * MIB, 2 * MIB)


async def test_the_lower_of_two_rates_holds(autojump_clock: MockClock) -> None:
    wire = await connected()
    wire.desk.throttle(down=FREE, up=Throttle([Bucket(50 * MIB), Bucket(MIB)]))
    assert is_held(await seconds_for(10, MIB, wire.desk, wire.lap), 10 * MIB, MIB)


async def test_connections_share_the_rate_of_all(autojump_clock: MockClock) -> None:
    shared = Bucket(MIB)
    ended: list[float] = []
    async with trio.open_nursery() as nursery:

        async def one() -> None:
            wire = await connected()
            wire.desk.throttle(down=FREE, up=Throttle([shared]))
            ended.append(await seconds_for(10, 512 * KIB, wire.desk, wire.lap))

        for _ in range(4):
            nursery.start_soon(one)
    assert is_held(max(ended), 20 * MIB, MIB)
    assert min(ended) > 0.8 * max(ended)  # nobody was served before the others


async def test_a_rate_is_changed_in_the_midst_of_a_frame(autojump_clock: MockClock) -> None:
    wire = await connected()
    bucket = Bucket(MIB)
    wire.desk.throttle(down=FREE, up=Throttle([bucket]))
    began = trio.current_time()
    async with wire.desk, wire.lap, trio.open_nursery() as nursery:
        nursery.start_soon(wire.desk.send, Data(1, bytes(8 * MIB)))

        async def faster() -> None:
            await trio.sleep(2)
            bucket.rate = 6 * MIB

        nursery.start_soon(faster)
        await wire.lap.receive()
        assert is_held(trio.current_time() - began, 3, 1)


async def test_a_slow_line_trickles(autojump_clock: MockClock) -> None:
    """Bytes that come in bursts with seconds between them would pass for a holder that hangs."""
    wire = await connected()
    wire.desk.throttle(down=FREE, up=Throttle([Bucket(RATE_BYTES_MIN)]))
    gaps = await gaps_of(wire, 160 * KIB)
    assert len(gaps) >= 5
    assert max(gaps) < PROGRESS_SECONDS / 2


async def gaps_of(
    wire: Wire, size: int, while_waiting: Callable[[], None] = lambda: None
) -> list[float]:
    """Seconds between one progress of a payload and the next."""
    gaps: list[float] = []
    async with wire.desk, wire.lap, trio.open_nursery() as nursery:

        async def send() -> None:
            await trio.testing.wait_all_tasks_blocked()
            while_waiting()
            await wire.desk.send(Data(1, bytes(size)))

        async def watch() -> None:
            while True:
                before = wire.lap.payload_at
                await trio.sleep(0.01)
                if wire.lap.payload_at != before >= 0:
                    gaps.append(wire.lap.payload_at - before)

        nursery.start_soon(send)
        nursery.start_soon(watch)
        await wire.lap.receive()
        nursery.cancel_scope.cancel()
    return gaps


@pytest.mark.parametrize("before", [None, 1000 * MIB])
async def test_a_rate_that_is_set_much_lower_makes_no_silence(
    autojump_clock: MockClock, before: int | None
) -> None:
    """What had been let go, up to a mebibyte of each connection, was to be waited for at the new rate:
    readers heard for minutes that nothing came, and the link was taken for dead."""
    wire = await connected()
    bucket = Bucket(before)
    wire.lap.throttle(down=Throttle([bucket]), up=FREE)

    def lower() -> None:
        bucket.rate = RATE_BYTES_MIN

    gaps = await gaps_of(wire, 2 * MIB, lower)
    assert max(gaps) < PROGRESS_SECONDS / 2


async def test_links_that_share_a_low_rate_all_make_progress(autojump_clock: MockClock) -> None:
    """A record of 16 KiB takes each of four eight seconds; all holders passed for ones that hang."""
    shared = Bucket(RATE_BYTES_MIN)
    gaps: list[float] = []
    async with trio.open_nursery() as nursery:

        async def one() -> None:
            wire = await connected()
            wire.lap.throttle(down=Throttle([shared]), up=FREE)
            gaps.extend(await gaps_of(wire, 64 * KIB))

        for _ in range(4):
            nursery.start_soon(one)
    assert max(gaps) < PROGRESS_SECONDS / 2


async def test_a_cancelled_sender_leaves_a_throttled_frame_whole(autojump_clock: MockClock) -> None:
    wire = await connected()
    wire.desk.throttle(down=FREE, up=Throttle([Bucket(100 * KIB)]))
    async with wire.desk, wire.lap:
        with trio.move_on_after(0.5):
            await wire.desk.send(Data(1, bytes(MIB)))
            await trio.sleep_forever()
        await wire.desk.send(Ping(2))
        assert await wire.lap.receive() == Data(1, bytes(MIB))
        assert await wire.lap.receive() == Ping(2)
