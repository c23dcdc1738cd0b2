"""An arena's store with something of everything in it, all as it should be; and checking it."""

import os
from dataclasses import dataclass
from pathlib import Path

from realizefs.model.cache_limits import Amount, CacheLimits
from realizefs.model.decisions import Action, Decision
from realizefs.model.entries import Entry, Holder, RealRow
from realizefs.model.findings import Report
from realizefs.model.ids import NO_DIGEST, ArenaId, Inode, PeerId
from realizefs.model.limits import BLOCK_BYTES_MIN, KIB
from realizefs.model.marks import Mark
from realizefs.model.versions import Held, Kind, Version, vector_of
from realizefs.store.arena import ArenaStore, open_arena
from realizefs.store.check import Means, kept_in
from realizefs.store.check_arena import Household, check_arena
from realizefs.store.env import Environment
from realizefs.store.hashing import hash_bytes
from realizefs.store.inodes import InodeAllocator
from realizefs.store.keys import pack_u64
from realizefs.store.realfile import Root
from realizefs.store.schema import ARENA_SCHEMA, GLOBAL_SCHEMA
from realizefs.store.txn import Txn

ARENA = ArenaId(b"arena---arena---")
ME, DESK = PeerId(7), PeerId(8)
SMALL = b"small " * 100
LARGE = os.urandom(3 * BLOCK_BYTES_MIN + 1000)
NAMES = {DESK: "desk"}


def block_list(content: bytes) -> bytes:
    starts = range(0, len(content), BLOCK_BYTES_MIN)
    return b"".join(hash_bytes(content[at : at + BLOCK_BYTES_MIN]) for at in starts)


def file_version(content: bytes, **changes: object) -> Version:
    blocks = block_list(content) if len(content) > BLOCK_BYTES_MIN else b""
    root = hash_bytes(blocks) if blocks else NO_DIGEST
    vector = vector_of({DESK: 3})
    return Version(Kind.FILE, hash_bytes(content), root, len(content), 5, 0o644, vector=vector)


@dataclass(eq=False)
class Sound:
    """`store` in `directory`; what is in it is found by path."""

    directory: Path
    store: ArenaStore
    global_env: Environment

    @property
    def env(self) -> Environment:
        return self.store.env

    @property
    def root(self) -> Path:
        return self.store.root.path

    def ino(self, path: bytes) -> Inode:
        with self.env.read() as txn:
            found = self.store.tree.resolve(txn, path)
        assert found is not None, path
        return found

    def key(self, path: bytes) -> bytes:
        return pack_u64(self.ino(path))

    def entry(self, path: bytes) -> Entry:
        with self.env.read() as txn:
            found = self.store.tree.entry_at(txn, path)
        assert found is not None, path
        return found

    def put(self, path: bytes, version: Version) -> Inode:
        self.store.inodes.ensure(1)
        ino = self.store.inodes.allocate()
        parent, _, name = path.rpartition(b"/")
        with self.env.write() as txn:
            above = self.store.tree.resolve(txn, parent)
            assert above is not None
            self.store.tree.put(txn, ino, above, name, version)
        return ino

    def directory_at(self, path: bytes) -> Inode:
        return self.put(path, Version(Kind.DIRECTORY, mode=0o755, vector=vector_of({ME: 1})))

    def real(self, path: bytes, content: bytes) -> Inode:
        """A file that is real here."""
        (self.root / os.fsdecode(path)).write_bytes(content)
        ino = self.put(path, file_version(content))
        row = RealRow(self.store.root.fingerprint(path), hash_bytes(content))
        with self.env.write() as txn:
            self.store.real.put(txn, ino, row)
            if len(content) > BLOCK_BYTES_MIN:
                self.store.blocks.put(txn, hash_bytes(content), block_list(content))
        return ino

    def cached(self, path: bytes, content: bytes, part: int | None = None) -> Inode:
        """A file that is in the cache, wholly or its first bytes."""
        version = file_version(content)
        ino = self.put(path, version)
        blob = self.store.blobs.open(ino, version)
        assert blob.write(0, content[:part])
        with self.env.write() as txn:
            if version.block_root:
                self.store.blocks.put(txn, version.hash, block_list(content))
            if part is None:
                self.store.blobs.mark_verified(txn, blob)
        blob.close()
        self.store.blobs.flush()
        return ino

    def held_by_desk(self, path: bytes) -> None:
        ino, version = self.ino(path), self.entry(path).version
        with self.env.write() as txn:
            self.store.holders.put(txn, ino, Holder(DESK, Held.OWN, version.hash))

    def blob_file(self, path: bytes) -> Path:
        with self.env.read() as txn:
            row = self.store.blobs.find(txn, self.ino(path))
        assert row is not None
        return self.root / ".realize/blobs" / f"{row.id & 255:02x}" / f"{row.id:016x}"

    def check(self, *, repair: bool = False, deep: bool = False) -> Report:
        """As where no daemon runs."""
        means = Means(self.env, kept_in(self.env), repair=repair)
        household = Household(ME, lambda peer: NAMES[peer], InodeAllocator(self.global_env), ARENA)
        return check_arena(Report("arena"), self.store, household, means, deep=deep)

    def told(self, *, deep: bool = False) -> list[str]:
        """The sentences of a check that repairs nothing."""
        return [finding.sentence for finding in self.check(deep=deep).findings]

    def repaired(self, *, deep: bool = False) -> list[str]:
        """What a repair mended; after it a check is clean."""
        report = self.check(repair=True, deep=deep)
        assert [finding.sentence for finding in report.findings] == []
        mended = [finding.sentence for finding in report.mended]
        assert self.told(deep=True) == []
        return mended

    def close(self) -> None:
        self.store.blobs.close()
        self.env.close()
        self.store.root.close()
        self.global_env.close()


