"""Inode ranges over any interleaving of arenas, crashes and lost databases (DESIGN 7.1)."""

import shutil
import tempfile
from contextlib import suppress
from itertools import count
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from realizefs.model.ids import ArenaId, Inode
from realizefs.store import inodes as under_test
from realizefs.store.inodes import ArenaInodes, InodeAllocator
from realizefs.store.keys import unpack_u64
from realizefs.store.schema import ARENA_SCHEMA, GLOBAL_SCHEMA, INODE_RANGE
from tests.fakes.crashing import Crash, CrashingEnvironment, CrashPoints
from tests.fakes.in_memory import TMPFS, in_memory

ARENAS = A, B, C = [ArenaId(letter * 16) for letter in (b"a", b"b", b"c")]
SIZE, RESERVE, MARGIN = 8, 3, 1
INTERLEAVINGS = 10_000
STEPS = 100


@pytest.fixture(autouse=True)
def small_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ranges of 8 inodes, reserved 3 at a time, so that all of it happens often."""
    monkeypatch.setattr(under_test, "INODE_RANGE_SIZE", SIZE)
    monkeypatch.setattr(under_test, "INODE_RESERVE", RESERVE)
    monkeypatch.setattr(under_test, "_MARGIN", MARGIN)


class Home:
    """Three arenas in one process; what the databases hold outlives a crash of it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.points = CrashPoints()
        self.home = CrashingEnvironment(directory / "home", GLOBAL_SCHEMA, self.points)
        self.envs = {arena: self._open(arena) for arena in ARENAS}
        self.restart()

    def _open(self, arena: ArenaId) -> CrashingEnvironment:
        return CrashingEnvironment(self.directory / arena.decode(), ARENA_SCHEMA, self.points)

    def restart(self) -> None:
        """Nothing that was in memory is left."""
        self.points.left = -1
        self.allocator = InodeAllocator(self.home)
        self.inodes = {
            arena: ArenaInodes(env, self.allocator, arena) for arena, env in self.envs.items()
        }

    def lose(self, arena: ArenaId) -> None:
        """Its database is deleted, and it is started again."""
        self.envs[arena].close()
        shutil.rmtree(self.directory / arena.decode())
        self.envs[arena] = self._open(arena)
        self.inodes[arena] = ArenaInodes(self.envs[arena], self.allocator, arena)

    def ranges(self) -> list[tuple[int, bytes]]:
        """(last inode, arena) of every range."""
        with self.home.read() as txn:
            return [(unpack_u64(key), owner) for key, owner in txn.scan(INODE_RANGE)]

    def ends(self, arena: ArenaId) -> list[int]:
        return [end for end, owner in self.ranges() if owner == arena]

    def close(self) -> None:
        for env in (self.home, *self.envs.values()):
            env.close()


def end_of_range(ino: int) -> int:
    """The last inode of the range that holds `ino`: they are all of one size, from 2 on."""
    return ino + (1 - ino) % SIZE


# -- every point, one after the other -------------------------------------------------------------


def allocate_with_a_crash(home: Home, point: int) -> tuple[dict[ArenaId, list[Inode]], bool]:
    """30 inodes for each of two arenas in turn; the process ends at `point`, and starts again."""
    given: dict[ArenaId, list[Inode]] = {A: [], B: []}
    crashed = False
    home.points.left = point
    while len(given[B]) < 30:
        for arena, inodes in given.items():
            try:
                inodes.append(home.inodes[arena].allocate())
            except Crash:
                home.restart()
                crashed = True
    home.points.left = -1
    return given, crashed


