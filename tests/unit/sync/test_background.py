"""What nobody waits for is put off; what a person reads isn't."""

from pathlib import Path

import trio
from trio.testing import MockClock

from realizefs.model.background import BackgroundRules, Hours, Pause
from realizefs.model.ids import ArenaId
from realizefs.model.marks import Mark
from realizefs.sync.background import Background
from tests.fakes.clock import SystemClock
from tests.fakes.peer import introduce, running_peer, until, write

ARENA = ArenaId(b"a" * 16)


async def test_a_pause_puts_jobs_off_and_its_end_brings_them(tmp_path: Path) -> None:
    background = Background(SystemClock())
    background.set(BackgroundRules(pause=Pause()))
    async with (
        running_peer(tmp_path / "a", "a", mark=Mark.OWN) as a,
        running_peer(tmp_path / "b", "b", mark=Mark.OWN, background=background) as b,
    ):
        for number in range(5):
            write(a.root, f"{number}", b"x" * 1000)
        await introduce(a, b)
        await until(lambda: len(b.paths()) == 5)
        await until(lambda: b.arena.describe(b.arena.resolve(b"0")).decision is not None)
        await until(lambda: not b.arena.jobs.running)
        why = b.arena.describe(b.arena.resolve(b"0")).why
        assert why.endswith("It waits because somebody has paused it."), why
        assert not list(b.root.glob("[0-9]"))
        assert await b.read("3") == b"x" * 1000  # a person waits for this one
        background.set(BackgroundRules())
        await until(lambda: len(list(b.root.glob("[0-9]"))) == 5)


class WallClock(SystemClock):
    """Whose hands are set."""

    wall = 0

    def wall_ns(self) -> int:
        return self.wall


async def test_it_waits_for_its_hours_by_the_clock_on_the_wall(autojump_clock: MockClock) -> None:
    clock = WallClock()
    minute = 60 * 10**9

    def wall(now_ns: int) -> tuple[int, int]:
        return 0, now_ns // minute % 1440

    background = Background(clock, wall)
    background.set(BackgroundRules(hours=(Hours(10, 20),)))
    clock.wall = 5 * minute
    ended = trio.Event()

    async def wait() -> None:
        await background.until_it_may(ARENA)
        ended.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await trio.sleep(1000)
        assert not ended.is_set()
        clock.wall = 10 * minute
        await ended.wait()
    background.set(BackgroundRules(pause=Pause(clock.wall + minute)))
    assert background.wait(b"a" * 16) is not None  # type: ignore[arg-type]
    clock.wall += 2 * minute
    assert background.wait(b"a" * 16) is None  # type: ignore[arg-type]
