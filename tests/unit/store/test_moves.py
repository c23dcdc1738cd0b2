"""Realize and unrealize, whole after a crash between any two steps."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from realizefs.model.blobs import BlobRow
from realizefs.model.cache_limits import Amount, CacheLimits
from realizefs.model.errors import Busy
from realizefs.model.ids import Digest, Inode
from realizefs.model.limits import KIB, MIB
from realizefs.model.versions import Kind, Version
from realizefs.store.blobs import Blobs
from realizefs.store.env import Environment
from realizefs.store.realfile import Root
from realizefs.store.schema import ARENA_SCHEMA
from realizefs.store.txn import Txn

INO = Inode(2)
DATA = os.urandom(40 * KIB)
VERSION = Version(Kind.FILE, hash=Digest(b"h" * 32), size=len(DATA))


class Crash(Exception):
    """The power fails here."""


@dataclass
class Store:
    env: Environment
    root: Root
    blobs: Blobs

    def restart(self) -> Blobs:
        """As at the start of a process: nothing of what was in memory is left."""
        self.root.state.empty_temp()
        blobs = Blobs(self.env, self.root.state.blobs_fd, CacheLimits(Amount(8 * MIB)))
        blobs.recover()
        with self.env.read() as txn:
            assert list(txn.scan("blob.busy")) == []
        files = [path for path in (self.root.state.path / "blobs").rglob("*") if path.is_file()]
        assert blobs.usage() == sum(path.stat().st_blocks * 512 for path in files)
        return blobs

    def row(self) -> BlobRow | None:
        with self.env.read() as txn:
            return self.blobs.find(txn, INO)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    root = Root(tmp_path)
    env = Environment(tmp_path / ".realize" / "db", ARENA_SCHEMA)
    yield Store(env, root, Blobs(env, root.state.blobs_fd, CacheLimits(Amount(8 * MIB))))
    env.close()
    root.close()


def cache(store: Store) -> None:
    blob = store.blobs.open(INO, VERSION)
    blob.write(0, DATA)
    with store.env.write() as txn:
        assert store.blobs.mark_verified(txn, blob)
    blob.close()
    store.blobs.flush()


def realize(store: Store, step: Callable[[str], None]) -> None:
    moves = store.blobs.moves
    with store.env.write() as txn:
        row = moves.take(txn, INO)
    step("taken")
    temp = store.root.state.temp.link(moves.directory, moves.file_name(row.id))
    store.root.state.temp.stamp(temp, 0o644, 77)
    step("linked")
    store.root.publish(temp, b"f", None)
    step("published")
    moves.discard(row)
    step("discarded")
    with store.env.write() as txn:
        moves.taken(txn, row)


def unrealize(store: Store, step: Callable[[str], None]) -> None:
    moves = store.blobs.moves
    with store.env.write() as txn:
        row = moves.adopt(txn, INO, VERSION)
    step("announced")
    with moves.receive(row) as place:
        store.root.adopt(b"f", store.root.fingerprint(b"f"), place)
    step("moved")
    with store.env.write() as txn:
        moves.adopted(txn, row)


def crash_at(point: str) -> Callable[[str], None]:
    def step(name: str) -> None:
        if name == point:
            raise Crash

    return step


def never(name: str) -> None:
    pass


def test_there_and_back(store: Store, tmp_path: Path) -> None:
    cache(store)
    inode = next((tmp_path / ".realize" / "blobs").glob("01/*")).stat().st_ino
    realize(store, never)
    assert ((tmp_path / "f").read_bytes(), store.row(), store.blobs.usage()) == (DATA, None, 0)
    found = (tmp_path / "f").stat()
    assert (found.st_ino, found.st_mtime_ns, found.st_nlink) == (inode, 77, 1)
    unrealize(store, never)
    row = store.row()
    assert row is not None
    assert (row.complete, row.verified, row.usage) == (True, True, 40 * KIB)
    assert store.blobs.usage() == 40 * KIB
    assert not (tmp_path / "f").exists()


@pytest.mark.parametrize("point", ["taken", "linked", "published", "discarded"])
def test_realize_interrupted(store: Store, tmp_path: Path, point: str) -> None:
    """Wholly real or wholly cached, with the content, in one place only."""
    cache(store)
    with pytest.raises(Crash):
        realize(store, crash_at(point))
    store.blobs = store.restart()
    row = store.row()
    if point in ("taken", "linked"):
        assert row is not None
        assert row.verified
        blob = store.blobs.open(INO, VERSION)
        assert blob.read(0, len(DATA)) == DATA
        blob.close()
        assert not (tmp_path / "f").exists()
    else:
        assert row is None
        assert (tmp_path / "f").read_bytes() == DATA
        assert (tmp_path / "f").stat().st_nlink == 1


@pytest.mark.parametrize("point", ["announced", "moved"])
def test_unrealize_interrupted(store: Store, tmp_path: Path, point: str) -> None:
    (tmp_path / "f").write_bytes(DATA)
    with pytest.raises(Crash):
        unrealize(store, crash_at(point))
    store.blobs = store.restart()
    if point == "announced":
        assert (store.row(), (tmp_path / "f").read_bytes()) == (None, DATA)
        return
    assert not (tmp_path / "f").exists()
    row = store.row()
    assert row is not None
    assert (row.verified, row.usage) == (True, store.blobs.usage())


def test_who_reads_the_blob_meanwhile_reads_on(store: Store) -> None:
    cache(store)
    blob = store.blobs.open(INO, VERSION)
    realize(store, never)
    assert blob.read(5, 100) == DATA[5:105]
    assert not blob.write(0, b"x")
    blob.close()
    assert store.blobs.opened(INO, VERSION.hash) is None


def test_a_blob_being_realized_is_not_evicted(store: Store, tmp_path: Path) -> None:
    def evict(name: str) -> None:
        assert store.blobs.evict(1, lambda txn, ino, digest: True) == 0
        with pytest.raises(Busy):
            store.blobs.drop(INO)

    cache(store)
    realize(store, evict)
    assert (tmp_path / "f").read_bytes() == DATA


def test_an_incomplete_blob_is_not_realized(store: Store) -> None:
    store.blobs.open(INO, VERSION).close()
    with store.env.write() as txn, pytest.raises(Busy, match="not complete"):
        store.blobs.moves.take(txn, INO)


def test_giving_up_leaves_a_blob_as_any_other(store: Store) -> None:
    cache(store)
    with store.env.write() as txn:
        row = store.blobs.moves.take(txn, INO)
    with store.env.write() as txn:
        store.blobs.moves.not_taken(txn, row, store.root.state.temp.names_of)
    assert store.blobs.evict(1, lambda txn, ino, digest: True) == 40 * KIB


def test_a_realize_that_failed_late_does_not_share_its_file(store: Store, tmp_path: Path) -> None:
    """An error after publish: the real file must not be a blob, too."""
    cache(store)
    with store.env.write() as txn:
        row = store.blobs.moves.take(txn, INO)
    moves = store.blobs.moves
    temp = store.root.state.temp.link(moves.directory, moves.file_name(row.id))
    store.root.publish(temp, b"f", None)
    with store.env.write() as txn:
        moves.not_taken(txn, row, store.root.state.temp.names_of)
    assert ((tmp_path / "f").stat().st_nlink, store.row(), store.blobs.usage()) == (1, None, 0)


def test_an_unrealize_that_failed_late_keeps_the_content(store: Store, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(DATA)
    moves = store.blobs.moves
    with store.env.write() as txn:
        row = moves.adopt(txn, INO, VERSION)

    def fail_late() -> None:
        with moves.receive(row) as place:
            store.root.adopt(b"f", store.root.fingerprint(b"f"), place)
            raise Crash

    with pytest.raises(Crash):
        fail_late()
    with store.env.write() as txn:
        moves.not_adopted(txn, row)
    found = store.row()
    assert found is not None
    assert found.usage == store.blobs.usage() == 40 * KIB


def test_a_refused_unrealize_leaves_the_file(store: Store, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(DATA)
    moves = store.blobs.moves
    with store.env.write() as txn:
        row = moves.adopt(txn, INO, VERSION)
    with (tmp_path / "f").open("rb"), pytest.raises(Busy), moves.receive(row) as place:
        store.root.adopt(b"f", store.root.fingerprint(b"f"), place)
    with store.env.write() as txn:
        moves.not_adopted(txn, row)
    assert (store.row(), store.blobs.usage()) == (None, 0)
    assert (tmp_path / "f").read_bytes() == DATA


@pytest.mark.parametrize("point", [1, 2])
def test_an_eviction_interrupted(store: Store, monkeypatch: pytest.MonkeyPatch, point: int) -> None:
    """The power fails before the file goes, and after."""
    cache(store)
    remove = type(store.blobs._files).remove

    def crash(self: object, blob: object) -> None:
        if point == 2:
            remove(self, blob)  # type: ignore[arg-type]
        raise Crash

    with monkeypatch.context() as patched:
        patched.setattr(type(store.blobs._files), "remove", crash)
        with pytest.raises(Crash):
            store.blobs.evict(1, any_may_go)
    store.blobs = store.restart()
    assert (store.row(), store.blobs.usage()) == (None, 0)


def test_making_a_blob_interrupted(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Row, then file: the row alone is cleared away."""

    def crash(*_: object) -> None:
        raise Crash

    with monkeypatch.context() as patched:
        patched.setattr(type(store.blobs._files), "make", crash)
        with pytest.raises(Crash):
            store.blobs.open(INO, VERSION)
    store.blobs = store.restart()
    assert store.row() is None


def any_may_go(txn: Txn, ino: Inode, digest: Digest) -> bool:
    return True
