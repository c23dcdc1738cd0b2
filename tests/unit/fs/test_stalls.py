"""Reads that wait: how many may, and what they hear when the kernel asks again. A fake clock."""

import errno

import pytest
import trio
import trio.testing

from realizefs.fs.stalls import RESERVED, Stalls
from realizefs.model.errors import Unreachable

ROOM = 3


@pytest.fixture
def stalls() -> Stalls:
    stalls = Stalls()
    stalls.allow(ROOM + RESERVED)
    return stalls


class Peer:
    """Answers when it is let to, or fails after five seconds."""

    def __init__(self) -> None:
        self.asked = 0
        self.answers = trio.Event()

    async def read(self) -> bytes:
        self.asked += 1
        with trio.move_on_after(5):
            await self.answers.wait()
            return b"bytes"
        raise Unreachable("No byte came.")


async def outcome(
    stalls: Stalls, offset: int, peer: Peer, into: dict[int, object], length: int = 131_072
) -> None:
    try:
        into[offset] = await stalls.read((1, offset), length, peer.read)
    except Unreachable as error:
        into[offset] = error.errno


async def test_the_longest_waiting_make_room(
    stalls: Stalls, autojump_clock: trio.testing.MockClock
) -> None:
    peer, results = Peer(), dict[int, object]()
    async with trio.open_nursery() as nursery:
        for offset in range(5):
            nursery.start_soon(outcome, stalls, offset, peer, results)
            await trio.testing.wait_all_tasks_blocked()
        await trio.sleep(0.04)
        assert results == {}  # each has its time
        await trio.sleep(0.1)
        assert results == dict.fromkeys((0, 1), errno.EHOSTUNREACH)
        nursery.start_soon(outcome, stalls, 0, peer, results)  # the kernel asks again
        await trio.sleep(1)
        assert len(results) == 2  # and this one waits
        peer.answers.set()
    assert results == {**dict.fromkeys(range(5), b"bytes"), 1: errno.EHOSTUNREACH}


@pytest.mark.parametrize("late", [0, 2])
async def test_a_read_ahead_that_failed_is_not_waited_for_twice(
    stalls: Stalls, autojump_clock: trio.testing.MockClock, late: float
) -> None:
    """Nor where so much goes on that the kernel's second question comes late."""
    peer, results = Peer(), dict[int, object]()
    start = trio.current_time()
    await outcome(stalls, 0, peer, results)
    await trio.sleep(late)
    await outcome(stalls, 0, peer, results)
    assert results == {0: errno.EHOSTUNREACH}
    assert trio.current_time() - start < 6 + late
    assert peer.asked == 1
    await trio.sleep(1)
    peer.answers.set()
    await outcome(stalls, 0, peer, results)
    assert results == {0: b"bytes"}


async def test_a_handle_that_is_closed_is_forgotten(
    stalls: Stalls, autojump_clock: trio.testing.MockClock
) -> None:
    """A number that came again would be another handle's; none is waited for without bound."""
    peer, results = Peer(), dict[int, object]()
    async with trio.open_nursery() as nursery:
        for offset in range(ROOM + 1):
            nursery.start_soon(outcome, stalls, offset, peer, results)
            await trio.testing.wait_all_tasks_blocked()
        await trio.sleep(0.1)
        assert list(results) == [0]
        stalls.released(1)
        nursery.start_soon(outcome, stalls, 0, peer, results)
        await trio.testing.wait_all_tasks_blocked()
        peer.answers.set()
    assert results == {**dict.fromkeys(range(ROOM + 1), b"bytes"), 1: errno.EHOSTUNREACH}


async def test_what_may_be_asked_in_the_foreground_is_not_sent_away(
    stalls: Stalls, autojump_clock: trio.testing.MockClock
) -> None:
    """A failure would reach the program; they count, and it is others that make room."""
    peer, results = Peer(), dict[int, object]()
    async with trio.open_nursery() as nursery:
        for offset in range(8):
            nursery.start_soon(outcome, stalls, offset, peer, results, 4096)
        nursery.start_soon(outcome, stalls, 8, peer, results)
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(outcome, stalls, 9, peer, results, 4096)
        await trio.sleep(0.1)
        assert results == {8: errno.EHOSTUNREACH}
        peer.answers.set()
    assert results == {**dict.fromkeys(range(10), b"bytes"), 8: errno.EHOSTUNREACH}
