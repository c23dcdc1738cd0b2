"""Links: two of them over TLS in memory, on a clock that jumps; faults end a link, nothing else."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
import trio
import trio.testing
from trio.testing import MockClock

from realizefs.core.calls import Request
from realizefs.core.effects import Gossip
from realizefs.model.errors import (
    ConnectionLost,
    RealizeError,
    RequestFailed,
    StoreFault,
    Unreachable,
    VersionGone,
)
from realizefs.model.ids import Seq
from realizefs.model.limits import (
    DEAD_LINK_SECONDS,
    HANDSHAKE_SECONDS,
    MESSAGES_WAITING_MAX,
    MIB,
    PROGRESS_SECONDS,
    REQUESTS_IN_FLIGHT_MAX,
    ROWS_UNACKED_MAX,
    SERVES_AT_ONCE_MAX,
)
from realizefs.model.messages import Ack, Data, Message, Ping, Read, Refused, Roster, Rows, Small
from realizefs.net.channel import Channel
from realizefs.sync.link import Link, run_link
from realizefs.sync.urgency import Need
from tests.fakes.wire import ARENA, DIGEST, REPLICA, TrioClock, connected, hello_of, identity

Serve = Callable[[Request], Awaitable[bytes]]


async def zeros(request: Request) -> bytes:
    """As many bytes as were asked for."""
    return bytes(request.length) if isinstance(request, Read) else bytes(64)


async def never(request: Request) -> bytes:
    """A disk that hangs."""
    await trio.sleep_forever()
    raise AssertionError


@dataclass
class Home:
    """A handler that keeps what happens."""

    serves: Serve = zeros
    heard: list[Gossip] = field(default_factory=list)
    is_open: trio.Event = field(default_factory=trio.Event)
    is_closed: trio.Event = field(default_factory=trio.Event)
    busy: int = 0
    busiest: int = 0
    may_hear: trio.Event | None = None
    fault: RealizeError | None = None
    _link: Link | None = None

    @property
    def link(self) -> Link:
        assert self._link is not None
        return self._link

    async def opened(self, link: Link) -> None:
        self._link = link
        self.is_open.set()

    async def message(self, link: Link, message: Gossip) -> None:
        if self.may_hear is not None:
            await self.may_hear.wait()
        if self.fault is not None:
            raise self.fault
        self.heard.append(message)

    async def serve(self, link: Link, request: Request) -> bytes:
        self.busy += 1
        self.busiest = max(self.busiest, self.busy)
        try:
            return await self.serves(request)
        finally:
            self.busy -= 1

    def closed(self, link: Link) -> None:
        assert not self.is_closed.is_set()
        self.is_closed.set()


@dataclass
class Pair:
    """Both homes, their links open."""

    desk: Home
    lap: Home

    async def read(self, length: int = 10, path: bytes = b"f") -> bytes:
        return await self.lap.link.read(ARENA, path, DIGEST, 0, length)


@asynccontextmanager
async def linked(desk: Home | None = None, lap: Home | None = None) -> AsyncIterator[Pair]:
    pair = Pair(desk or Home(), lap or Home())
    wire = await connected()
    async with trio.open_nursery() as nursery:
        for name, channel, home in (
            ("desk", wire.desk, pair.desk),
            ("lap", wire.lap, pair.lap),
        ):
            nursery.start_soon(run_link, channel, hello_of(identity(name)), home, TrioClock())
        await pair.desk.is_open.wait()
        await pair.lap.is_open.wait()
        yield pair
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def linked_to_raw(home: Home) -> AsyncIterator[Channel]:
    """A link of the lap, and the desk's bare channel to play with."""
    wire = await connected()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(run_link, wire.lap, hello_of(identity("lap")), home, TrioClock())
        async with wire.desk:
            await wire.desk.receive()
            await wire.desk.send(hello_of(identity("desk")))
            await home.is_open.wait()
            yield wire.desk
        nursery.cancel_scope.cancel()


async def test_reading_brings_the_bytes(autojump_clock: MockClock) -> None:
    async with linked() as pair:
        assert await pair.read(8 * MIB) == bytes(8 * MIB)
        assert await pair.lap.link.read_blocks(ARENA, b"f", DIGEST) == bytes(64)
        assert pair.lap.link.name == "desk"
        assert pair.lap.link.peer == identity("desk").peer
        assert pair.lap.link.hello == hello_of(identity("desk"))
        assert pair.lap.link.in_flight == 0
        assert pair.lap.link.rate > 0
    assert pair.desk.is_closed.is_set()
    assert pair.lap.is_closed.is_set()


