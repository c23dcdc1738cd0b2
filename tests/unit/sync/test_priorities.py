"""Whoever waits goes first: a person's read overtakes downloads, and what nobody wants leaves the wire.

Over TLS in memory, on a clock that jumps; the line is as slow as its limit says.
"""

import itertools
from functools import partial

import pytest
import trio
import trio.testing
from trio.testing import MockClock

from realizefs.core.calls import Request
from realizefs.core.throttle import Bucket
from realizefs.model.limits import BULK_BYTES_MIN, KIB, MIB, SERVES_AT_ONCE_MAX
from realizefs.model.messages import Data, Delta, Failure, Packed, Ping, Read
from realizefs.net.throttle import Throttle
from realizefs.sync.lanes import Lanes
from realizefs.sync.urgency import Need, Urgency
from tests.fakes.wire import ARENA, DIGEST, connected
from tests.unit.sync.test_link import Home, Pair, linked, never, zeros

BLOCK = 128 * KIB
BLOCK_SECONDS = BLOCK / MIB


def slow(pair: Pair, rate: int = MIB) -> None:
    pair.desk.link._channel.throttle(down=Throttle(), up=Throttle([Bucket(rate)]))


async def read(pair: Pair, urgency: Urgency, length: int = BLOCK) -> bytes:
    return await pair.lap.link.read(ARENA, b"f", DIGEST, 0, length, urgency)


async def test_a_read_overtakes_downloads_within_one_block(autojump_clock: MockClock) -> None:
    async with linked() as pair, trio.open_nursery() as nursery:
        slow(pair)
        for _ in range(40):
            nursery.start_soon(read, pair, Urgency(Need.DOWNLOAD))
        await trio.sleep(1.01)  # in the midst of a block
        for _ in range(3):
            began = trio.current_time()
            await read(pair, Urgency(Need.READ))
            assert trio.current_time() - began <= 2.3 * BLOCK_SECONDS  # one before it, and itself
            await trio.sleep(0.07)
        nursery.cancel_scope.cancel()


async def test_downloads_have_little_on_their_way(autojump_clock: MockClock) -> None:
    """So a holder that knows nothing of urgency doesn't keep a reader behind megabytes, either."""
    async with linked() as pair, trio.open_nursery() as nursery:
        slow(pair)
        for _ in range(40):
            nursery.start_soon(read, pair, Urgency(Need.DOWNLOAD))
        for _ in range(20):
            await trio.sleep(0.1)
            assert pair.lap.link.in_flight <= BULK_BYTES_MIN // BLOCK
        nursery.cancel_scope.cancel()


async def test_a_download_that_a_reader_waits_for_becomes_urgent(autojump_clock: MockClock) -> None:
    async with linked() as pair, trio.open_nursery() as nursery:
        slow(pair)
        for _ in range(40):
            nursery.start_soon(read, pair, Urgency(Need.DOWNLOAD))
        waiting = Urgency(Need.DOWNLOAD)
        done = trio.Event()

        async def wanted() -> None:
            await read(pair, waiting)
            done.set()

        await trio.testing.wait_all_tasks_blocked()  # it is the last in line
        nursery.start_soon(wanted)
        await trio.sleep(1.01)
        assert not done.is_set()
        began = trio.current_time()
        waiting.hurry()
        await done.wait()
        assert trio.current_time() - began <= 2.3 * BLOCK_SECONDS
        nursery.cancel_scope.cancel()


async def test_a_download_waits_as_long_as_readers_keep_the_line_busy(
    autojump_clock: MockClock,
) -> None:
    """After a hundred of their answers it heard that the holder sends nothing, and fetch failed."""
    async with (
        linked() as pair,
        trio.open_nursery() as nursery,
        trio.open_nursery() as readers,
    ):
        slow(pair, 4 * MIB)

        async def read_on() -> None:
            while True:
                await read(pair, Urgency(Need.READ))

        for _ in range(8):
            readers.start_soon(read_on)
        await trio.testing.wait_all_tasks_blocked()
        done = trio.Event()

        async def download() -> None:
            await read(pair, Urgency(Need.DOWNLOAD))
            done.set()

        nursery.start_soon(download)
        await trio.sleep(60)
        assert not done.is_set(), "all of the line is the readers'"
        readers.cancel_scope.cancel()
        with trio.fail_after(1):
            await done.wait()


