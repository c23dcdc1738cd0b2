"""Sessions: two of them talk to each other, without a wire, on a clock that the test turns."""

from dataclasses import dataclass, field

import pytest

from realizefs.core import backoff
from realizefs.core import effects as fx
from realizefs.core.session import PROTOCOL, Session
from realizefs.core.session_table import State
from realizefs.model import messages as m
from realizefs.model.ids import ArenaId, Digest, PeerId, ReplicaId, Seq
from realizefs.model.limits import (
    BLOCKS_MAX,
    DEAD_LINK_SECONDS,
    HANDSHAKE_SECONDS,
    PING_IDLE_SECONDS,
    RECONNECT_SECONDS_FIRST,
    RECONNECT_SECONDS_MAX,
    REQUESTS_IN_FLIGHT_MAX,
    ROWS_UNACKED_MAX,
)

ARENA = ArenaId(b"a" * 16)
REPLICA = ReplicaId(b"r" * 16)
DIGEST = Digest(b"h" * 32)
DESK, LAP = PeerId(1), PeerId(2)


def hello_of(peer: PeerId, protocol: int = PROTOCOL) -> m.Hello:
    return m.Hello(protocol, (), peer, f"peer {peer}", (ARENA,))


def read(request: int) -> m.Read:
    return m.Read(request, ARENA, b"f", DIGEST, 0, 10)


def read_blocks(request: int) -> m.ReadBlocks:
    return m.ReadBlocks(request, ARENA, b"f", DIGEST)


def with_bytes(request: int) -> m.ReadBlocks:
    return m.ReadBlocks(request, ARENA, b"f", DIGEST, start=7, length=5)


@dataclass
class Two:
    """Both ends; what one sends the other receives, the rest is kept as it happened."""

    now: float = 0.0
    ends: dict[PeerId, Session] = field(default_factory=dict)
    seen: dict[PeerId, list[fx.Effect]] = field(default_factory=lambda: {DESK: [], LAP: []})
    cut: bool = False

    def run(self, end: PeerId, effects: list[fx.Effect]) -> None:
        other = LAP if end == DESK else DESK
        for effect in effects:
            if not isinstance(effect, fx.Send):
                self.seen[end].append(effect)
            elif not self.cut:
                self.run(other, self.ends[other].received(effect.message, self.now))

    def of(self, end: PeerId, kind: type[fx.Effect]) -> list[fx.Effect]:
        return [effect for effect in self.seen[end] if isinstance(effect, kind)]

    def call(self) -> int:
        number, effects = self.ends[DESK].call(read, self.now)
        self.run(DESK, effects)
        return number


@pytest.fixture
def two() -> Two:
    both = Two()
    both.ends = {
        DESK: Session(hello_of(DESK), LAP, both.now),
        LAP: Session(hello_of(LAP), DESK, both.now),
    }
    for end in both.ends:
        both.run(end, both.ends[end].start())
    return both


def alone(now: float = 0.0) -> Session:
    """The desk, after the hello of the lap."""
    session = Session(hello_of(DESK), LAP, now)
    session.start()
    session.received(hello_of(LAP), now)
    return session


def sent(effects: list[fx.Effect]) -> list[m.Message]:
    return [effect.message for effect in effects if isinstance(effect, fx.Send)]


def reason_of(effects: list[fx.Effect]) -> str:
    (closed,) = [effect for effect in effects if isinstance(effect, fx.Closed)]
    return closed.reason


def test_both_open_after_the_hellos(two: Two) -> None:
    assert two.of(DESK, fx.Opened) == [fx.Opened(hello_of(LAP))]
    assert two.of(LAP, fx.Opened) == [fx.Opened(hello_of(DESK))]


def test_another_protocol_is_refused_with_a_sentence() -> None:
    session = Session(hello_of(DESK), LAP, 0.0)
    effects = session.received(hello_of(LAP, PROTOCOL + 1), 0.0)
    assert isinstance(sent(effects)[0], m.Refused)
    assert "update the older" in reason_of(effects)
    assert session.state is State.CLOSED


def test_nobody_speaks_for_somebody_else() -> None:
    session = Session(hello_of(DESK), LAP, 0.0)
    assert "another peer than its certificate" in reason_of(
        session.received(hello_of(PeerId(3)), 0.0)
    )


@pytest.mark.parametrize("message", [m.Ping(1), read(1), m.Data(1, b""), m.Cancel(1)])
def test_nothing_comes_before_hello(message: m.Message) -> None:
    session = Session(hello_of(DESK), LAP, 0.0)
    assert "out of turn" in reason_of(session.received(message, 0.0))


@pytest.mark.parametrize("message", [hello_of(LAP), m.Welcome((), ())])
def test_what_has_no_rule_ends_the_session(message: m.Message) -> None:
    assert "out of turn" in reason_of(alone().received(message, 0.0))


