"""Real databases, in memory, closed at the end of the test."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from realizefs.model.ids import ArenaId, Digest, Inode, PeerId
from realizefs.model.versions import Kind, Version
from realizefs.store import arena
from realizefs.store.arena import ArenaStore
from realizefs.store.blobs import Blobs
from realizefs.store.env import Environment
from realizefs.store.inodes import ArenaInodes, InodeAllocator
from realizefs.store.realfile import Root
from realizefs.store.schema import ARENA_SCHEMA, GLOBAL_SCHEMA
from realizefs.store.tree import Tree
from realizefs.store.txn import Txn
from tests.fakes.in_memory import in_memory
from tests.fakes.soundness import assert_sound
from tests.unit.store.sound import Sound, make_sound

ARENA = ArenaId(b"arena---arena---")
ME = PeerId(7)


@pytest.fixture
def broken_on_purpose() -> None:
    """Asked for by tests that leave a damaged store, and by fixtures for such."""


@pytest.fixture(autouse=True)
def ends_in_the_checker(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every arena store that a test opens is sound when its database is closed (DESIGN 8)."""
    if "broken_on_purpose" in request.fixturenames:
        return
    opened: dict[Environment, ArenaStore] = {}
    close = Environment.close

    def note(**parts: Any) -> ArenaStore:
        opened[parts["env"]] = ArenaStore(**parts)
        return opened[parts["env"]]

    def check_and_close(env: Environment) -> None:
        store = opened.pop(env, None)
        if store is not None:
            _check(store)
        close(env)

    monkeypatch.setattr(arena, "ArenaStore", note)
    monkeypatch.setattr(Environment, "close", check_and_close)


def _check(store: ArenaStore) -> None:
    """As at the next start: what was in memory is gone."""
    root = Root(store.root.path, store.root.state.path)
    try:
        blobs = Blobs(store.env, root.state.blobs_fd, store.blobs.limits)
        assert_sound(replace(store, root=root, blobs=blobs))
    finally:
        root.close()


@pytest.fixture
def memory() -> Iterator[Path]:
    """A directory for what needn't outlive the test."""
    with in_memory() as directory:
        yield directory


@pytest.fixture
def global_env(memory: Path) -> Iterator[Environment]:
    env = Environment(memory / "global", GLOBAL_SCHEMA)
    yield env
    env.close()


@pytest.fixture
def env(memory: Path) -> Iterator[Environment]:
    env = Environment(memory / "db", ARENA_SCHEMA)
    yield env
    env.close()


@pytest.fixture
def sound(tmp_path: Path, broken_on_purpose: None) -> Iterator[Sound]:
    """A store with something of everything in it, for tests that break it."""
    made = make_sound(tmp_path)
    yield made
    made.close()


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


@contextmanager
def opened_grow(directory: Path) -> "Iterator[tuple[Environment, Grow]]":
    """An arena's databases in a directory, open for a while: opened again they are a restart."""
    home = Environment(directory / "restarted-home", GLOBAL_SCHEMA)
    env = Environment(directory / "restarted", ARENA_SCHEMA)
    try:
        inodes = ArenaInodes(env, InodeAllocator(home), ARENA)
        inodes.ensure(100)
        yield env, Grow(Tree(env, inodes), inodes.allocate)
    finally:
        env.close()
        home.close()


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
