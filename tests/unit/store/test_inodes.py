"""Inode ranges: DESIGN 7.1, with crashes between the two databases and lost arena databases."""

import shutil
import tempfile
import threading
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from realizefs.model.ids import ROOT_INODE, ArenaId, Inode
from realizefs.model.limits import INODE_RANGE_SIZE
from realizefs.store import inodes as under_test
from realizefs.store.env import Environment
from realizefs.store.inodes import ArenaInodes, InodeAllocator
from realizefs.store.keys import unpack_u64
from realizefs.store.schema import ARENA_SCHEMA, GLOBAL_SCHEMA, INODE_RANGE

A, B, C = (ArenaId(letter * 16) for letter in (b"a", b"b", b"c"))
SIZE = INODE_RANGE_SIZE


class Crash(Exception):
    """The process is gone."""


class CrashesAfterCommit(InodeAllocator):
    """The global commit happens, its result is never heard."""

    def next_range(self, arena: ArenaId, after_end: int) -> tuple[int, int]:
        super().next_range(arena, after_end)
        raise Crash


def test_ranges_follow_each_other_from_two_on(global_env: Environment) -> None:
    allocator = InodeAllocator(global_env)
    assert allocator.next_range(A, 0) == (2, SIZE + 1)
    assert allocator.next_range(B, 0) == (SIZE + 2, 2 * SIZE + 1)
    assert allocator.next_range(A, SIZE + 1) == (2 * SIZE + 2, 3 * SIZE + 1)


def test_a_forgotten_range_is_given_again(global_env: Environment) -> None:
    allocator = InodeAllocator(global_env)
    first = allocator.next_range(A, 0)
    allocator.next_range(B, 0)
    second = allocator.next_range(A, first[1])
    assert allocator.next_range(A, 0) == first
    assert allocator.next_range(A, first[1]) == second
    assert allocator.next_range(A, second[1]) == (3 * SIZE + 2, 4 * SIZE + 1)


def test_the_arena_of_an_inode(global_env: Environment) -> None:
    allocator = InodeAllocator(global_env)
    allocator.next_range(A, 0)
    allocator.next_range(B, 0)
    found = [allocator.arena_of(Inode(ino)) for ino in (2, SIZE + 1, SIZE + 2, 2 * SIZE + 1)]
    assert found == [A, A, B, B]
    assert allocator.arena_of(ROOT_INODE) is None
    assert allocator.arena_of(Inode(2 * SIZE + 2)) is None


def test_an_aborted_transaction_brings_no_inode_back(env: Environment, inodes: ArenaInodes) -> None:
    given = []

    def fail() -> None:
        with env.write():
            given.append(inodes.allocate())
            raise Crash

    with pytest.raises(Crash):
        fail()
    given += [inodes.allocate() for _ in range(100)]
    assert len(set(given)) == 101


def test_a_restart_skips_what_was_reserved(
    env: Environment, global_env: Environment, inodes: ArenaInodes
) -> None:
    given = {inodes.allocate() for _ in range(10)}
    again = ArenaInodes(env, InodeAllocator(global_env), b"arena---arena---")  # type: ignore[arg-type]
    given |= {again.allocate() for _ in range(10)}
    assert len(given) == 20


def test_ensure_inside_a_write_transaction_is_refused(
    env: Environment, global_env: Environment
) -> None:
    inodes = ArenaInodes(env, InodeAllocator(global_env), A)
    with env.write(), pytest.raises(AssertionError, match="before a transaction"):
        inodes.allocate()
    low = [inodes.low]
    inodes.ensure(3000)
    low.append(inodes.low)
    assert low == [True, False]
    with env.write():
        assert len({inodes.allocate() for _ in range(3000)}) == 3000


def test_allocate_outside_a_transaction_fills_the_pool_itself(
    env: Environment, global_env: Environment
) -> None:
    inodes = ArenaInodes(env, InodeAllocator(global_env), A)
    assert [inodes.allocate() for _ in range(3000)] == list(range(2, 3002))


