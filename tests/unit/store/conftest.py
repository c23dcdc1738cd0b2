"""Real databases in a temporary directory, closed at the end of the test."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from realizefs.model.ids import ArenaId, Digest, Inode, PeerId
from realizefs.model.versions import Kind, Version
from realizefs.store.env import Environment, Txn
from realizefs.store.inodes import ArenaInodes, InodeAllocator
from realizefs.store.schema import ARENA_SCHEMA, GLOBAL_SCHEMA
from realizefs.store.tree import Tree

ARENA = ArenaId(b"arena---arena---")
ME = PeerId(7)


@pytest.fixture
def global_env(tmp_path: Path) -> Iterator[Environment]:
    env = Environment(tmp_path / "global", GLOBAL_SCHEMA)
    yield env
    env.close()


@pytest.fixture
def env(tmp_path: Path) -> Iterator[Environment]:
    env = Environment(tmp_path / "db", ARENA_SCHEMA)
    yield env
    env.close()


@pytest.fixture
def inodes(env: Environment, global_env: Environment) -> ArenaInodes:
    made = ArenaInodes(env, InodeAllocator(global_env), ARENA)
    made.ensure(100)
    return made


@pytest.fixture
def tree(env: Environment, inodes: ArenaInodes) -> Tree:
    return Tree(env, inodes)


@pytest.fixture
def grow(tree: Tree, inodes: ArenaInodes) -> "Grow":
    return Grow(tree, inodes.allocate)


@dataclass
class Grow:
    """Makes entries by path."""

    tree: Tree
    allocate: Callable[[], Inode]

    def file(self, txn: Txn, path: bytes, size: int = 10) -> Inode:
        return self._put(txn, path, Version(Kind.FILE, Digest(b"h" * 32), size=size, mode=0o644))

    def directory(self, txn: Txn, path: bytes) -> Inode:
        return self._put(txn, path, Version(Kind.DIRECTORY, mode=0o755))

    def _put(self, txn: Txn, path: bytes, version: Version) -> Inode:
        parent_path, _, name = path.rpartition(b"/")
        parent = self.tree.resolve(txn, parent_path)
        assert parent is not None
        ino = self.allocate()
        self.tree.put(txn, ino, parent, name, version)
        return ino