def make_sound(directory: Path) -> Sound:
    """An arena with something of everything in it."""
    (directory / "root").mkdir()
    global_env = Environment(directory / "global", GLOBAL_SCHEMA)
    root = Root(directory / "root")
    env = Environment(root.state.database, ARENA_SCHEMA)
    store = open_arena(env, InodeAllocator(global_env), ARENA, root, CacheLimits(Amount(10**9)))
    sound = Sound(directory, store, global_env)
    fill(sound)
    return sound


def fill(sound: Sound) -> None:
    (sound.root / "d").mkdir()
    d = sound.directory_at(b"d")
    with sound.env.write() as txn:
        sound.store.real.put(txn, d, RealRow(sound.store.root.fingerprint(b"d")))
    sound.real(b"d/real", SMALL)
    sound.real(b"large", LARGE)
    sound.directory_at(b"unreal")
    sound.put(b"unreal/remote", file_version(b"elsewhere"))
    sound.cached(b"unreal/cached", b"cached " * 100)
    sound.cached(b"unreal/large", LARGE + b"too")
    sound.cached(b"unreal/part", LARGE + b"part", part=2 * BLOCK_BYTES_MIN + 4 * KIB)
    sound.put(b"gone", Version(Kind.FILE, deleted=True, vector=vector_of({DESK: 4})))
    remote = sound.ino(b"unreal/remote")
    with sound.env.write() as txn:
        store = sound.store
        store.holders.put(txn, remote, Holder(DESK, Held.OWN, hash_bytes(b"elsewhere")))
        store.marks.set(txn, sound_ino(store, txn, b"unreal/cached"), Mark.KEEP)
        store.blobs.protect(txn, sound_ino(store, txn, b"unreal/cached"), True)
        store.decisions.set(txn, remote, Decision(Action.REALIZE, NO_DIGEST))
        store.dirty.mark_subtree(txn, d)
        store.cursors.set_theirs(txn, DESK, store.tree.replica, store.tree.positions.last(txn))
        store.cursors.set_acked(txn, DESK, store.tree.replica, store.tree.positions.last(txn))


def sound_ino(store: ArenaStore, txn: Txn, path: bytes) -> Inode:
    found = store.tree.resolve(txn, path)
    assert found is not None
    return found
