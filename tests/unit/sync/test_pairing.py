"""Two machines pair by a code that their users compare, and whoever stands between is found out. TLS is
real, the wires are in memory."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
import trio
import trio.testing

from realizefs.core.pairing import Side, commitment
from realizefs.model.entries import PeerCard
from realizefs.model.errors import Misuse, NotPaired, PeerFault, RealizeError
from realizefs.model.lan_limits import PAIR_SECONDS, PAIR_TRIES_MAX
from realizefs.model.messages import (
    Message,
    PairAgreed,
    PairAnswer,
    PairInvited,
    PairReveal,
    PairStart,
    Refused,
    SharedArena,
)
from realizefs.net.channel import Channel, WireCounters
from realizefs.net.identity import Identity
from realizefs.net.tls import joiner_context, listener_context
from realizefs.net.tls_stream import TlsStream
from realizefs.sync.joining import Doorman
from realizefs.sync.pairing import Door, pair
from tests.fakes.wire import ARENA, identity

DESK, LAP, MALLORY = (identity(name) for name in ("desk", "lap", "mallory"))
SHARED = (SharedArena(ARENA, "docs"),)
SECRET = b"the secret of an invitation"


@dataclass
class People:
    """The users of both machines, who stand beside each other: each looks at both screens. One says
    what he sees, unless told otherwise."""

    screens: dict[str, str] = field(default_factory=dict)
    shown: trio.Event = field(default_factory=trio.Event)
    say: dict[str, bool] = field(default_factory=dict)

    def at(self, machine: str) -> Callable[[str, str], Awaitable[bool]]:
        async def ask(_other: str, code: str) -> bool:
            self.screens[machine] = code
            if len(self.screens) == 2:
                self.shown.set()
            await self.shown.wait()
            return self.say.get(machine, len(set(self.screens.values())) == 1)

        return ask


@dataclass
class Desk:
    """The opener, and what its user is told."""

    people: People = field(default_factory=People)
    told: list[str] = field(default_factory=list)
    invited: int = 0

    def __post_init__(self) -> None:
        own = Side(b"", DESK.certificate, "desk")
        self.door = Door(own, SHARED, self.people.at("desk"), self._tell, self._invite)

    async def _tell(self, sentence: str) -> None:
        self.told.append(sentence)

    async def _invite(self, seconds: int) -> bytes:
        self.invited += 1
        return SECRET

    async def answers(self, channel: Channel) -> None:
        """What the doorman does with a joiner who wants to pair."""
        async with channel:
            message = await channel.receive()
            assert isinstance(message, PairStart)
            await self.door.answer(channel, message)


async def wire(opener: Identity) -> tuple[Channel, Channel]:
    """A joiner, who shows no certificate, has dialled an opener: the ends of both, the opener's first."""
    left, right = trio.testing.memory_stream_pair()
    here = TlsStream(left, listener_context(opener, []), True, "lap:1", WireCounters())
    there = TlsStream(right, joiner_context(), False, "desk:1", WireCounters())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(here.handshake)
        nursery.start_soon(there.handshake)
    return Channel(here), Channel(there)


async def test_two_machines_pair() -> None:
    desk = Desk()
    here, there = await wire(DESK)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(desk.answers, here)
        invited = await pair(there, LAP.certificate, "lap", desk.people.at("lap"))
        assert invited == PairInvited(SECRET, SHARED)
        assert there.certificate == DESK.certificate
        assert not desk.door.shut.is_set()  # until it has come
        desk.door.came(LAP.peer)
    assert desk.door.shut.is_set()
    assert desk.door.joined == "lap"
    assert desk.told == []


@pytest.mark.parametrize("careless", [None, "lap", "desk"])
async def test_whoever_stands_between_is_found_out_by_who_looks(careless: str | None) -> None:
    """Mallory is a desk to lap and a lap to desk, with a certificate of his own, and answers as fast
    or as slowly as he likes. A user who says yes without looking has only himself to blame: the
    other one's machine is safe."""
    desk = Desk()
    if careless:
        desk.people.say[careless] = True
    to_lap, lap_end = await wire(MALLORY)
    desk_end, to_desk = await wire(DESK)
    got: list[object] = []

    async def mallory() -> None:
        async def yes(_name: str, _code: str) -> bool:
            return True

        async with to_lap:
            start = await to_lap.receive()
            assert isinstance(start, PairStart)
            with suppress(RealizeError):
                # He has desk's code before lap's nonce, and can do nothing with it.
                own = Side(b"", MALLORY.certificate, "desk")
                door = Door(own, SHARED, yes, desk._tell, desk._invite)
                async with trio.open_nursery() as both:
                    both.start_soon(pair, to_desk, MALLORY.certificate, "lap", yes)
                    await door.answer(to_lap, start)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(desk.answers, desk_end)
        nursery.start_soon(_swallowing, mallory)
        try:
            got.append(await pair(lap_end, LAP.certificate, "lap", desk.people.at("lap")))
        except RealizeError as error:
            got.append(error)
        desk.door.came(MALLORY.peer)
        await desk.door.idle.wait()
        nursery.cancel_scope.cancel()
    assert len(set(desk.people.screens.values())) == 2
    assert isinstance(got[0], NotPaired) is (careless != "lap")
    assert (desk.door.joined == "lap") is (careless == "desk")


