from collections.abc import Iterator
from pathlib import Path

import pytest

from realizefs.model.cache_limits import Amount, CacheLimits
from realizefs.model.decisions import Action, Decision
from realizefs.model.entries import Fingerprint, Holder, RealRow
from realizefs.model.ids import NO_DIGEST, Digest, PeerId
from realizefs.model.marks import Mark
from realizefs.model.versions import Held, Kind, Version
from realizefs.store.arena import ArenaStore, open_arena
from realizefs.store.env import Environment
from realizefs.store.inodes import InodeAllocator
from realizefs.store.realfile import Root
from realizefs.store.schema import ARENA_SCHEMA, META
from tests.unit.store.conftest import ARENA

VERSION = Version(Kind.FILE, Digest(b"h" * 32), size=5)


@pytest.fixture
def store(tmp_path: Path, env: Environment, global_env: Environment) -> Iterator[ArenaStore]:
    (tmp_path / "root").mkdir()
    root = Root(tmp_path / "root")
    store = open_arena(env, InodeAllocator(global_env), ARENA, root, CacheLimits(Amount(10**9)))
    yield store
    store.blobs.close()
    root.close()


def rows(env: Environment) -> dict[str, int]:
    """How many rows each table has; counters left out."""
    counters = {META, "blob.meta", "engine.meta"}
    with env.read() as txn:
        return {name: txn.count(name) for name in ARENA_SCHEMA.tables if name not in counters}


def test_what_is_forgotten_leaves_no_row(store: ArenaStore) -> None:
    store.inodes.ensure(1)
    before = rows(store.env)
    ino = store.inodes.allocate()
    with store.env.write() as txn:
        store.tree.put(txn, ino, store.tree.root, b"file", VERSION)
        store.real.put(txn, ino, RealRow(Fingerprint(1, 2, 5, 4, 5, 0o100644)))
        store.holders.put(txn, ino, Holder(PeerId(3), Held.OWN, NO_DIGEST))
        store.marks.set(txn, ino, Mark.KEEP)
        store.decisions.set(txn, ino, Decision(Action.REALIZE, NO_DIGEST))
        store.dirty.mark_subtree(txn, ino)
    with store.env.write() as txn:
        store.forget(txn, ino)
        assert store.real.total_bytes(txn) == 0
        assert store.tree.counts(txn).files == 0
    assert rows(store.env) == before


def test_a_forgotten_entry_protects_no_blob(store: ArenaStore) -> None:
    store.inodes.ensure(1)
    ino = store.inodes.allocate()
    with store.env.write() as txn:
        store.tree.put(txn, ino, store.tree.root, b"file", VERSION)
    store.blobs.open(ino, VERSION).close()
    with store.env.write() as txn:
        store.blobs.protect(txn, ino, True)
        store.forget(txn, ino)
        row = store.blobs.find(txn, ino)
        assert row is not None
        assert not row.protected


def test_subsystems_share_a_transaction(store: ArenaStore) -> None:
    store.inodes.ensure(1)
    ino = store.inodes.allocate()

    def fail() -> None:
        with store.env.write() as txn:
            store.tree.put(txn, ino, store.tree.root, b"file", VERSION)
            store.marks.set(txn, ino, Mark.OWN)
            store.dirty.mark(txn, ino)
            raise InterruptedError

    before = rows(store.env)
    with pytest.raises(InterruptedError):
        fail()
    assert rows(store.env) == before


def test_opening_again_finds_the_same_arena(store: ArenaStore, global_env: Environment) -> None:
    again = open_arena(
        store.env, InodeAllocator(global_env), ARENA, store.root, CacheLimits(Amount(10**9))
    )
    assert (again.tree.root, again.tree.replica) == (store.tree.root, store.tree.replica)
    again.blobs.close()