@pytest.mark.parametrize(
    ("raised", "met", "says"),
    [
        (VersionGone("it changed."), VersionGone, "desk: it changed."),
        (RequestFailed("no-arena", "none such."), RequestFailed, "desk: none such."),
        (OSError(5, "Input/output error"), RequestFailed, "Input/output error"),
    ],
)
async def test_a_failure_at_the_holder_reaches_the_reader(
    autojump_clock: MockClock, raised: Exception, met: type[Exception], says: str
) -> None:
    async def fail(request: Request) -> bytes:
        raise raised

    async with linked(desk=Home(serves=fail)) as pair:
        with pytest.raises(met, match=says):
            await pair.read()
        assert not pair.lap.link.closed


async def test_no_progress_is_unreachable_at_the_deadline(autojump_clock: MockClock) -> None:
    """Although the link lives: pings are no progress."""
    async with linked(desk=Home(serves=never)) as pair:
        began = trio.current_time()
        with pytest.raises(Unreachable, match='desk sent nothing for 5 s while "f" was read'):
            await pair.read()
        assert trio.current_time() - began == pytest.approx(PROGRESS_SECONDS)
        await trio.testing.wait_all_tasks_blocked()
        assert pair.desk.busy == 0  # the holder heard of it and gave up, too
        assert not pair.lap.link.closed


async def test_who_is_silent_is_told_with_what_was_asked(autojump_clock: MockClock) -> None:
    async with linked(desk=Home(serves=never)) as pair:
        link = pair.lap.link
        with pytest.raises(Unreachable, match='5 s while "f" was to be kept there'):
            await link.pin(ARENA, b"f", DIGEST)
        with pytest.raises(Unreachable, match='5 s while "f" was to be moved there'):
            await link.take(ARENA, b"f")
        with pytest.raises(Unreachable, match='5 s while "f" and others were read'):
            await link.read_several(
                ARENA, (Small(b"f", DIGEST, 1), Small(b"g", DIGEST, 1)), Need.DOWNLOAD
            )


async def test_bytes_of_another_answer_are_progress(autojump_clock: MockClock) -> None:
    """A slow line that is busy with what was asked before is no reason to give up."""

    async def slowly(request: Request) -> bytes:
        await trio.sleep(request.request * (PROGRESS_SECONDS - 1))
        return await zeros(request)

    async with linked(desk=Home(serves=slowly)) as pair, trio.open_nursery() as nursery:
        for _ in range(SERVES_AT_ONCE_MAX):
            nursery.start_soon(pair.read)


async def test_bytes_of_a_frame_on_a_slow_line_are_progress(autojump_clock: MockClock) -> None:
    home = Home()
    async with linked_to_raw(home) as desk, trio.open_nursery() as nursery:
        got: list[bytes] = []

        async def read() -> None:
            got.append(await home.link.read(ARENA, b"f", DIGEST, 0, 100_000))

        nursery.start_soon(read)
        await desk.receive()
        desk.put(Data(1, bytes(100_000)))
        whole = b"".join(desk._queues[False].take())
        for start in range(0, len(whole), 20_000):
            await trio.sleep(PROGRESS_SECONDS - 1)
            desk._queues[False].add([whole[start : start + 20_000]], None)
            desk._wake.set()
    assert got == [bytes(100_000)]


async def test_rows_before_an_answer_are_progress(autojump_clock: MockClock) -> None:
    """On a slow line the holder's news may be ahead of what was asked for."""
    home = Home()
    async with linked_to_raw(home) as desk, trio.open_nursery() as nursery:
        nursery.start_soon(home.link.read, ARENA, b"f", DIGEST, 0, 10)
        await desk.receive()
        for last in range(1, ROWS_UNACKED_MAX + 1):
            await trio.sleep(PROGRESS_SECONDS - 1)
            await desk.send(Rows(ARENA, REPLICA, Seq(0), Seq(last), ()))
        await trio.sleep(PROGRESS_SECONDS - 1)
        await desk.send(Data(1, bytes(10)))


async def test_waiting_behind_others_is_no_silence(autojump_clock: MockClock) -> None:
    """However many: of a large download on a slow line the last pieces heard that nothing came."""

    async def slowly(request: Request) -> bytes:
        await trio.sleep(PROGRESS_SECONDS - 1)
        return await zeros(request)

    async with linked(desk=Home(serves=slowly)) as pair, trio.open_nursery() as nursery:
        for _ in range(6 * REQUESTS_IN_FLIGHT_MAX):
            nursery.start_soon(pair.read)