async def _swallowing(work: Callable[[], Awaitable[object]]) -> None:
    with suppress(ExceptionGroup, RealizeError):
        await work()


async def said_by_joiner(desk: Desk, *messages: Message) -> list[Message]:
    """What the opener says to somebody who says that, step by step."""
    here, there = await wire(DESK)
    heard: list[Message] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(desk.answers, here)
        async with there:
            for message in messages:
                await there.send(message)
                with suppress(RealizeError):
                    heard.append(await there.receive())
    return heard


def start(nonce: bytes, opener: Identity = DESK, joiner: Identity = LAP) -> PairStart:
    bound = commitment(nonce, joiner.certificate, opener.certificate)
    return PairStart(bound, PeerCard(joiner.peer, "lap", joiner.certificate))


async def test_who_reveals_something_else_than_he_was_committed_to_is_refused() -> None:
    """With a nonce that he may choose last he would meet any code."""
    desk = Desk()
    await said_by_joiner(desk, start(b"1" * 32), PairReveal(b"2" * 32))
    assert desk.people.screens == {}
    assert "committed" in desk.told[0]


async def test_what_lap_said_to_mallory_is_no_good_at_desk() -> None:
    """Passed on as it is, it is bound to mallory's certificate."""
    desk = Desk()
    await said_by_joiner(desk, start(b"1" * 32, opener=MALLORY), PairReveal(b"1" * 32))
    assert desk.people.screens == {}
    assert "committed" in desk.told[0]


async def test_no_code_is_shown_before_its_maker_is_bound_to_it() -> None:
    desk = Desk()
    await said_by_joiner(desk, start(b"1" * 32), PairAgreed())
    assert desk.people.screens == {}
    assert desk.invited == 0


async def test_tries_are_counted_and_then_the_door_is_shut() -> None:
    """Also those that end before a code is shown: the opener's nonce was told."""
    desk = Desk()
    for _ in range(PAIR_TRIES_MAX):
        assert not desk.door.shut.is_set()
        [answer] = await said_by_joiner(desk, start(b"1" * 32))
        assert isinstance(answer, PairAnswer)
    assert desk.door.shut.is_set()
    [answer] = await said_by_joiner(desk, start(b"1" * 32))
    assert isinstance(answer, Refused)
    assert desk.door.joined == ""


async def test_who_isnt_open_says_so() -> None:
    nothing: Any = None  # of this a doorman has no need before he is opened
    doorman = Doorman(nothing, nothing, nothing, nothing, nothing)
    here, there = await wire(DESK)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(doorman.answer, here, trio.CancelScope())
        with pytest.raises(NotPaired, match="is not open for pairing"):
            await pair(there, LAP.certificate, "lap", waits)
    desk = Desk()
    with doorman.opened(desk.door):
        with pytest.raises(Misuse, match="open for pairing already"):
            with doorman.opened(desk.door):
                pass
    assert doorman.door is None


async def test_one_at_a_time() -> None:
    desk = Desk()
    here, there = await wire(DESK)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(desk.answers, here)
        nursery.start_soon(_swallowing, lambda: pair(there, LAP.certificate, "lap", waits))
        await trio.testing.wait_all_tasks_blocked()
        [answer] = await said_by_joiner(desk, start(b"1" * 32, joiner=MALLORY))
        assert isinstance(answer, Refused)
        nursery.cancel_scope.cancel()


async def waits(_name: str, _code: str) -> bool:
    await trio.sleep_forever()


@pytest.mark.parametrize("who", ["lap", "desk"])
async def test_either_user_may_say_no_and_the_other_is_told(who: str) -> None:
    desk = Desk()
    desk.people.say[who] = False
    here, there = await wire(DESK)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(desk.answers, here)
        with pytest.raises(NotPaired) as refused:
            await pair(there, LAP.certificate, "lap", desk.people.at("lap"))
    assert desk.invited == 0
    told = [str(refused.value), desk.told[0].removeprefix("lap was not paired. ")]
    mine, other = told if who == "lap" else reversed(told)
    assert mine.startswith("The codes differ, so somebody may stand between")
    assert other == f"The user of {who} says that the codes differ."


async def test_who_goes_away_ends_the_question() -> None:
    desk = Desk()
    here, there = await wire(DESK)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(desk.answers, here)
        with trio.CancelScope() as hangs_up:

            async def ask(_name: str, _code: str) -> bool:
                hangs_up.cancel()
                await trio.sleep_forever()

            await pair(there, LAP.certificate, "lap", ask)
    assert desk.door.idle.is_set()
    assert len(desk.told) == 1


async def test_people_have_their_time_and_not_more(
    autojump_clock: trio.testing.MockClock,
) -> None:
    desk = Desk()
    here, there = await wire(DESK)
    began = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(desk.answers, here)
        with pytest.raises((NotPaired, PeerFault)):
            await pair(there, LAP.certificate, "lap", waits)
    assert PAIR_SECONDS <= trio.current_time() - began < PAIR_SECONDS + 30
    assert desk.door.idle.is_set()