def test_a_stall_before_hello_ends_the_session() -> None:
    session = Session(hello_of(DESK), LAP, 0.0)
    assert session.tick(HANDSHAKE_SECONDS - 0.1) == [fx.WakeAt(HANDSHAKE_SECONDS)]
    assert "no hello" in reason_of(session.tick(HANDSHAKE_SECONDS))


def test_gossip_is_delivered_in_order(two: Two) -> None:
    said: list[fx.Gossip] = [
        m.Subscribe(ARENA, REPLICA, Seq(0)),
        m.Rows(ARENA, REPLICA, Seq(0), Seq(1), ()),
        m.Roster(()),
        m.Ack(ARENA, REPLICA, Seq(1)),
    ]
    for message in said:
        two.run(DESK, two.ends[DESK].send(message, 0.0))
    assert two.of(LAP, fx.Deliver) == [fx.Deliver(message) for message in said]


def test_a_request_finds_its_answer(two: Two) -> None:
    number = two.call()
    assert two.of(LAP, fx.Serve) == [fx.Serve(read(number))]
    two.run(LAP, two.ends[LAP].answer(m.Data(number, b"bytes"), 0.0))
    assert two.of(DESK, fx.Resolved) == [fx.Resolved(number, m.Data(number, b"bytes"))]


def test_a_cancelled_request_is_abandoned_and_answered_once(two: Two) -> None:
    number = two.call()
    two.run(DESK, two.ends[DESK].cancel(number, 0.0))
    assert two.of(LAP, fx.Abandon) == [fx.Abandon(number)]
    assert two.of(DESK, fx.SlotFree) == [fx.SlotFree()]
    two.run(LAP, two.ends[LAP].answer(m.Data(number, b"late"), 0.0))
    assert two.of(DESK, fx.Resolved) == []
    assert two.of(DESK, fx.Closed) == []


def test_an_answer_that_crosses_the_cancel_is_no_fault() -> None:
    session = alone()
    number, _ = session.call(read, 0.0)
    session.cancel(number, 0.0)
    assert session.received(m.Data(number, b"x"), 0.0) == [fx.SlotFree()]
    assert "nobody made" in reason_of(session.received(m.Data(number, b"x"), 0.0))


def test_a_cancelled_request_keeps_its_slot_until_it_is_answered() -> None:
    """Else a holder that is slow to hear of the Cancel would see one request too many."""
    session = alone()
    numbers = [session.call(read, 0.0)[0] for _ in range(REQUESTS_IN_FLIGHT_MAX)]
    assert not session.asked.room
    session.cancel(numbers[0], 0.0)
    assert not session.asked.room
    session.received(m.Failure(numbers[0], "cancelled", ""), 0.0)
    assert session.asked.room


def test_too_many_requests_end_the_session() -> None:
    session = alone()
    for number in range(REQUESTS_IN_FLIGHT_MAX):
        session.received(read(number), 0.0)
    effects = session.received(read(1000), 0.0)
    assert "requests at once" in reason_of(effects)
    assert isinstance(sent(effects)[0], m.Refused)


def test_a_request_id_in_flight_twice_ends_the_session() -> None:
    session = alone()
    session.received(read(1), 0.0)
    assert "twice" in reason_of(session.received(read(1), 0.0))


@pytest.mark.parametrize("answer", [m.Data(5, b""), m.Failure(5, "io", "")])
def test_an_answer_that_nobody_asked_for_ends_the_session(answer: m.Message) -> None:
    assert "nobody made" in reason_of(alone().received(answer, 0.0))


def test_an_answer_longer_than_asked_ends_the_session() -> None:
    session = alone()
    number, _ = session.call(read, 0.0)
    assert "11 bytes" in reason_of(session.received(m.Data(number, b"x" * 11), 0.0))
    session = alone()
    number, _ = session.call(read, 0.0)
    assert "11 bytes" in reason_of(session.received(m.Packed(number, 11, b"x"), 0.0))
    session = alone()
    number, _ = session.call(read, 0.0)
    assert "a delta" in reason_of(session.received(m.Delta(number, 5, b"x"), 0.0))


@pytest.mark.parametrize("length", [31, 32 * (BLOCKS_MAX + 1)])
def test_an_impossible_block_list_ends_the_session(length: int) -> None:
    session = alone()
    number, _ = session.call(read_blocks, 0.0)
    assert "block list" in reason_of(session.received(m.Data(number, bytes(length)), 0.0))


@pytest.mark.parametrize("length", [32, 32 + 5, 32 * BLOCKS_MAX + 5])
def test_bytes_may_come_with_a_block_list_where_they_were_asked_for(length: int) -> None:
    session = alone()
    number, _ = session.call(with_bytes, 0.0)
    effects = session.received(m.Data(number, bytes(length)), 0.0)
    assert not any(isinstance(effect, fx.Closed) for effect in effects)


