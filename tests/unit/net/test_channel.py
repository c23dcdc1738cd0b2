"""Channels: frames stay whole whoever is cancelled, queues stay bounded, ends are noticed.

The clock jumps, since goodbyes wait for the other side, which a test closes only later.
"""

import pytest
import trio
import trio.testing
from trio.testing import MockClock

from realizefs.codec.frames import pack
from realizefs.model.errors import ConnectionLost, ProtocolFault
from realizefs.model.limits import (
    CLOSE_SECONDS,
    FRAME_PAYLOAD_BYTES_MAX,
    SEND_QUEUE_BYTES_MAX,
    SEND_QUEUE_FRAMES_MAX,
    SEND_QUEUE_URGENT_FRAMES_MAX,
)
from realizefs.model.messages import Data, Message, Ping
from tests.fakes.wire import connected, identity


async def test_messages_arrive_in_order_both_ways(autojump_clock: MockClock) -> None:
    wire = await connected()
    said: list[Message] = [Ping(1), Data(2, bytes(range(256)) * 5000), Ping(3), Data(4, b"")]
    async with wire.desk, wire.lap, trio.open_nursery() as nursery:
        for channel in (wire.desk, wire.lap):
            for message in said:
                nursery.start_soon(channel.send, message)
                await trio.testing.wait_all_tasks_blocked()
        for channel in (wire.desk, wire.lap):
            assert [await channel.receive() for _ in said] == said


async def test_both_know_each_other(autojump_clock: MockClock) -> None:
    wire = await connected()
    assert wire.desk.certificate == identity("lap").certificate
    assert wire.lap.certificate == identity("desk").certificate
    async with wire.desk, wire.lap:
        pass


async def test_a_cancelled_sender_leaves_no_half_frame(autojump_clock: MockClock) -> None:
    wire = await connected(lockstep=True)
    big = Data(1, bytes(FRAME_PAYLOAD_BYTES_MAX))
    sent = 0
    async with wire.desk, wire.lap, trio.open_nursery() as nursery:
        # Nobody reads: the writer is stuck in a frame, the queue is full, then comes the cancel.
        with trio.move_on_after(1):
            while True:
                await wire.desk.send(big)
                sent += 1
        nursery.start_soon(wire.desk.send, Ping(7))
        assert [await wire.lap.receive() for _ in range(sent)] == [big] * sent
        assert await wire.lap.receive() == Ping(7)


async def test_a_cancelled_receiver_loses_nothing(autojump_clock: MockClock) -> None:
    wire = await connected()
    async with wire.desk, wire.lap:
        with trio.move_on_after(1):
            await wire.lap.receive()
        await wire.desk.send(Ping(1))
        assert await wire.lap.receive() == Ping(1)


async def test_senders_wait_when_the_queue_is_full(autojump_clock: MockClock) -> None:
    wire = await connected()
    async with wire.desk, wire.lap:
        wire.desk._writing.cancel()
        await trio.testing.wait_all_tasks_blocked()
        with trio.move_on_after(1) as scope:
            for _ in range(SEND_QUEUE_FRAMES_MAX + 1):
                await wire.desk.send(Ping(1))
        assert scope.cancelled_caught
        assert len(wire.desk._queues[False]) == SEND_QUEUE_FRAMES_MAX


async def test_big_frames_fill_the_queue_by_their_bytes(autojump_clock: MockClock) -> None:
    wire = await connected()
    async with wire.desk, wire.lap:
        wire.desk._writing.cancel()
        await trio.testing.wait_all_tasks_blocked()
        with trio.move_on_after(1):
            for _ in range(SEND_QUEUE_FRAMES_MAX):
                await wire.desk.send(Data(1, bytes(FRAME_PAYLOAD_BYTES_MAX)))
        assert len(wire.desk._queues[False]) == SEND_QUEUE_BYTES_MAX // FRAME_PAYLOAD_BYTES_MAX


