"""What an entry costs on disk; how fast it goes is shown by `make test-big`."""

import os
import sys
import time
from pathlib import Path

import pytest

from realizefs.model.ids import Digest, Inode, PeerId
from realizefs.model.versions import Kind, Version
from realizefs.store.env import Environment
from realizefs.store.inodes import ArenaInodes
from realizefs.store.tree import Tree
from scripts.index_states import STATES, State, bytes_stored
from scripts.index_stores import FOLDER

BATCH = 500
DIRECTORY_SIZE = 50
DATABASE_BYTES_PER_ENTRY_MAX = 400
AUTHOR = PeerId(2**63 + 12345)


def version(number: int, kind: Kind = Kind.FILE) -> Version:
    return Version(
        kind=kind,
        hash=Digest(os.urandom(32)) if kind is Kind.FILE else Digest(b""),
        size=12345,
        mode=0o644,
        mtime_ns=1_700_000_000_123_456_789 + number,
        vector=((AUTHOR, 1),),
        author=AUTHOR,
    )


def fill(env: Environment, inodes: ArenaInodes, tree: Tree, files: int) -> list[Inode]:
    """Puts files in batches, each DIRECTORY_SIZE in one of the directories returned."""
    directories: list[Inode] = []
    for start in range(0, files, BATCH):
        inodes.ensure(2 * BATCH)
        with env.write() as txn:
            for number in range(start, min(start + BATCH, files)):
                if number % DIRECTORY_SIZE == 0:
                    directories.append(inodes.allocate())
                    name = b"directory_%05d" % number
                    made = version(number, Kind.DIRECTORY)
                    tree.put(txn, directories[-1], tree.root, name, made)
                name = b"photograph_%06d.jpeg" % number
                tree.put(txn, inodes.allocate(), directories[-1], name, version(number), AUTHOR)
    return directories


def disk_bytes(env: Environment) -> int:
    return Path(env.directory, "data.mdb").stat().st_blocks * 512


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.name)
def test_an_entry_takes_few_bytes_whatever_is_known_of_it(memory: Path, state: State) -> None:
    files = 30_000
    empty = bytes_stored(state, memory / "empty", 0)
    used = bytes_stored(state, memory / "full", files) - empty
    assert used / (files + files / FOLDER) < DATABASE_BYTES_PER_ENTRY_MAX


@pytest.mark.big
@pytest.mark.timeout(600)
def test_figures_of_a_hundred_thousand_entries(
    env: Environment, inodes: ArenaInodes, tree: Tree, capsys: pytest.CaptureFixture[str]
) -> None:
    begin = time.perf_counter()
    directories = fill(env, inodes, tree, 100_000)
    puts = 102_000 / (time.perf_counter() - begin)
    with env.read() as txn:
        begin = time.perf_counter()
        listed = sum(1 for directory in directories for _ in tree.children(txn, directory))
        listing = time.perf_counter() - begin
        assert listed == 100_000
        assert tree.counts(txn).files == 100_000
    with capsys.disabled():
        sys.stdout.write(
            f"\n{puts:,.0f} puts/s, {listing:.2f} s to list all, "
            f"{disk_bytes(env) / 102_000:.0f} bytes of database an entry\n"
        )
