import pytest

from realizefs.model.errors import StoreFault
from realizefs.model.ids import Inode
from realizefs.model.marks import Mark
from realizefs.store.env import Environment
from realizefs.store.marks import Marks
from realizefs.store.schema import MARK
from realizefs.store.tree import Tree
from tests.unit.store.conftest import Grow


@pytest.fixture
def marks(tree: Tree) -> Marks:
    return Marks(tree)


def test_the_nearest_mark_counts(env: Environment, marks: Marks, grow: Grow) -> None:
    with env.write() as txn:
        a = grow.directory(txn, b"a")
        b = grow.directory(txn, b"a/b")
        file = grow.file(txn, b"a/b/file")
        assert marks.effective(txn, file, Mark.WATCH) == (Mark.WATCH, None)
        marks.set(txn, a, Mark.KEEP)
        assert marks.effective(txn, file, Mark.WATCH) == (Mark.KEEP, a)
        assert marks.effective(txn, a, Mark.WATCH) == (Mark.KEEP, a)
        assert marks.effective(txn, grow.tree.root, Mark.WATCH) == (Mark.WATCH, None)
        marks.set(txn, b, Mark.OWN)
        assert marks.effective(txn, file, Mark.WATCH) == (Mark.OWN, b)
        marks.set(txn, file, Mark.WATCH)
        assert marks.effective(txn, file, Mark.OWN) == (Mark.WATCH, file)
        marks.set(txn, file, None)
        marks.set(txn, b, None)
        marks.set(txn, grow.tree.root, Mark.OWN)
        assert marks.effective(txn, b, Mark.WATCH) == (Mark.KEEP, a)
        marks.set(txn, a, None)
        assert marks.effective(txn, b, Mark.WATCH) == (Mark.OWN, grow.tree.root)


def test_a_mark_follows_a_rename(env: Environment, marks: Marks, grow: Grow) -> None:
    with env.write() as txn:
        kept, owned = grow.directory(txn, b"kept"), grow.directory(txn, b"owned")
        marks.set(txn, kept, Mark.KEEP)
        marks.set(txn, owned, Mark.OWN)
        file, marked = grow.file(txn, b"kept/file"), grow.file(txn, b"kept/marked")
        marks.set(txn, marked, Mark.WATCH)
        grow.tree.move(txn, file, owned, b"file")
        grow.tree.move(txn, marked, owned, b"marked")
        assert marks.effective(txn, file, Mark.WATCH) == (Mark.OWN, owned)
        assert marks.effective(txn, marked, Mark.OWN) == (Mark.WATCH, marked)


def test_marks_are_listed_and_removed(env: Environment, marks: Marks) -> None:
    with env.write() as txn:
        marks.set(txn, Inode(300), Mark.KEEP)
        marks.set(txn, Inode(5), Mark.OWN)
        marks.set(txn, Inode(6), Mark.OWN)
        marks.set(txn, Inode(6), None)
        marks.set(txn, Inode(6), None)
    with env.read() as txn:
        assert list(marks.all(txn)) == [(5, Mark.OWN), (300, Mark.KEEP)]
        assert marks.get(txn, Inode(300)) is Mark.KEEP
        assert marks.get(txn, Inode(6)) is None


def test_an_inode_outside_the_tree_has_the_default(env: Environment, marks: Marks) -> None:
    with env.write() as txn:
        marks.set(txn, Inode(5), Mark.OWN)
        assert marks.effective(txn, Inode(10**6), Mark.KEEP) == (Mark.KEEP, None)
        assert marks.effective(txn, Inode(5), Mark.KEEP) == (Mark.OWN, Inode(5))


def test_a_damaged_mark_is_a_store_fault(env: Environment, marks: Marks) -> None:
    with env.write() as txn:
        txn.put(MARK, bytes(7) + b"\x05", b"nonsense")
        with pytest.raises(StoreFault, match="damaged mark"):
            marks.get(txn, Inode(5))
