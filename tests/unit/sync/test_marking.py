"""Marks through the arena's own batches: a large directory, page by page; a local rename."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from realizefs.model.ids import Digest, PeerId
from realizefs.model.marks import Mark
from realizefs.model.versions import Kind, Version
from realizefs.store.arena import ArenaStore
from realizefs.store.txn import Txn
from realizefs.sync.batch import Batch
from realizefs.sync.moving import record_move
from realizefs.sync.record import set_mark
from tests.fakes.arena_store import arena_store
from tests.fakes.counted_rows import counted_rows
from tests.fakes.in_memory import in_memory

ME = PeerId(7)
EACH = 100
"""Files in each directory."""
PAGE = 500


@pytest.fixture
def directory() -> Iterator[Path]:
    with in_memory() as directory:
        yield directory


def batch(store: ArenaStore, txn: Txn) -> Batch:
    return Batch(txn, store, ME, "me", Mark.WATCH)


def fill(store: ArenaStore, files: int) -> None:
    """top/0/0, top/0/1, …"""
    tree, allocate = store.tree, store.inodes.allocate
    directory = Version(Kind.DIRECTORY, mode=0o755)
    file = Version(Kind.FILE, Digest(b"h" * 32), size=5, vector=((ME, 1),), author=ME)
    store.inodes.ensure(files + files // EACH + 1)
    with store.env.write() as txn:
        top = allocate()
        tree.put(txn, top, tree.root, b"top", directory)
        for number in range(files // EACH):
            parent = allocate()
            tree.put(txn, parent, top, b"%d" % number, directory)
            for name in range(EACH):
                tree.put(txn, allocate(), parent, b"%d" % name, file)


def check_marking_page_by_page(directory: Path, files: int) -> None:
    """Each page is another start of the program: what is to be done is on disk only."""
    with arena_store(directory) as store:
        fill(store, files)
        with counted_rows() as rows, store.env.write() as txn:
            top = store.tree.resolve(txn, b"top")
            assert top is not None
            set_mark(batch(store, txn), top, Mark.OWN)
        assert len(rows) <= 5  # the mark, the dirty row twice, the walk, a counter
        with store.env.read() as txn:
            mark, source = store.marks.for_path(txn, b"top/5/7", Mark.WATCH)
            assert (mark, source) == (Mark.OWN, b"top")  # in force at once
    pages = 0
    while True:
        with arena_store(directory) as store, counted_rows() as rows, store.env.write() as txn:
            if not store.dirty.expand(txn, PAGE):
                break
        pages += 1
        assert len(rows) <= 2 * PAGE + 20
    assert pages >= files // PAGE
    with arena_store(directory) as store, store.env.read() as txn:
        assert store.dirty.count(txn) == files + files // EACH + 1


def test_marking_a_directory_of_ten_thousand_files_writes_a_few_rows(directory: Path) -> None:
    check_marking_page_by_page(directory, 10_000)


@pytest.mark.big
@pytest.mark.timeout(300)
def test_marking_a_directory_of_a_hundred_thousand_files_writes_a_few_rows(
    directory: Path,
) -> None:
    check_marking_page_by_page(directory, 100_000)


def test_a_mark_follows_a_local_rename(directory: Path) -> None:
    with arena_store(directory) as store:
        fill(store, EACH)
        with store.env.write() as txn:
            store.marks.set(txn, b"top/0", Mark.OWN)
            moved = store.tree.resolve(txn, b"top/0")
            assert moved is not None
        store.inodes.ensure(2 * EACH)
        with store.env.write() as txn:
            record_move(batch(store, txn), moved, (store.tree.root, b"new"), 10**18)
        with store.env.read() as txn:
            assert list(store.marks.list(txn)) == [(b"new", Mark.OWN)]
            assert store.marks.for_path(txn, b"new/7", Mark.WATCH) == (Mark.OWN, b"new")
            assert store.marks.for_path(txn, b"top/0/7", Mark.WATCH) == (Mark.WATCH, None)
