import pytest

from realizefs.core.merge import deleted
from realizefs.model.entries import Dirent, Entry
from realizefs.model.errors import NotFound
from realizefs.model.ids import Digest, Inode, PeerId, Seq
from realizefs.model.versions import Dot, Kind, Version
from realizefs.store.env import Environment
from realizefs.store.inodes import ArenaInodes
from realizefs.store.schema import ENTRY, HISTORY
from realizefs.store.tree import Tree, TreeCounts
from tests.unit.store.conftest import Grow

FILE = Version(
    kind=Kind.FILE,
    hash=Digest(b"h" * 32),
    block_root=Digest(b"r" * 32),
    size=5_000_000_000,
    mtime_ns=-1,
    mode=0o4755,
    vector=((PeerId(2**63 + 1), 3), (PeerId(2**64 - 1), 1)),
    author=PeerId(2**64 - 1),
)


def test_a_new_database_has_a_root_and_a_replica(
    env: Environment, tree: Tree, inodes: ArenaInodes
) -> None:
    with env.read() as txn:
        root = tree.entry(txn, tree.root)
        assert root == Entry(tree.root, Inode(0), b"", Version(Kind.DIRECTORY, mode=0o755))
        assert tree.resolve(txn, b"") == tree.root
        assert tree.path(txn, tree.root) == b""
        assert tree.history(txn, Seq(0), 10) == []
        assert tree.counts(txn) == TreeCounts()
        assert tree.positions.last(txn) == 0
    again = Tree(env, inodes)
    assert (again.root, again.replica) == (tree.root, tree.replica)
    assert len(tree.replica) == 16


def test_put_is_found_by_inode_by_name_and_by_path(
    env: Environment, tree: Tree, grow: Grow
) -> None:
    name = b"\xff:\xfe " + b"x" * 251
    with env.write() as txn:
        directory = grow.directory(txn, b"dir")
        ino = grow.allocate()
        entry = tree.put(txn, ino, directory, name, FILE, PeerId(9))
    with env.read() as txn:
        assert entry == Entry(ino, directory, name, FILE, PeerId(9), Seq(2))
        assert tree.entry(txn, ino) == entry
        assert tree.entry_at(txn, b"dir/" + name) == entry
        assert tree.resolve(txn, b"dir/" + name) == ino
        assert tree.path(txn, ino) == b"dir/" + name
        assert tree.parent(txn, ino) == directory
        dirent = Dirent(name, ino, Kind.FILE, False, 0o4755, 5_000_000_000, -1)
        assert tree.lookup(txn, directory, name) == dirent
        assert list(tree.children(txn, directory)) == [dirent]


def test_what_is_not_there_is_none(env: Environment, tree: Tree, grow: Grow) -> None:
    with env.write() as txn:
        grow.file(txn, b"file")
        assert tree.resolve(txn, b"file/below") is None
        assert tree.resolve(txn, b"nothing/below") is None
        assert tree.entry_at(txn, b"nothing") is None
        assert tree.entry(txn, Inode(10**6)) is None
        assert tree.path(txn, Inode(10**6)) is None
        assert tree.parent(txn, tree.root) is None
        assert tree.lookup(txn, tree.root, b"") is None
        tree.forget(txn, Inode(10**6))
        with pytest.raises(NotFound):
            tree.touch(txn, Inode(10**6))
        with pytest.raises(NotFound):
            tree.move(txn, Inode(10**6), tree.root, b"x")


def test_children_are_one_directory_in_the_order_of_names(
    env: Environment, tree: Tree, grow: Grow
) -> None:
    with env.write() as txn:
        a, b = grow.directory(txn, b"a"), grow.directory(txn, b"b")
        for name in (b"3", b"1", b"\xff", b"2", b"10"):
            grow.file(txn, b"a/" + name)
        grow.file(txn, b"b/other")
        assert [child.name for child in tree.children(txn, a)] == [b"1", b"10", b"2", b"3", b"\xff"]
        assert [child.name for child in tree.children(txn, a, b"10")] == [b"2", b"3", b"\xff"]
        assert [child.name for child in tree.children(txn, a, b"15")] == [b"2", b"3", b"\xff"]
        assert list(tree.children(txn, a, b"\xff")) == []
        assert [child.name for child in tree.children(txn, b, b"")] == [b"other"]


def test_history_has_the_latest_change_of_each_entry(
    env: Environment, tree: Tree, grow: Grow
) -> None:
    with env.write() as txn:
        a, b, c = (grow.file(txn, name) for name in (b"a", b"b", b"c"))
        tree.put(txn, a, tree.root, b"a", FILE)
        tree.touch(txn, b)
        assert tree.history(txn, Seq(0), 10) == [(Seq(3), c), (Seq(4), a), (Seq(5), b)]
        assert tree.history(txn, Seq(3), 1) == [(Seq(4), a)]
        assert tree.history(txn, Seq(5), 10) == []
        tree.forget(txn, b)
        assert tree.positions.last(txn) == 5  # a seq is never given twice
        assert txn.count(HISTORY) == 2
    with env.write() as txn:
        assert tree.put(txn, a, tree.root, b"a", FILE).seq == 6


def test_touch_makes_the_row_ours(env: Environment, tree: Tree, grow: Grow) -> None:
    with env.write() as txn:
        ino = grow.allocate()
        tree.put(txn, ino, tree.root, b"a", FILE, PeerId(9))
        tree.touch(txn, ino)
        assert tree.entry(txn, ino) == Entry(ino, tree.root, b"a", FILE, PeerId(0), Seq(2))