def test_a_range_used_up_is_followed_by_the_next(env: Environment, global_env: Environment) -> None:
    allocator = InodeAllocator(global_env)
    inodes = ArenaInodes(env, allocator, A)
    inodes.ensure(1)
    allocator.next_range(B, 0)
    inodes.ensure(SIZE + 10)
    given = [inodes.allocate() for _ in range(SIZE + 10)]
    assert given[:SIZE] == list(range(2, SIZE + 2))
    assert given[SIZE:] == list(range(2 * SIZE + 2, 2 * SIZE + 12))


def test_threads_never_get_the_same_inode(env: Environment, global_env: Environment) -> None:
    inodes = ArenaInodes(env, InodeAllocator(global_env), A)
    given: list[Inode] = []  # list.extend is atomic

    def work() -> None:
        given.extend([inodes.allocate() for _ in range(2000)])

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(given)) == 8000


class Household(RuleBasedStateMachine):
    """Three arenas, with ranges of 8 inodes reserved 3 at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp())
        self.global_env = Environment(self.directory / "global", GLOBAL_SCHEMA)
        self.allocator = InodeAllocator(self.global_env)
        self.envs = {arena: self.open(arena) for arena in (A, B, C)}
        self.inodes = {arena: self.start(arena) for arena in (A, B, C)}
        self.given: dict[ArenaId, set[int]] = {A: set(), B: set(), C: set()}
        self.known_ranges: list[tuple[int, bytes]] = []

    def open(self, arena: ArenaId) -> Environment:
        return Environment(self.directory / arena.decode(), ARENA_SCHEMA)

    def start(self, arena: ArenaId) -> ArenaInodes:
        return ArenaInodes(self.envs[arena], self.allocator, arena)

    def ranges(self) -> list[tuple[int, bytes]]:
        with self.global_env.read() as txn:
            return [(unpack_u64(key), owner) for key, owner in txn.scan(INODE_RANGE)]

    @rule(arena=st.sampled_from([A, B, C]), count=st.integers(1, 12))
    def allocate(self, arena: ArenaId, count: int) -> None:
        for _ in range(count):
            ino = self.inodes[arena].allocate()
            assert ino not in self.given[arena]
            assert self.allocator.arena_of(ino) == arena
            self.given[arena].add(ino)

    @rule(arena=st.sampled_from([A, B, C]))
    def restart(self, arena: ArenaId) -> None:
        self.inodes[arena] = self.start(arena)

    @rule(arena=st.sampled_from([A, B, C]), count=st.integers(1, 20))
    def crash_between_the_commits(self, arena: ArenaId, count: int) -> None:
        crashing = ArenaInodes(self.envs[arena], CrashesAfterCommit(self.global_env), arena)
        try:
            self.given[arena] |= {crashing.allocate() for _ in range(count)}
        except Crash:
            ends = len(self.ranges())
            self.inodes[arena] = self.start(arena)
            self.allocate(arena, 1)
            assert len(self.ranges()) == ends  # the range was found again, not lost
        else:
            self.inodes[arena] = self.start(arena)

    @precondition(lambda self: len(self.known_ranges) > 0)
    @rule(arena=st.sampled_from([A, B, C]))
    def lose_the_arena_database(self, arena: ArenaId) -> None:
        self.envs[arena].close()
        shutil.rmtree(self.directory / arena.decode())
        self.envs[arena] = self.open(arena)
        self.inodes[arena] = self.start(arena)
        self.given[arena] = set()
        ends = [end for end, owner in self.ranges() if owner == arena]
        if ends:  # the earliest of its ranges comes first
            ino = self.inodes[arena].allocate()
            self.given[arena].add(ino)
            assert ends[0] - 8 < ino <= ends[0]

    @invariant()
    def ranges_only_grow_and_never_overlap(self) -> None:
        now = self.ranges()
        assert now[: len(self.known_ranges)] == self.known_ranges
        assert [end for end, _ in now] == [9 + 8 * index for index in range(len(now))]
        self.known_ranges = now

    def teardown(self) -> None:
        for env in (self.global_env, *self.envs.values()):
            env.close()
        shutil.rmtree(self.directory)


def test_no_interleaving_repeats_or_loses_inodes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(under_test, "INODE_RANGE_SIZE", 8)
    monkeypatch.setattr(under_test, "INODE_RESERVE", 3)
    monkeypatch.setattr(under_test, "_MARGIN", 1)
    run_state_machine_as_test(
        Household,
        settings=settings(max_examples=40, stateful_step_count=25, deadline=None),
    )
