"""The tree against a dictionary: whatever is done, every table tells the same."""

import shutil
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from realizefs.model.ids import ArenaId, Inode, PeerId, Seq
from realizefs.model.versions import Kind, Version
from realizefs.store.env import Environment
from realizefs.store.inodes import ArenaInodes, InodeAllocator
from realizefs.store.schema import ARENA_SCHEMA, DIRENT, ENTRY, GLOBAL_SCHEMA, HISTORY
from realizefs.store.tree import Tree, TreeCounts
from tests.fakes.in_memory import TMPFS

NAMES = st.sampled_from([b"a", b"b", b"c"])
PICK = st.integers(0, 5)
VERSIONS = st.builds(
    Version,
    kind=st.sampled_from(Kind),
    size=st.integers(0, 9),
    deleted=st.booleans(),
    mtime_ns=st.integers(-(2**63), 2**63 - 1),
)


class TreeModel(RuleBasedStateMachine):
    """Files only at two levels: directories 0 and 1 are made by hand and stay."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp(prefix="realizefs-", dir=TMPFS))
        self.global_env = Environment(self.directory / "global", GLOBAL_SCHEMA)
        self.env = Environment(self.directory / "db", ARENA_SCHEMA)
        inodes = ArenaInodes(self.env, InodeAllocator(self.global_env), ArenaId(b"a" * 16))
        self.tree = Tree(self.env, inodes)
        inodes.ensure(10)
        self.pool = [inodes.allocate() for _ in range(6)]
        self.parents = (self.tree.root, inodes.allocate())
        self.versions: dict[Inode, Version] = {}
        self.places: dict[tuple[Inode, bytes], Inode] = {}
        self.order: list[Inode] = []
        self.seq = 1
        with self.env.write() as txn:
            below = Version(Kind.DIRECTORY)
            self.tree.put(txn, self.parents[1], self.tree.root, b"below", below)

    def relink(self, ino: Inode, place: tuple[Inode, bytes]) -> None:
        self.places = {at: who for at, who in self.places.items() if who != ino}
        self.places[place] = ino

    def changed(self, ino: Inode) -> None:
        self.order = [other for other in self.order if other != ino] + [ino]
        self.seq += 1

    @rule(pick=PICK, where=st.integers(0, 1), name=NAMES, version=VERSIONS)
    def put(self, pick: int, where: int, name: bytes, version: Version) -> None:
        ino, parent = self.pool[pick], self.parents[where]
        with self.env.write() as txn:
            self.tree.put(txn, ino, parent, name, version, PeerId(3))
        self.versions[ino] = version
        self.relink(ino, (parent, name))
        self.changed(ino)

    @rule(changes=st.lists(st.tuples(PICK, st.integers(0, 1), NAMES, VERSIONS), max_size=6))
    def put_several(self, changes: list[tuple[int, int, bytes, Version]]) -> None:
        """In one transaction, `add` where it may be: each sees what those before have kept back."""
        with self.env.write() as txn:
            for pick, where, name, version in changes:
                ino, parent = self.pool[pick], self.parents[where]
                free = self.tree.lookup(txn, parent, name) is None
                assert free == ((parent, name) not in self.places)
                assert (self.tree.entry(txn, ino) is None) == (ino not in self.versions)
                new = free and ino not in self.versions
                (self.tree.add if new else self.tree.put)(
                    txn, ino, parent, name, version, PeerId(3)
                )
                self.versions[ino] = version
                self.relink(ino, (parent, name))
                self.changed(ino)
                names = sorted(at for (above, at) in self.places if above == parent)
                listed = [child.name for child in self.tree.children(txn, parent)]
                assert [one for one in listed if one != b"below"] == names

    @rule(pick=PICK, where=st.integers(0, 1), name=NAMES)
    def move(self, pick: int, where: int, name: bytes) -> None:
        ino, parent = self.pool[pick], self.parents[where]
        if ino in self.versions:
            with self.env.write() as txn:
                self.tree.move(txn, ino, parent, name)
            self.relink(ino, (parent, name))

    @rule(pick=PICK)
    def touch(self, pick: int) -> None:
        if self.pool[pick] in self.versions:
            with self.env.write() as txn:
                self.tree.touch(txn, self.pool[pick])
            self.changed(self.pool[pick])

    @rule(pick=PICK)
    def forget(self, pick: int) -> None:
        ino = self.pool[pick]
        with self.env.write() as txn:
            self.tree.forget(txn, ino)
        self.versions.pop(ino, None)
        self.order = [other for other in self.order if other != ino]
        self.places = {at: who for at, who in self.places.items() if who != ino}

    @invariant()
    def entries_and_dirents_agree(self) -> None:
        with self.env.read() as txn:
            assert txn.count(ENTRY) == len(self.versions) + 2
            assert txn.count(DIRENT) == len(self.places) + 1
            for (parent, name), ino in self.places.items():
                dirent = self.tree.lookup(txn, parent, name)
                version = self.versions[ino]
                assert dirent is not None
                assert (dirent.ino, dirent.kind, dirent.deleted, dirent.size, dirent.mtime_ns) == (
                    *(ino, version.kind, version.deleted, version.size, version.mtime_ns),
                )
                assert self.tree.resolve(txn, self.tree.path(txn, ino) or b"?") == ino
            for ino, version in self.versions.items():
                entry = self.tree.entry(txn, ino)
                assert entry is not None
                assert entry.version == version
                placed = ino in self.places.values()
                assert (self.tree.path(txn, ino) is not None) == placed

    @invariant()
    def history_is_one_row_an_entry(self) -> None:
        with self.env.read() as txn:
            rows = self.tree.history(txn, Seq(1), 100)
            assert [ino for _, ino in rows] == self.order
            assert txn.count(HISTORY) == len(self.order) + 1
            assert self.tree.positions.last(txn) == self.seq

    @invariant()
    def counts_are_exact(self) -> None:
        live = [self.versions[ino] for ino in self.places.values()]
        live = [version for version in live if not version.deleted]
        kinds = [version.kind for version in live]
        with self.env.read() as txn:
            assert self.tree.counts(txn) == TreeCounts(
                kinds.count(Kind.FILE),
                kinds.count(Kind.DIRECTORY) + 1,
                kinds.count(Kind.SYMLINK),
                sum(version.size for version in live if version.kind is Kind.FILE),
            )

    def teardown(self) -> None:
        self.env.close()
        self.global_env.close()
        shutil.rmtree(self.directory)


TestTreeModel = TreeModel.TestCase
TestTreeModel.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)