def test_a_crash_at_any_point_of_any_commit_loses_no_range() -> None:
    """Points are counted by the environments: before and after each commit of all of them."""
    for point in count():
        with in_memory() as directory:
            home = Home(directory)
            given, crashed = allocate_with_a_crash(home, point)
            for arena, inodes in given.items():
                assert len(set(inodes)) == len(inodes)
                assert {home.allocator.arena_of(ino) for ino in inodes} == {arena}
                assert inodes == sorted(inodes)
                used = sorted({end_of_range(ino) for ino in inodes})
                assert used == home.ends(arena)[: len(used)]  # every one of them, in order
                assert len(home.ends(arena)) - len(used) <= 1  # and at most one in hand
                assert len(used) <= 30 // SIZE + 2  # a crash skips what was reserved, no more
            home.close()
        if not crashed:
            break
    assert point > 50  # 60 inodes, 3 at a time, with two points each commit


def test_after_a_crash_at_any_point_a_lost_database_gets_its_ranges_back_in_order() -> None:
    for point in count():
        with in_memory() as directory:
            home = Home(directory)
            given, crashed = allocate_with_a_crash(home, point)
            ends, others = home.ends(A), home.ends(B)
            home.lose(A)
            again = [home.inodes[A].allocate() for _ in range(SIZE * len(ends))]
            assert sorted({end_of_range(ino) for ino in again}) == ends
            assert again == sorted(again)
            assert home.ends(B) == others
            following = home.inodes[B].allocate()
            assert following not in given[B]  # the other arena's inodes stay as they were
            assert {home.allocator.arena_of(ino) for ino in (*given[B], following)} == {B}
            home.close()
        if not crashed:
            break


# -- any interleaving ------------------------------------------------------------------------------


class AnyInterleaving(RuleBasedStateMachine):
    """Counts its steps over all runs, as they are what the test promises."""

    steps = 0

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp(prefix="realizefs-", dir=TMPFS))
        self.home = Home(self.directory)
        self.given: dict[ArenaId, set[Inode]] = {arena: set() for arena in ARENAS}
        self.known: list[tuple[int, bytes]] = []

    @rule(arena=st.sampled_from(ARENAS), number=st.integers(1, 12))
    def allocate(self, arena: ArenaId, number: int) -> None:
        for _ in range(number):
            ino = self.home.inodes[arena].allocate()
            assert ino not in self.given[arena]
            self.given[arena].add(ino)

    @rule(arena=st.sampled_from(ARENAS), number=st.integers(1, 12), point=st.integers(0, 9))
    def crash(self, arena: ArenaId, number: int, point: int) -> None:
        """The process ends before or after one of the commits, or at the end."""
        self.home.points.left = point
        with suppress(Crash):
            self.allocate(arena, number)
        self.home.restart()

    @rule(arena=st.sampled_from(ARENAS), number=st.integers(1, 60))
    def reserve(self, arena: ArenaId, number: int) -> None:
        self.home.inodes[arena].ensure(number)

    @rule(arena=st.sampled_from(ARENAS))
    def lose_the_database(self, arena: ArenaId) -> None:
        self.home.lose(arena)
        self.given[arena] = set()
        ends = self.home.ends(arena)
        if ends:  # the earliest of its ranges comes first
            ino = self.home.inodes[arena].allocate()
            self.given[arena].add(ino)
            assert end_of_range(ino) == ends[0]

    @invariant()
    def ranges_never_shrink_overlap_or_change_hands(self) -> None:
        now = self.home.ranges()
        assert now[: len(self.known)] == self.known
        assert [end for end, _ in now] == [1 + SIZE * (index + 1) for index in range(len(now))]
        self.known = now
        AnyInterleaving.steps += 1

    @invariant()
    def every_inode_leads_to_its_arena(self) -> None:
        for arena, given in self.given.items():
            for ino in (min(given), max(given)) if given else ():
                assert self.home.allocator.arena_of(ino) == arena

    def teardown(self) -> None:
        self.home.close()
        shutil.rmtree(self.directory)


def test_ten_thousand_interleavings_repeat_lose_and_confuse_nothing() -> None:
    AnyInterleaving.steps = 0
    examples = INTERLEAVINGS // STEPS + 10
    run_state_machine_as_test(
        AnyInterleaving,
        settings=settings(max_examples=examples, stateful_step_count=STEPS, deadline=None),
    )
    assert AnyInterleaving.steps >= INTERLEAVINGS