def test_more_than_a_block_list_and_the_bytes_that_were_asked_for_end_the_session() -> None:
    session = alone()
    number, _ = session.call(with_bytes, 0.0)
    data = m.Data(number, bytes(32 * BLOCKS_MAX + 6))
    assert "block list" in reason_of(session.received(data, 0.0))


def test_small_files_with_more_than_their_bytes_end_the_session() -> None:
    session = alone()
    files = (m.Small(b"f", DIGEST, 10), m.Small(b"g", DIGEST, 1))
    number, _ = session.call(lambda number: m.ReadSeveral(number, ARENA, files), 0.0)
    assert "20 bytes" in reason_of(session.received(m.Data(number, bytes(20)), 0.0))


def test_cancelling_what_is_answered_already_says_nothing(two: Two) -> None:
    number = two.call()
    two.run(LAP, two.ends[LAP].answer(m.Data(number, b"x"), 0.0))
    assert two.ends[DESK].cancel(number, 0.0) == []
    assert alone().received(m.Cancel(77), 0.0) == [fx.Retract(77)]


def test_rows_wait_for_acknowledgements(two: Two) -> None:
    desk = two.ends[DESK]
    for last in range(1, ROWS_UNACKED_MAX + 1):
        assert desk.rows_room(ARENA)
        two.run(DESK, desk.send(m.Rows(ARENA, REPLICA, Seq(0), Seq(last), ()), 0.0))
    assert not desk.rows_room(ARENA)
    assert desk.rows_room(ArenaId(b"b" * 16))
    two.run(LAP, two.ends[LAP].send(m.Ack(ARENA, REPLICA, Seq(1)), 0.0))
    assert desk.rows_room(ARENA)
    assert two.of(DESK, fx.RowsWanted)


def test_a_new_subscription_forgets_what_was_not_acknowledged(two: Two) -> None:
    desk = two.ends[DESK]
    for last in range(1, ROWS_UNACKED_MAX + 1):
        two.run(DESK, desk.send(m.Rows(ARENA, REPLICA, Seq(0), Seq(last), ()), 0.0))
    two.run(LAP, two.ends[LAP].send(m.Subscribe(ARENA, REPLICA, Seq(0)), 0.0))
    assert desk.rows_room(ARENA)


def test_an_idle_session_lives_by_its_pings(two: Two) -> None:
    for _ in range(20):
        two.now += PING_IDLE_SECONDS
        for end in two.ends:
            two.run(end, two.ends[end].tick(two.now))
    assert two.of(DESK, fx.Closed) == two.of(LAP, fx.Closed) == []


def test_silence_ends_the_session(two: Two) -> None:
    two.cut = True
    two.run(DESK, two.ends[DESK].tick(DEAD_LINK_SECONDS - 0.1))
    assert two.of(DESK, fx.Closed) == []
    two.run(DESK, two.ends[DESK].tick(DEAD_LINK_SECONDS))
    assert two.of(DESK, fx.Closed) == [
        fx.Closed(f"nothing was heard for {DEAD_LINK_SECONDS:.0f} s", fault=False)
    ]


def test_bytes_of_a_message_that_takes_a_minute_are_life() -> None:
    """8 MiB on a slow line: no message for long, bytes all the time; and we still say Ping."""
    session = alone()
    pings = 0
    for second in range(60):
        session.heard(second)
        pings += len(sent(session.tick(second)))
    assert session.state is State.OPEN
    assert pings == 59 // PING_IDLE_SECONDS


def test_silence_of_our_own_doing_is_no_death() -> None:
    session = alone()
    effects = session.tick(DEAD_LINK_SECONDS * 2, listening=False)
    assert session.state is State.OPEN
    assert sent(effects) == [m.Ping(1)]


def test_refused_ends_it_without_an_answer() -> None:
    effects = alone().received(m.Refused("You were removed."), 0.0)
    assert effects == [fx.Closed("the other side ended it: You were removed", fault=False)]


def test_a_closed_session_is_silent() -> None:
    session = alone()
    session.close("done", fault=False)
    assert session.received(read(1), 0.0) == []
    assert session.tick(100.0) == []
    assert session.send(m.Roster(()), 0.0) == []
    assert session.answer(m.Data(1, b""), 0.0) == []
    assert session.close("again", fault=False) == []


def test_reconnecting_backs_off_within_bounds() -> None:
    assert backoff.delay(1, 0.0) == RECONNECT_SECONDS_FIRST / 2
    longest = [backoff.delay(failures, 0.999) for failures in range(1, 100)]
    assert longest == sorted(longest)
    assert RECONNECT_SECONDS_MAX * 0.99 < longest[-1] < RECONNECT_SECONDS_MAX