async def test_who_never_reads_its_answers_is_given_up(autojump_clock: MockClock) -> None:
    wire = await connected()
    async with wire.desk, wire.lap:
        wire.desk._writing.cancel()
        await trio.testing.wait_all_tasks_blocked()
        for _ in range(SEND_QUEUE_URGENT_FRAMES_MAX + 1):
            wire.desk.put(Ping(1))
        with pytest.raises(ConnectionLost, match="does not read"):
            await wire.desk.receive()


async def test_the_end_is_noticed_by_reader_and_sender(autojump_clock: MockClock) -> None:
    wire = await connected()
    async with wire.lap:
        async with wire.desk, trio.open_nursery() as nursery:
            nursery.start_soon(wire.lap.aclose)
            with pytest.raises(ConnectionLost):
                await wire.desk.receive()
        with pytest.raises(ConnectionLost):
            await wire.desk.send(Ping(1))


async def test_a_broken_stream_ends_the_reader_too(autojump_clock: MockClock) -> None:
    """The writer meets the break; the reader, blocked in the socket, must not wait on."""
    wire = await connected()
    async with wire.desk, wire.lap, trio.open_nursery() as nursery:

        async def read() -> None:
            with pytest.raises(ConnectionLost):
                await wire.desk.receive()

        nursery.start_soon(read)
        await trio.testing.wait_all_tasks_blocked()
        await wire.cut()
        await wire.desk.send(Ping(1))


async def test_the_body_of_a_broken_channel_is_not_cancelled(autojump_clock: MockClock) -> None:
    """Breaking once cancelled the writer's nursery, and with it whoever had opened the channel."""
    wire = await connected()
    async with wire.desk, wire.lap:
        await wire.cut()
        await wire.desk.send(Ping(1))
        await trio.testing.wait_all_tasks_blocked()
        await trio.lowlevel.checkpoint()


async def test_last_words_that_come_together_with_the_goodbye_are_heard(
    autojump_clock: MockClock,
) -> None:
    """OpenSSL gives b"" for a goodbye; once the messages read just before were dropped with it."""
    wire = await connected()
    async with wire.lap:
        async with wire.desk:
            await wire.desk.send(Ping(1))
        assert await wire.lap.receive() == Ping(1)
        with pytest.raises(ConnectionLost):
            await wire.lap.receive()


async def test_what_is_queued_goes_out_before_the_end(autojump_clock: MockClock) -> None:
    wire = await connected()
    async with wire.lap, trio.open_nursery() as nursery:

        async def say() -> None:
            async with wire.desk:
                for token in range(20):
                    await wire.desk.send(Ping(token))

        nursery.start_soon(say)
        assert [await wire.lap.receive() for _ in range(20)] == [Ping(n) for n in range(20)]
        await wire.lap.aclose()


async def test_closing_takes_no_longer_than_it_may(autojump_clock: MockClock) -> None:
    """The other side neither reads nor closes."""
    wire = await connected()
    began = trio.current_time()
    async with wire.desk:
        pass
    assert trio.current_time() - began <= 2 * CLOSE_SECONDS
    await wire.lap.aclose()


async def test_an_error_passes_through_the_channel_as_it_is(autojump_clock: MockClock) -> None:
    wire = await connected()
    with pytest.raises(KeyError):
        async with wire.desk, wire.lap:
            raise KeyError


async def test_a_two_gigabyte_frame_is_refused(autojump_clock: MockClock) -> None:
    wire = await connected()
    async with wire.desk, wire.lap:
        wire.lap._queues[False].add([pack(b"", b"")[0][:4] + b"\x80\0\0\0\0\0\0\0"], None)
        wire.lap._wake.set()
        with pytest.raises(ProtocolFault, match="2147483648 bytes"):
            await wire.desk.receive()


async def test_a_truncated_frame_is_a_lost_connection(autojump_clock: MockClock) -> None:
    wire = await connected()
    async with wire.desk, wire.lap, trio.open_nursery() as nursery:
        wire.lap._queues[False].add([pack(b"m" * 100, b"")[0][:50]], None)
        nursery.start_soon(wire.lap.aclose)
        with pytest.raises(ConnectionLost):
            await wire.desk.receive()
        await wire.desk.aclose()