def test_the_root_is_nobodys_business(env: Environment, tree: Tree) -> None:
    with env.write() as txn:
        mine = Version(Kind.DIRECTORY, mode=0o700)
        assert tree.put(txn, tree.root, Inode(0), b"", mine).version == mine
        tree.touch(txn, tree.root)
        tree.forget(txn, tree.root)
        assert tree.entry(txn, tree.root) == Entry(tree.root, Inode(0), b"", mine)
        assert tree.positions.last(txn) == 0
        with pytest.raises(AssertionError):
            tree.move(txn, tree.root, tree.root, b"x")


def test_counts_follow_replace_delete_and_undelete(
    env: Environment, tree: Tree, grow: Grow
) -> None:
    with env.write() as txn:
        file = grow.file(txn, b"file", size=10)
        grow.directory(txn, b"dir")
        link = grow.allocate()
        tree.put(txn, link, tree.root, b"link", Version(Kind.SYMLINK, size=4, target=b"file"))
        assert tree.counts(txn) == TreeCounts(1, 1, 1, 10)
        tree.put(txn, file, tree.root, b"file", FILE)
        assert tree.counts(txn) == TreeCounts(1, 1, 1, FILE.size)
        tree.put(txn, file, tree.root, b"file", deleted(FILE, Dot(PeerId(1), 1), 0))
        assert tree.counts(txn) == TreeCounts(0, 1, 1, 0)
        tree.put(txn, file, tree.root, b"file", Version(Kind.DIRECTORY))
        assert tree.counts(txn) == TreeCounts(0, 2, 1, 0)
        tree.put(txn, file, tree.root, b"file", FILE)
        tree.forget(txn, file)
        tree.forget(txn, link)
    with env.read() as txn:
        assert tree.counts(txn) == TreeCounts(0, 1, 0, 0)


def test_moving_a_directory_moves_what_is_below(env: Environment, tree: Tree, grow: Grow) -> None:
    with env.write() as txn:
        a = grow.directory(txn, b"a")
        b = grow.directory(txn, b"b")
        deep = grow.directory(txn, b"a/deep")
        file = grow.file(txn, b"a/deep/file")
        seq = tree.positions.last(txn)
        tree.move(txn, deep, b, b"renamed")
        assert tree.path(txn, file) == b"b/renamed/file"
        assert list(tree.children(txn, a)) == []
        assert tree.positions.last(txn) == seq
        assert tree.counts(txn) == TreeCounts(1, 3, 0, 10)


def test_put_at_another_place_moves(env: Environment, tree: Tree, grow: Grow) -> None:
    with env.write() as txn:
        ino = grow.file(txn, b"old")
        entry = tree.put(txn, ino, tree.root, b"new", FILE)
        assert tree.lookup(txn, tree.root, b"old") is None
        assert tree.entry(txn, ino) == entry
        assert tree.counts(txn).files == 1


def test_the_inode_that_loses_its_name_waits_for_a_move(
    env: Environment, tree: Tree, grow: Grow
) -> None:
    with env.write() as txn:
        winner, loser = grow.file(txn, b"winner"), grow.file(txn, b"name", size=1)
        tree.move(txn, winner, tree.root, b"name")
        assert tree.resolve(txn, b"name") == winner
        assert tree.path(txn, loser) is None
        assert tree.counts(txn) == TreeCounts(1, 0, 0, 10)
        tree.move(txn, loser, tree.root, b"conflict")
        assert tree.path(txn, loser) == b"conflict"
        assert tree.counts(txn) == TreeCounts(2, 0, 0, 11)
        tree.put(txn, winner, tree.root, b"conflict", FILE)
        tree.forget(txn, loser)
        assert tree.resolve(txn, b"conflict") == winner
        assert tree.counts(txn) == TreeCounts(1, 0, 0, FILE.size)
        assert txn.count(ENTRY) == 2


def test_move_to_where_it_is_changes_nothing(env: Environment, tree: Tree, grow: Grow) -> None:
    with env.write() as txn:
        ino = grow.file(txn, b"a")
        before = tree.entry(txn, ino), tree.counts(txn)
        tree.move(txn, ino, tree.root, b"a")
        assert (tree.entry(txn, ino), tree.counts(txn)) == before
        assert tree.resolve(txn, b"a") == ino


def test_add_is_put_of_what_is_new(env: Environment, tree: Tree, grow: Grow) -> None:
    with env.write() as txn:
        directory, ino = grow.directory(txn, b"dir"), grow.allocate()
        entry = tree.add(txn, ino, directory, b"new", FILE, PeerId(9))
        assert tree.entry(txn, ino) == entry
    with env.read() as txn:
        assert entry == Entry(ino, directory, b"new", FILE, PeerId(9), Seq(2))
        assert tree.entry_at(txn, b"dir/new") == entry
        assert tree.history(txn, Seq(1)) == [(Seq(2), ino)]
        assert tree.counts(txn) == TreeCounts(1, 1, 0, FILE.size)


def test_an_entry_without_a_name_is_a_mistake(env: Environment, tree: Tree, grow: Grow) -> None:
    with pytest.raises(AssertionError, match="needs a name"), env.write() as txn:
        tree.put(txn, grow.allocate(), tree.root, b"", FILE)
    with pytest.raises(AssertionError, match="needs a name"), env.write() as txn:
        tree.add(txn, grow.allocate(), tree.root, b"", FILE)