async def test_who_came_first_is_asked_for_first(autojump_clock: MockClock) -> None:
    asked: list[bytes] = []

    async def noting(request: Request) -> bytes:
        asked.append(request.path)
        await trio.sleep(1)
        return await zeros(request)

    paths = [b"%03d" % number for number in range(2 * REQUESTS_IN_FLIGHT_MAX)]
    async with linked(desk=Home(serves=noting)) as pair, trio.open_nursery() as nursery:
        for path in paths:
            nursery.start_soon(pair.read, 10, path)
            await trio.testing.wait_all_tasks_blocked()
    window = REQUESTS_IN_FLIGHT_MAX  # the holder takes up in any order what it was asked at once
    assert sorted(asked[:window]) == paths[:window]
    assert sorted(asked[window:]) == paths[window:]


async def test_an_answer_that_all_others_overtake_is_given_up(autojump_clock: MockClock) -> None:
    """One file hangs at the holder, and others are read from it all the time."""

    async def hangs_once(request: Request) -> bytes:
        await trio.sleep(float("inf") if request.path == b"hangs" else 1)
        return await zeros(request)

    async with linked(desk=Home(serves=hangs_once)) as pair, trio.open_nursery() as nursery:

        async def read_on() -> None:
            while True:
                await pair.read()

        nursery.start_soon(read_on)
        with pytest.raises(Unreachable):
            await pair.read(path=b"hangs")
        nursery.cancel_scope.cancel()


async def test_time_in_which_we_did_not_run_is_no_silence(autojump_clock: MockClock) -> None:
    """A loop that was kept from running finds the deadline passed, and the answer in its socket."""
    may_answer = trio.Event()

    async def late(request: Request) -> bytes:
        await may_answer.wait()
        return await zeros(request)

    async with linked(desk=Home(serves=late)) as pair, trio.open_nursery() as nursery:
        nursery.start_soon(pair.read)
        await trio.testing.wait_all_tasks_blocked()
        autojump_clock.jump(PROGRESS_SECONDS + 1)
        may_answer.set()


async def test_cancelling_a_read_cancels_the_serving(autojump_clock: MockClock) -> None:
    async with linked(desk=Home(serves=never)) as pair:
        with trio.move_on_after(1):
            await pair.read()
        await trio.testing.wait_all_tasks_blocked()
        assert pair.desk.busy == 0
        assert pair.lap.link.in_flight == 0
        assert pair.lap.link._session.asked.room


async def test_more_requests_than_may_be_in_flight_wait(autojump_clock: MockClock) -> None:
    async with linked() as pair, trio.open_nursery() as nursery:
        for _ in range(3 * REQUESTS_IN_FLIGHT_MAX):
            nursery.start_soon(pair.read)
        await trio.testing.wait_all_tasks_blocked()
    assert pair.desk.busiest <= SERVES_AT_ONCE_MAX
    assert not pair.lap.link.fault


async def test_losing_the_link_ends_all_reads_at_once(autojump_clock: MockClock) -> None:
    async with linked(desk=Home(serves=never)) as pair, trio.open_nursery() as nursery:

        async def read() -> None:
            with pytest.raises(ConnectionLost, match="The connection with desk ended"):
                await pair.read()

        for _ in range(REQUESTS_IN_FLIGHT_MAX + 1):
            nursery.start_soon(read)
        await trio.testing.wait_all_tasks_blocked()
        began = trio.current_time()
        pair.desk.link.close("enough")
        await pair.lap.is_closed.wait()
        await trio.testing.wait_all_tasks_blocked()
        assert trio.current_time() - began < 0.1
        with pytest.raises(ConnectionLost):
            await pair.lap.link.send(Roster(()))


async def test_gossip_comes_in_order_and_rows_wait_for_acks(autojump_clock: MockClock) -> None:
    async with linked() as pair, trio.open_nursery() as nursery:

        async def tell() -> None:
            for last in range(1, ROWS_UNACKED_MAX + 3):
                await pair.lap.link.send(Rows(ARENA, REPLICA, Seq(0), Seq(last), ()))

        nursery.start_soon(tell)
        await trio.testing.wait_all_tasks_blocked()
        assert len(pair.desk.heard) == ROWS_UNACKED_MAX
        await pair.desk.link.send(Ack(ARENA, REPLICA, Seq(ROWS_UNACKED_MAX)))
        await trio.testing.wait_all_tasks_blocked()
        lasts = [message.last for message in pair.desk.heard if isinstance(message, Rows)]
        assert lasts == list(range(1, ROWS_UNACKED_MAX + 3))