async def test_a_busy_disk_serves_readers_first(autojump_clock: MockClock) -> None:
    """Downloads leave one of the places in which the holder reads."""
    pair_desk = Home(lambda request: never(request) if is_bulk(request) else zeros(request))
    async with linked(pair_desk) as pair, trio.open_nursery() as nursery:
        for _ in range(2 * SERVES_AT_ONCE_MAX):
            nursery.start_soon(read, pair, Urgency(Need.DOWNLOAD), 10)
        await trio.testing.wait_all_tasks_blocked()
        assert pair.desk.busy == SERVES_AT_ONCE_MAX - 1
        assert await read(pair, Urgency(Need.READ), 10) == bytes(10)
        nursery.cancel_scope.cancel()


def is_bulk(request: Request) -> bool:
    return isinstance(request, Read) and request.bulk


async def test_what_is_cancelled_leaves_the_wire_free(autojump_clock: MockClock) -> None:
    """Megabytes that were queued for a reader who left don't go before the next one's bytes."""
    async with linked() as pair:
        slow(pair)
        with trio.move_on_after(0.3):
            async with trio.open_nursery() as nursery:
                for _ in range(16):
                    nursery.start_soon(read, pair, Urgency(Need.READ), MIB)
        before = pair.desk.link._channel._tls._counters.bytes_out
        began = trio.current_time()
        await read(pair, Urgency(Need.READ))
        assert trio.current_time() - began <= 1.3  # the mebibyte that is being written, at most
        sent = pair.desk.link._channel._tls._counters.bytes_out - before
        assert sent <= MIB + BLOCK + 64 * KIB


async def test_an_answer_that_is_taken_back_is_answered_with_a_failure(
    autojump_clock: MockClock,
) -> None:
    """Each request gets exactly one answer, or its slot would be taken for ever."""
    async with linked() as pair:
        slow(pair, 64 * KIB)
        for _ in range(200):  # three times the slots
            with trio.move_on_after(0.001):
                await read(pair, Urgency(Need.READ), MIB)
        assert len(await read(pair, Urgency(Need.READ), 10)) == 10


async def test_bulk_goes_when_nothing_else_waits(autojump_clock: MockClock) -> None:
    wire = await connected()
    async with wire.desk, wire.lap:
        for number in range(3):
            wire.desk.put(Data(number, bytes(BLOCK)), bulk=True)
        wire.desk.put(Ping(1))
        assert wire.desk.retract(2)
        assert not wire.desk.retract(2)
        wire.desk.put(Failure(2, "cancelled", ""))
        got = [await wire.lap.receive() for _ in range(4)]
    assert [type(message) for message in got] == [Ping, Failure, Data, Data]


@pytest.mark.parametrize(
    "answer", [Data(1, bytes(10)), Packed(1, 100, bytes(10)), Delta(1, 100, bytes(10))]
)
async def test_every_answer_with_bytes_can_be_taken_back(
    autojump_clock: MockClock, answer: Data | Packed | Delta
) -> None:
    """Deltas couldn't: they went over the wire though nobody waited for them any more."""
    wire = await connected()
    async with wire.desk, wire.lap:
        wire.desk.put(answer, bulk=True)
        assert wire.desk.retract(1)


async def test_lanes_hand_their_places_on(autojump_clock: MockClock) -> None:
    lanes, order, numbers = Lanes(2), list[str](), itertools.count()

    async def work(name: str, *, urgent: bool) -> None:
        async with lanes.turn(urgent=urgent):
            order.append(f"{name}{next(numbers)}")
            await trio.sleep(1)

    async with trio.open_nursery() as nursery:
        for urgent in (False, False, False, True, True):
            name = "urgent" if urgent else "bulk"
            nursery.start_soon(partial(work, name, urgent=urgent))
            await trio.sleep(0.1)
        with trio.move_on_after(0.05):  # one that gives up takes no place with it
            await work("never", urgent=True)
    assert order == ["bulk0", "urgent1", "urgent2", "bulk3", "bulk4"]
