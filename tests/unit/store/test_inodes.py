"""Inode ranges and what an arena gives out of them; crashes are in test_inodes_model."""

import threading
from collections.abc import Callable

import pytest

from realizefs.model.ids import ROOT_INODE, ArenaId, Inode
from realizefs.model.limits import INODE_RANGE_SIZE
from realizefs.store.env import Environment
from realizefs.store.inodes import ArenaInodes, InodeAllocator
from realizefs.store.txn import Txn

A, B, C = (ArenaId(letter * 16) for letter in (b"a", b"b", b"c"))
SIZE = INODE_RANGE_SIZE


class Crash(Exception):
    """The process is gone."""


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


def test_the_arena_of_an_inode_is_one_lookup(
    global_env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many ranges there are: the first row at or after the inode names it."""
    allocator = InodeAllocator(global_env)
    ends = [0]
    for number in range(300):
        ends.append(allocator.next_range((A, B, C)[number % 3], ends[-1])[1])
    asked: list[str] = []

    def counted(name: str) -> Callable[..., object]:
        method: Callable[..., object] = getattr(Txn, name)

        def call(*arguments: object) -> object:
            asked.append(name)
            return method(*arguments)

        return call

    for name in ("get", "scan", "scan_keys", "first_from", "last", "count"):
        monkeypatch.setattr(Txn, name, counted(name))
    for number in (0, 1, 150, 299):
        asked.clear()
        assert allocator.arena_of(Inode(ends[number + 1])) == (A, B, C)[number % 3]
        assert asked == ["first_from"]


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
