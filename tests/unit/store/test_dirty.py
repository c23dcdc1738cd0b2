from pathlib import Path

import pytest

from realizefs.model.ids import Inode
from realizefs.store.dirty import DirtySet
from realizefs.store.env import Environment
from realizefs.store.schema import SUBTREE
from realizefs.store.tree import Tree
from realizefs.store.txn import Txn
from tests.unit.store.conftest import Grow, opened_grow


@pytest.fixture
def dirty(tree: Tree) -> DirtySet:
    return DirtySet(tree)


def taken(dirty: DirtySet, txn: Txn) -> set[Inode]:
    return {ino for ino, _ in dirty.take(txn, 10**6)}


def test_clear_keeps_what_was_marked_meanwhile(env: Environment, dirty: DirtySet) -> None:
    with env.write() as txn:
        dirty.mark(txn, Inode(5))
        dirty.mark(txn, Inode(6))
        (five, counter), (six, other) = dirty.take(txn, 10)
        assert (five, six) == (5, 6)
        dirty.mark(txn, five)
        assert not dirty.clear(txn, five, counter)
        assert dirty.clear(txn, six, other)
        assert not dirty.clear(txn, six, other)
        assert dirty.count(txn) == 1


def test_a_counter_is_never_used_again(env: Environment, dirty: DirtySet) -> None:
    with env.write() as txn:
        dirty.mark(txn, Inode(5))
        [(ino, counter)] = dirty.take(txn, 1)
        assert dirty.clear(txn, ino, counter)
    with env.write() as txn:
        dirty.mark(txn, Inode(5))
        assert not dirty.clear(txn, ino, counter)


def test_take_is_bounded_and_repeats(env: Environment, dirty: DirtySet) -> None:
    with env.write() as txn:
        for ino in range(2, 50):
            dirty.mark(txn, Inode(ino))
        assert [ino for ino, _ in dirty.take(txn, 3)] == [2, 3, 4]
        assert [ino for ino, _ in dirty.take(txn, 3)] == [2, 3, 4]


def test_a_subtree_is_marked_page_by_page(env: Environment, dirty: DirtySet, grow: Grow) -> None:
    with env.write() as txn:
        top = grow.directory(txn, b"top")
        below = {grow.directory(txn, b"top/%d" % number) for number in range(5)}
        below |= {
            grow.file(txn, b"top/%d/%d" % (number, file))
            for number in range(5)
            for file in range(7)
        }
        grow.file(txn, b"beside")
        dirty.mark_subtree(txn, top)
        assert taken(dirty, txn) == {top}
    steps = 0
    while True:
        with env.write() as txn:
            before = dirty.count(txn)
            done = dirty.expand(txn, 4)
            assert dirty.count(txn) - before <= done <= 4 + 1
        if not done:
            break
        steps += 1
        dirty = DirtySet(grow.tree)  # nothing of it is in memory
    with env.read() as txn:
        assert taken(dirty, txn) == {top} | below
        assert txn.count(SUBTREE) == 0
    assert steps >= len(below) // 5


def test_expand_goes_on_in_a_tree_that_changes(
    env: Environment, dirty: DirtySet, grow: Grow
) -> None:
    with env.write() as txn:
        top = grow.directory(txn, b"top")
        files = [grow.file(txn, b"top/%02d" % number) for number in range(20)]
        dirty.mark_subtree(txn, top)
        dirty.expand(txn, 10)
    with env.write() as txn:
        for ino in files[5:15]:  # where it stopped, and around it
            grow.tree.forget(txn, ino)
        while dirty.expand(txn, 3):
            pass
        assert set(files[15:]) <= taken(dirty, txn)


def test_a_subtree_marked_again_starts_anew(env: Environment, dirty: DirtySet, grow: Grow) -> None:
    with env.write() as txn:
        top = grow.directory(txn, b"top")
        files = {grow.file(txn, b"top/%02d" % number) for number in range(20)}
        dirty.mark_subtree(txn, top)
        dirty.expand(txn, 10)
        for ino, counter in dirty.take(txn, 100):
            dirty.clear(txn, ino, counter)
        dirty.mark_subtree(txn, top)
        while dirty.expand(txn, 7):
            pass
        assert taken(dirty, txn) == files | {top}


def test_expanding_a_file_or_nothing_ends(env: Environment, dirty: DirtySet, grow: Grow) -> None:
    with env.write() as txn:
        assert dirty.expand(txn, 10) == 0
        dirty.mark_subtree(txn, grow.file(txn, b"file"))
        dirty.mark_subtree(txn, Inode(10**6))
        while dirty.expand(txn, 10):
            pass
        assert dirty.count(txn) == 2


def test_many_empty_directories_are_bounded_work(
    env: Environment, dirty: DirtySet, grow: Grow
) -> None:
    with env.write() as txn:
        for number in range(30):
            grow.directory(txn, b"%02d" % number)
        dirty.mark_subtree(txn, grow.tree.root)
        assert dirty.expand(txn, 31) == 31
        assert txn.count(SUBTREE) == 30
        assert dirty.expand(txn, 10) == 10
        assert txn.count(SUBTREE) == 20


def test_the_dirty_set_survives_a_restart(memory: Path) -> None:
    """Rows, their counters, and where the walk through a directory stopped."""
    with opened_grow(memory) as (env, grow):
        dirty = DirtySet(grow.tree)
        with env.write() as txn:
            top = grow.directory(txn, b"top")
            files = [grow.file(txn, b"top/%02d" % number) for number in range(20)]
            dirty.mark_subtree(txn, top)
            dirty.expand(txn, 5)
            before = dirty.take(txn, 100)
    with opened_grow(memory) as (env, grow):
        dirty = DirtySet(grow.tree)
        with env.write() as txn:
            assert dirty.any(txn)
            assert dirty.take(txn, 100) == before
            assert dirty.clear(txn, *before[0])
            assert dirty.expand(txn, 100) == 15 + 1  # the others, and the directory is done
            assert taken(dirty, txn) == set(files)
            dirty.mark(txn, files[0])
            newest = dict(dirty.take(txn, 100))[files[0]]
            assert newest > max(counter for _, counter in before)


def test_forget(env: Environment, dirty: DirtySet) -> None:
    with env.write() as txn:
        dirty.mark_subtree(txn, Inode(5))
        dirty.forget(txn, Inode(5))
        assert dirty.count(txn) == 0
        assert dirty.expand(txn, 10) == 0
