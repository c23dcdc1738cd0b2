"""Turns: one at a time for each inode, and what programs want isn't given up at once."""

import pytest
import trio
import trio.testing

from realizefs.model.ids import Inode
from realizefs.sync.turns import GRACE_SECONDS, Turns

ONE, OTHER = Inode(1), Inode(2)


class HandClock:
    """Seconds that pass when the test says so."""

    seconds = 100.0

    def now(self) -> float:
        return self.seconds

    def wall_ns(self) -> int:
        return int(self.seconds * 1e9)


async def _takes(turns: Turns, ino: Inode, done: list[str], name: str, until: trio.Event) -> None:
    async with turns.of(ino):
        done.append(name)
        await until.wait()


async def test_one_works_on_an_inode_and_the_next_waits_in_order() -> None:
    turns, done = Turns(HandClock()), list[str]()
    ends = [trio.Event() for _ in range(3)]
    async with trio.open_nursery() as nursery:
        for number, end in enumerate(ends):
            nursery.start_soon(_takes, turns, ONE, done, str(number), end)
            await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(_takes, turns, OTHER, done, "another inode", ends[0])
        await trio.testing.wait_all_tasks_blocked()
        assert done == ["0", "another inode"]
        for number, end in enumerate(ends, 1):
            end.set()
            await trio.testing.wait_all_tasks_blocked()
            assert len(done) == min(number + 2, 4)
    assert done == ["0", "another inode", "1", "2"]
    assert not turns._turns


async def test_a_turn_that_fails_or_is_given_up_is_the_next_ones() -> None:
    turns = Turns(HandClock())

    async def break_off() -> None:
        async with turns.of(ONE):
            with trio.move_on_after(0):
                async with turns.of(ONE):
                    pytest.fail("it isn't free")
            raise OSError("broken")

    with pytest.raises(OSError, match="broken"):
        await break_off()
    async with turns.of(ONE):
        pass
    assert not turns._turns


def test_what_is_wanted_is_so_for_a_while_and_forgotten_then() -> None:
    clock = HandClock()
    turns = Turns(clock)
    assert not turns.is_wanted(ONE)
    turns.want(ONE)
    clock.seconds += GRACE_SECONDS / 2
    turns.want(OTHER)
    assert turns.is_wanted(ONE)
    clock.seconds += GRACE_SECONDS / 2
    assert not turns.is_wanted(ONE)
    assert turns.is_wanted(OTHER)
    turns.want(ONE)
    turns.want(ONE)
    clock.seconds += GRACE_SECONDS
    turns.want(OTHER)
    assert list(turns._wanted) == [OTHER]
