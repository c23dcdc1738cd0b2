from pathlib import Path

import pytest

from realizefs.model.errors import StoreFault
from realizefs.model.ids import Inode
from realizefs.model.marks import Mark
from realizefs.store.env import Environment
from realizefs.store.marks import Marks
from realizefs.store.rules import Rules
from realizefs.store.schema import MARK
from realizefs.store.tree import Tree
from tests.unit.store.conftest import Grow, opened_grow


@pytest.fixture
def marks(tree: Tree) -> Marks:
    return Marks(tree, Rules())


def test_the_nearest_mark_counts(env: Environment, marks: Marks, grow: Grow) -> None:
    with env.write() as txn:
        a = grow.directory(txn, b"a")
        b = grow.directory(txn, b"a/b")
        file = grow.file(txn, b"a/b/file")
        assert marks.inherited(txn, file, Mark.WATCH) == (Mark.WATCH, None)
        marks.set(txn, a, Mark.KEEP)
        assert marks.inherited(txn, file, Mark.WATCH) == (Mark.KEEP, a)
        assert marks.inherited(txn, a, Mark.WATCH) == (Mark.KEEP, a)
        assert marks.inherited(txn, grow.tree.root, Mark.WATCH) == (Mark.WATCH, None)
        marks.set(txn, b, Mark.OWN)
        assert marks.inherited(txn, file, Mark.WATCH) == (Mark.OWN, b)
        marks.set(txn, file, Mark.WATCH)
        assert marks.inherited(txn, file, Mark.OWN) == (Mark.WATCH, file)
        marks.clear(txn, file)
        marks.clear(txn, b)
        marks.set(txn, grow.tree.root, Mark.OWN)
        assert marks.inherited(txn, b, Mark.WATCH) == (Mark.KEEP, a)
        marks.clear(txn, a)
        assert marks.inherited(txn, b, Mark.WATCH) == (Mark.OWN, grow.tree.root)


def test_a_mark_follows_a_rename(env: Environment, marks: Marks, grow: Grow) -> None:
    with env.write() as txn:
        kept, owned = grow.directory(txn, b"kept"), grow.directory(txn, b"owned")
        marks.set(txn, kept, Mark.KEEP)
        marks.set(txn, owned, Mark.OWN)
        file, marked = grow.file(txn, b"kept/file"), grow.file(txn, b"kept/marked")
        marks.set(txn, marked, Mark.WATCH)
        grow.tree.move(txn, file, owned, b"file")
        grow.tree.move(txn, marked, owned, b"marked")
        assert marks.inherited(txn, file, Mark.WATCH) == (Mark.OWN, owned)
        assert marks.inherited(txn, marked, Mark.OWN) == (Mark.WATCH, marked)


def test_marks_are_listed_and_removed(env: Environment, marks: Marks) -> None:
    with env.write() as txn:
        marks.set(txn, Inode(300), Mark.KEEP)
        marks.set(txn, Inode(5), Mark.OWN)
        marks.set(txn, Inode(6), Mark.OWN)
        marks.clear(txn, Inode(6))
        marks.clear(txn, Inode(6))
    with env.read() as txn:
        assert list(marks.all(txn)) == [(5, Mark.OWN), (300, Mark.KEEP)]
        assert marks.get(txn, Inode(300)) is Mark.KEEP
        assert marks.get(txn, Inode(6)) is None


def test_marks_are_asked_for_set_and_cleared_by_path(
    env: Environment, marks: Marks, grow: Grow
) -> None:
    with env.write() as txn:
        grow.directory(txn, b"a")
        grow.file(txn, b"a/file")
        assert marks.for_path(txn, b"a/file", Mark.KEEP) == (Mark.KEEP, None)
        assert marks.set(txn, b"a", Mark.OWN)
        assert marks.for_path(txn, b"a/file", Mark.KEEP) == (Mark.OWN, b"a")
        assert marks.set(txn, b"", Mark.WATCH)
        assert marks.set(txn, b"a/file", Mark.KEEP)
        assert marks.for_path(txn, b"a/file", Mark.OWN) == (Mark.KEEP, b"a/file")
        assert marks.for_path(txn, b"", Mark.OWN) == (Mark.WATCH, b"")
        expected = [(b"", Mark.WATCH), (b"a", Mark.OWN), (b"a/file", Mark.KEEP)]
        assert list(marks.list(txn)) == expected
        assert marks.clear(txn, b"a/file")
        assert not marks.clear(txn, b"a/file")
        assert marks.for_path(txn, b"a/file", Mark.KEEP) == (Mark.OWN, b"a")


def test_a_path_that_is_not_there_has_the_mark_that_it_would_inherit(
    env: Environment, marks: Marks, grow: Grow
) -> None:
    with env.write() as txn:
        grow.directory(txn, b"a")
        marks.set(txn, b"a", Mark.OWN)
        assert marks.for_path(txn, b"a/new/deep", Mark.WATCH) == (Mark.OWN, b"a")
        assert marks.for_path(txn, b"b/new", Mark.WATCH) == (Mark.WATCH, None)
        assert not marks.set(txn, b"b/new", Mark.OWN)
        assert not marks.clear(txn, b"b/new")
        assert list(marks.list(txn)) == [(b"a", Mark.OWN)]


def test_marks_survive_a_restart(memory: Path) -> None:
    with opened_grow(memory) as (env, grow), env.write() as txn:
        grow.directory(txn, b"a")
        Marks(grow.tree, Rules()).set(txn, b"a", Mark.OWN)
    with opened_grow(memory) as (env, grow), env.read() as txn:
        assert Marks(grow.tree, Rules()).for_path(txn, b"a/new", Mark.WATCH) == (Mark.OWN, b"a")


def test_an_inode_outside_the_tree_has_the_default(env: Environment, marks: Marks) -> None:
    with env.write() as txn:
        marks.set(txn, Inode(5), Mark.OWN)
        assert marks.inherited(txn, Inode(10**6), Mark.KEEP) == (Mark.KEEP, None)
        assert marks.inherited(txn, Inode(5), Mark.KEEP) == (Mark.OWN, Inode(5))


def test_a_damaged_mark_is_a_store_fault(env: Environment, marks: Marks) -> None:
    with env.write() as txn:
        txn.put(MARK, bytes(7) + b"\x05", b"nonsense")
        with pytest.raises(StoreFault, match="damaged mark"):
            marks.get(txn, Inode(5))
