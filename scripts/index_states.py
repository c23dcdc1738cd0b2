"""What a database takes in each state in which an arena rests, for `bench_store` and its test.

Each state is brought about as the program does it: entries come in transactions of ROWS_BATCH_MAX, and
what is decided about them in others, later. So pages that were needed on the way are counted, too.
"""

import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from realizefs.model.blobs import BlobRow
from realizefs.model.decisions import Action, Decision
from realizefs.model.entries import Fingerprint, Holder, RealRow
from realizefs.model.ids import ArenaId, BlobId, Inode, PeerId
from realizefs.model.limits import ROWS_BATCH_MAX
from realizefs.model.ranges import Ranges
from realizefs.model.versions import Held, Kind, Version
from realizefs.store.decisions import Decisions
from realizefs.store.dirty import DirtySet
from realizefs.store.env import Environment
from realizefs.store.holders import Holders
from realizefs.store.inodes import ArenaInodes, InodeAllocator
from realizefs.store.queues import BlobRows
from realizefs.store.real import RealIndex
from realizefs.store.schema import ARENA_SCHEMA, GLOBAL_SCHEMA
from realizefs.store.tree import Tree
from realizefs.store.txn import Txn
from scripts.index_stores import AUTHOR, FOLDER, file_name, folder_name, version

THIRD = PeerId(2**63 + 54321)

What = Callable[[Txn, Inode, Version], None]


class Writer:
    """The rows of one arena, by what they are about."""

    def __init__(self, tree: Tree) -> None:
        self._real, self._holders, self._rows = RealIndex(), Holders(), BlobRows()
        self._decisions, self._dirty = Decisions(tree), DirtySet(tree)

    def real(self, txn: Txn, ino: Inode, is_: Version) -> None:
        """A file in the arena root, as it was indexed."""
        kind = stat.S_IFREG if is_.kind is Kind.FILE else stat.S_IFDIR
        time = is_.mtime_ns
        seen = Fingerprint(65024, 10_000_000 + ino, is_.size, time, time + 10**9, kind | is_.mode)
        self._real.add(txn, ino, RealRow(seen, is_.hash, is_.vector))

    def held(self, txn: Txn, ino: Inode, is_: Version, peer: PeerId = AUTHOR) -> None:
        """A peer owns it."""
        self._holders.put(txn, ino, Holder(peer, Held.OWN, is_.hash))

    def held_by_a_third(self, txn: Txn, ino: Inode, is_: Version) -> None:
        """Another peer owns it, too."""
        self.held(txn, ino, is_, THIRD)

    def cached(self, txn: Txn, ino: Inode, is_: Version) -> None:
        """All of its bytes are in the cache."""
        if is_.kind is Kind.FILE:
            whole = Ranges.of(0, is_.size)
            row = BlobRow(BlobId(0), ino, is_.hash, is_.size, whole, verified=True, usage=16384)
            self._rows.create(txn, row)

    def dirty(self, txn: Txn, ino: Inode, _: Version) -> None:
        """To be decided."""
        self._dirty.mark(txn, ino)

    def wanted(self, txn: Txn, ino: Inode, is_: Version) -> None:
        """It was decided that it is to be made real."""
        self._decisions.set(txn, ino, Decision(Action.REALIZE, is_.hash))
        for _, counter in self._dirty.take(txn, 1):
            self._dirty.clear(txn, ino, counter)

    def waiting(self, txn: Txn, ino: Inode, is_: Version) -> None:
        """Nobody who has it is connected."""
        self._decisions.set(txn, ino, Decision(Action.REALIZE, is_.hash, 1, wait_for_peer=True))


@dataclass(frozen=True)
class State:
    """`name` of a state; what is written with each entry, and what after all of them."""

    name: str
    at_once: tuple[str, ...] = ()
    later: tuple[str, ...] = ()


STATES = (
    State("index alone: watched, nothing here, nobody has it"),
    State("+ held by a peer: watched", ("held",)),
    State("+ held by a peer, real", ("real", "held")),
    State("+ held by two peers, real", ("real", "held", "held_by_a_third")),
    State("+ held by a peer, cached", ("held",), ("cached",)),
    State("+ held by a peer, undecided", ("held", "dirty")),
    State("+ held by a peer, wanted", ("held", "dirty"), ("wanted",)),
    State("+ held by a peer, wanted, waiting for it", ("held", "dirty"), ("wanted", "waiting")),
)


def bytes_stored(state: State, directory: Path, files: int) -> int:
    """Bytes on disk of both databases of an arena of so many files, FOLDER in a directory."""
    home = Environment(directory / "home", GLOBAL_SCHEMA)
    env = Environment(directory / "arena", ARENA_SCHEMA)
    inodes = ArenaInodes(env, InodeAllocator(home), ArenaId(b"an arena's bytes"))
    tree = Tree(env, inodes)
    writer = Writer(tree)
    entries = list(_fill(env, inodes, tree, files, [getattr(writer, one) for one in state.at_once]))
    for step in state.later:
        for start in range(0, len(entries), ROWS_BATCH_MAX):
            with env.write() as txn:
                for ino, is_ in entries[start : start + ROWS_BATCH_MAX]:
                    getattr(writer, step)(txn, ino, is_)
    env.close()
    home.close()
    return sum(one.stat().st_blocks * 512 for one in directory.rglob("*") if one.is_file())


def _fill(
    env: Environment, inodes: ArenaInodes, tree: Tree, files: int, rows: list[What]
) -> Iterator[tuple[Inode, Version]]:
    for start in range(0, files, ROWS_BATCH_MAX):
        inodes.ensure(2 * ROWS_BATCH_MAX)
        with env.write() as txn:
            for number in range(start, min(start + ROWS_BATCH_MAX, files)):
                if number % FOLDER == 0:
                    folder, is_ = inodes.allocate(), version(number, Kind.DIRECTORY)
                    tree.add(txn, folder, tree.root, folder_name(number), is_, AUTHOR)
                    yield folder, is_
                    for row in rows:
                        row(txn, folder, is_)
                ino, is_ = inodes.allocate(), version(number)
                tree.add(txn, ino, folder, file_name(number), is_, AUTHOR)
                for row in rows:
                    row(txn, ino, is_)
                yield ino, is_