async def test_a_busy_handler_holds_up_neither_reads_nor_life(autojump_clock: MockClock) -> None:
    desk = Home(may_hear=trio.Event())
    async with linked(desk=desk) as pair:
        await pair.lap.link.send(Roster(()))
        await trio.sleep(10 * DEAD_LINK_SECONDS)
        assert await pair.read() == bytes(10)
        assert await pair.desk.link.read(ARENA, b"f", DIGEST, 0, 1) == b"\0"
        assert desk.may_hear is not None
        desk.may_hear.set()


async def test_a_flood_of_gossip_stops_being_read_but_not_living(
    autojump_clock: MockClock,
) -> None:
    desk = Home(may_hear=trio.Event())
    async with linked(desk=desk) as pair:
        for _ in range(MESSAGES_WAITING_MAX + 5):
            await pair.lap.link.send(Roster(()))
        await trio.sleep(10 * DEAD_LINK_SECONDS)
        assert not pair.desk.link.closed
        assert not pair.lap.link.closed
        assert desk.may_hear is not None
        desk.may_hear.set()
        assert await pair.read() == bytes(10)
        await trio.testing.wait_all_tasks_blocked()
        assert len(desk.heard) == MESSAGES_WAITING_MAX + 5


async def test_a_peer_that_falls_silent_is_given_up(autojump_clock: MockClock) -> None:
    home = Home()
    async with linked_to_raw(home):
        began = trio.current_time()
        await home.is_closed.wait()
        assert trio.current_time() - began == pytest.approx(DEAD_LINK_SECONDS)
        assert DEAD_LINK_SECONDS < 15
        assert home.link.reason == f"nothing was heard for {DEAD_LINK_SECONDS:.0f} s"


async def test_a_stall_before_hello_ends_the_link(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    wire = await connected()
    home = Home()
    async with wire.desk:
        began = trio.current_time()
        await run_link(wire.lap, hello_of(identity("lap")), home, TrioClock())
        assert HANDSHAKE_SECONDS <= trio.current_time() - began < HANDSHAKE_SECONDS + 3
    assert not home.is_closed.is_set()
    assert caplog.messages == ["The link with desk:1 ended: no hello came within 10 s."]


@pytest.mark.parametrize(
    "message",
    [
        Data(99, b""),
        hello_of(identity("desk")),
        Read(1, ARENA, b"../../etc/passwd", DIGEST, 0, 10),
        Read(1, ARENA, b".realize/db", DIGEST, 0, 10),
    ],
)
async def test_a_protocol_fault_is_told_and_logged_once(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture, message: Message
) -> None:
    home = Home()
    async with linked_to_raw(home) as desk:
        await desk.send(message)
        answer = await desk.receive()
        assert isinstance(answer, Refused)
        await home.is_closed.wait()
        await desk.aclose()
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert caplog.messages[0].startswith("The link with desk ended: ")


async def test_too_many_requests_end_the_link(autojump_clock: MockClock) -> None:
    home = Home(serves=never)
    async with linked_to_raw(home) as desk:
        for number in range(REQUESTS_IN_FLIGHT_MAX + 1):
            await desk.send(Read(number, ARENA, b"f", DIGEST, 0, 1))
        assert isinstance(await desk.receive(), Refused)
        await home.is_closed.wait()
        assert home.busiest == SERVES_AT_ONCE_MAX


async def test_pings_are_answered(autojump_clock: MockClock) -> None:
    async with linked_to_raw(Home()) as desk:
        await desk.send(Ping(77))
        assert getattr(await desk.receive(), "token", None) == 77


async def test_a_disk_that_fails_here_ends_the_link(autojump_clock: MockClock) -> None:
    desk = Home(fault=StoreFault("The database is full."))
    async with linked(desk=desk) as pair:
        await pair.lap.link.send(Roster(()))
        await pair.lap.is_closed.wait()
        assert pair.desk.link.reason == "The database is full"


async def test_a_hello_in_another_name_is_refused(autojump_clock: MockClock) -> None:
    wire = await connected()
    home = Home()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(run_link, wire.lap, hello_of(identity("lap")), home, TrioClock())
        async with wire.desk:
            await wire.desk.receive()
            await wire.desk.send(hello_of(identity("stranger")))
            assert isinstance(await wire.desk.receive(), Refused)
    assert not home.is_open.is_set()
