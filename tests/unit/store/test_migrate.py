"""Databases of older programs, opened by this one; killed at every point of that."""

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from blake3 import blake3

from realizefs.model.cache_limits import Amount, CacheLimits
from realizefs.model.decisions import Action, Decision
from realizefs.model.entries import Fingerprint, Holder, PeerCard, RealRow
from realizefs.model.errors import NewerSchema
from realizefs.model.grants import full
from realizefs.model.ids import ArenaId, Digest, Inode, PeerId
from realizefs.model.limits import KIB
from realizefs.model.marks import Mark
from realizefs.model.ranges import Ranges
from realizefs.model.versions import Held, Kind, Version
from realizefs.store.arena import ArenaStore, open_arena
from realizefs.store.env import Environment
from realizefs.store.inodes import InodeAllocator
from realizefs.store.keys import pack_pair, pack_u64
from realizefs.store.peers import Invitations, Roster
from realizefs.store.realfile import Root
from realizefs.store.schema import (
    ARENA_SCHEMA,
    DECISION,
    ENTRY,
    GLOBAL_SCHEMA,
    HOLDER,
    REAL,
    Schema,
)
from realizefs.store.txn import Txn
from tests.unit.store.old_database import raw_rows, unpack, version_of

ARENA, OTHER = ArenaId(b"the first arena!"), ArenaId(b"the other arena!")
HERE, THERE = PeerId(1), PeerId(2**64 - 1)
ROOT, PHOTOS, YEAR, FIRST_JPEG, LINK, GONE, ODD = (
    Inode(number) for number in (2, 3, 4, 5, 13, 14, 15)
)
JPEGS = [Inode(FIRST_JPEG + number) for number in range(8)]


def content(number: int) -> bytes:
    return bytes([number]) * (1000 * number)


def digest(number: int) -> Digest:
    return hash_of(content(number))


def hash_of(data: bytes) -> Digest:
    return Digest(blake3(data).digest())


ODD_CONTENT = bytes([60]) * 200_000
ODD_BLOCKS = b"".join(hash_of(ODD_CONTENT[at : at + 128 * KIB]) for at in (0, 128 * KIB))
OUTDATED = bytes([59]) * 10
BLOBS = {1: content(3)[:1024] + bytes(1024) + content(3)[2048:], 2: content(8), 3: OUTDATED}
"""The files of the cache by blob id; of the fourth there is only a row yet."""


def jpeg(number: int) -> Version:
    return Version(
        Kind.FILE,
        digest(number),
        size=1000 * number,
        mtime_ns=1_700_000_000_000_000_000 + number,
        mode=0o640,
        vector=((HERE, number), (THERE, 7)),
        author=THERE,
    )


DECISIONS = {
    JPEGS[2]: Decision(Action.REALIZE, digest(3)),
    JPEGS[3]: Decision(Action.REALIZE, digest(4), 2, 10**18, False, "The disk is full."),
    JPEGS[4]: Decision(Action.REALIZE, digest(5), 1, 10**18, True, "nas is not connected."),
    JPEGS[5]: Decision(Action.UNREALIZE, digest(6), 9, 3 * 10**18, False, "It is in use, schön."),
    JPEGS[6]: Decision(Action.UPDATE_CACHE, digest(7), 0, 0, True, ""),
}
RETRY = [(0, JPEGS[2]), (10**18, JPEGS[3]), (3 * 10**18, JPEGS[5])]
WAITING = [JPEGS[4], JPEGS[6]]


OLD = {"arena-1": 1, "arena-2": 2}
"""The arena databases of tests/data, and their schema."""


@pytest.fixture(params=list(OLD))
def store(memory: Path, request: pytest.FixtureRequest) -> Iterator[ArenaStore]:
    """An arena of an old schema, opened as the daemon opens one."""
    (memory / "root").mkdir()
    unpack(request.param, memory / "root" / ".realize" / "db")
    unpack("home-1", memory / "home")
    for blob, data in BLOBS.items():
        file = memory / "root" / ".realize" / "blobs" / f"{blob:02x}" / f"{blob:016x}"
        file.parent.mkdir(parents=True)
        file.write_bytes(data)
    home, root = Environment(memory / "home", GLOBAL_SCHEMA), Root(memory / "root")
    env = Environment(root.state.database, ARENA_SCHEMA)
    store = open_arena(env, InodeAllocator(home), ARENA, root, CacheLimits(Amount(10**9)))
    yield store
    store.blobs.close()
    env.close()
    root.close()
    home.close()


# -- everything is there --------------------------------------------------------------------------


def test_the_old_databases_are_of_the_schemas_before(memory: Path) -> None:
    assert list(OLD.values()) == list(range(1, ARENA_SCHEMA.version))
    for name, version in OLD.items():
        old = unpack(name, memory / name)
        assert version_of(old) == version
        assert ("engine.retry" in raw_rows(old)) == (version >= 2)
        assert all(row[:1] == b"\x10" for row in raw_rows(old)["acache.entry"].values())


def test_the_tree_of_an_old_schema_is_there(store: ArenaStore) -> None:
    tree = store.tree
    with store.env.read() as txn:
        assert tree.root == ROOT
        paths = {ino: tree.path(txn, ino) for ino in (PHOTOS, YEAR, *JPEGS, LINK, GONE, ODD)}
        assert paths == {
            PHOTOS: b"photos",
            YEAR: b"photos/2023",
            LINK: b"photos/link",
            **{ino: b"photos/2023/%02d.jpeg" % (ino - 4) for ino in JPEGS},
            GONE: b"photos/gone",
            ODD: b"\xff: odd",
        }
        for number, ino in enumerate(JPEGS, start=1):
            entry = tree.entry(txn, ino)
            assert entry is not None
            assert (entry.version, entry.origin) == (jpeg(number), THERE)
        odd, gone, link = (tree.entry(txn, ino) for ino in (ODD, GONE, LINK))
        assert odd is not None
        assert gone is not None
        assert link is not None
        assert (odd.version.block_root, odd.version.others) == (hash_of(ODD_BLOCKS), ())
        assert (gone.version.deleted, link.version.target) == (True, b"2023/01.jpeg")
        assert [child.name for child in tree.children(txn, PHOTOS)] == [b"2023", b"gone", b"link"]
        assert [ino for _, ino in tree.history(txn, 0)] == list(range(3, 16))  # type: ignore[arg-type]
        counts = tree.counts(txn)
        assert (counts.files, counts.directories, counts.symlinks, counts.bytes) == (
            9,
            2,
            1,
            236_000,
        )


def test_what_is_real_and_who_holds_what_is_there(store: ArenaStore) -> None:
    with store.env.read() as txn:
        assert list(store.real.all(txn)) == [
            (PHOTOS, RealRow(Fingerprint(1, 4, 4096, 4, 6, 0o040755))),
            (JPEGS[0], RealRow(Fingerprint(1, 2, 1000, 4, 5, 0o100640), digest(1), jpeg(1).vector)),
            (JPEGS[1], RealRow(Fingerprint(1, 3, 2000, 4, 6, 0o100640), digest(2), jpeg(2).vector)),
        ]
        assert store.real.total_bytes(txn) == 3000
        assert store.holders.of(txn, JPEGS[0]) == [Holder(THERE, Held.OWN, digest(1))]
        assert store.holders.of(txn, JPEGS[2]) == [Holder(THERE, Held.CACHED, digest(3))]
        assert store.cursors.theirs(txn, THERE) == (b"replica of there", 99)
        assert store.cursors.acked(txn, THERE) == (store.tree.replica, 7)
        assert store.blocks.get(txn, hash_of(ODD_CONTENT)) == ODD_BLOCKS


def test_what_changes_is_written_anew_and_means_the_same(store: ArenaStore) -> None:
    """Rows of old entries, real files and holders are mixed with new ones; an entry that gets
    another content takes away nothing of what was known of the one before."""
    tree, edit = store.tree, replace(jpeg(1), hash=digest(9), vector=((HERE, 8), (THERE, 7)))
    with store.env.write() as txn:
        held = [store.holders.of(txn, ino) for ino in (JPEGS[0], JPEGS[2])]
        tree.put(txn, JPEGS[0], YEAR, b"01.jpeg", edit)
        tree.put(txn, JPEGS[2], YEAR, b"03.jpeg", jpeg(3), THERE)
        tree.touch(txn, JPEGS[1])
        for ino, row in list(store.real.all(txn)):
            store.real.put(txn, ino, row)
        for holder in held[1]:
            store.holders.put(txn, JPEGS[2], holder)
    with store.env.read() as txn:
        assert [store.holders.of(txn, ino) for ino in (JPEGS[0], JPEGS[2])] == held
        entries = [tree.entry(txn, ino) for ino in JPEGS[:4]]
        assert [entry and entry.version for entry in entries] == [edit, jpeg(2), jpeg(3), jpeg(4)]
        rows = {table: dict(txn.scan(table)) for table in (ENTRY, REAL, HOLDER)}
    assert [rows[ENTRY][pack_u64(ino)][0] for ino in JPEGS[:4]] == [1, 1, 1, 0x10]
    assert {row[0] for row in rows[REAL].values()} == {1}
    assert [len(row) for row in rows[HOLDER].values()] == [33, 1]


def test_marks_and_the_dirty_set_are_there(store: ArenaStore) -> None:
    with store.env.read() as txn:
        marks = [(b"", Mark.WATCH), (b"photos", Mark.OWN), (b"photos/2023/08.jpeg", Mark.KEEP)]
        assert list(store.marks.list(txn)) == marks
        dirty = [(PHOTOS, 4), (YEAR, 5), (JPEGS[0], 3), (JPEGS[7], 2)]
        assert store.dirty.take(txn, 100) == dirty
    with store.env.write() as txn:
        while store.dirty.expand(txn, 100):
            pass
        assert {ino for ino, _ in store.dirty.take(txn, 100)} == {PHOTOS, YEAR, *JPEGS, GONE, LINK}


def test_the_cache_is_there(store: ArenaStore) -> None:
    with store.env.read() as txn:
        partial, kept, odd = (store.blobs.find(txn, ino) for ino in (JPEGS[2], JPEGS[7], ODD))
        assert partial is not None
        assert kept is not None
        assert odd is not None
        assert (partial.hash, partial.size) == (digest(3), 3000)
        assert partial.ranges == Ranges(((0, 1024), (2048, 3000)))
        assert (kept.verified, kept.protected, kept.complete) == (True, True, True)
        assert (odd.hash, odd.outdated, odd.usage) == (hash_of(ODD_CONTENT), False, 0)


def test_the_bytes_in_the_cache_are_read(store: ArenaStore) -> None:
    with store.env.read() as txn:
        entry = store.tree.entry(txn, JPEGS[7])
    assert entry is not None
    blob = store.blobs.open(JPEGS[7], entry.version)
    assert blob.read(0, 8000) == content(8)
    blob.close()


def test_inodes_go_on_behind_the_reserved_ones(store: ArenaStore) -> None:
    assert store.inodes.allocate() == 1026


def test_every_decision_has_its_place_in_time(store: ArenaStore) -> None:
    decisions = store.decisions
    with store.env.read() as txn:
        assert dict(decisions.all(txn)) == DECISIONS
        assert list(decisions.by_time(txn)) == RETRY
        assert decisions.waiting(txn) == len(WAITING)
    with store.env.write() as txn:
        assert decisions.wake(txn, Inode(0), 100) == WAITING
        for ino in DECISIONS:
            assert decisions.clear(txn, ino)
        assert list(decisions.by_time(txn)) == []


def test_the_home_of_schema_1_is_there(memory: Path) -> None:
    home = Environment(unpack("home-1", memory / "home"), GLOBAL_SCHEMA)
    allocator = InodeAllocator(home)
    assert [allocator.arena_of(Inode(ino)) for ino in (2, 65537, 65538)] == [ARENA, ARENA, OTHER]
    addresses = ("desk.example:1234", "[::1]:1234")
    with home.write() as txn:
        desk = PeerCard(HERE, "desk", b"certificate of desk", addresses, full([ARENA, OTHER]))
        nas = PeerCard(THERE, "nas", b"certificate of nas", (), ())
        assert list(Roster().all(txn)) == [desk, nas]
        assert Invitations().take(txn, b"s" * 32, 10**17) == (ARENA,)
    home.close()


# -- all at once, or nothing ----------------------------------------------------------------------

KILLED_AT_EACH_POINT = """
import json, os, shutil, signal, sys
from itertools import count
from pathlib import Path
from realizefs.store import dbdir, env, txn
from realizefs.store.schema import ARENA_SCHEMA

def dies(calls, function):
    def counted(*arguments):
        if next(calls) == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        result = function(*arguments)
        if next(calls) == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return result
    return counted

def migrate_until(point, directory):
    calls = count(-point)
    for name in ("put", "delete", "_write", "write_back"):
        setattr(txn.Txn, name, dies(calls, getattr(txn.Txn, name)))
    dbdir.sync = dies(calls, dbdir.sync)  # after the commit
    env.Environment(directory, ARENA_SCHEMA).close()

old, work = map(Path, sys.argv[1:])
for point in count():
    directory = work / str(point)
    shutil.copytree(old, directory)
    child = os.fork()
    if child == 0:
        migrate_until(point, directory)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    print(json.dumps([os.fspath(directory), os.waitstatus_to_exitcode(status)]), flush=True)
    if status == 0:
        break
"""


def is_wholly_new(directory: Path) -> bool:
    """Whether it is of the present schema; fails if it is neither that nor wholly of schema 1."""
    rows, version = raw_rows(directory), version_of(directory)
    assert version in (1, ARENA_SCHEMA.version)
    assert len(rows["engine.decision"]) == len(DECISIONS)
    if version == 1:
        assert not {"engine.retry", "engine.waiting"} & set(rows)
        return False
    assert sorted(rows["engine.retry"]) == [pack_pair(*row) for row in RETRY]
    assert sorted(rows["engine.waiting"]) == [pack_u64(ino) for ino in WAITING]
    return True


def test_killed_at_any_point_it_is_wholly_old_or_wholly_new(memory: Path) -> None:
    """A child of a child opens the old database and is killed before or after one of the writes
    to it, the next one a write further, until it isn't killed any more."""
    old = unpack("arena-1", memory / "old")
    command = [sys.executable, "-c", KILLED_AT_EACH_POINT, str(old), str(memory)]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    ends = [json.loads(line) for line in told.splitlines()]
    assert [status for _, status in ends] == [-signal.SIGKILL] * (len(ends) - 1) + [0]
    new = [is_wholly_new(Path(directory)) for directory, _ in ends]
    assert new == sorted(new)  # old up to the commit, new from there on
    assert (new.count(False) >= 2 * 6, new.count(True) >= 2) == (True, True)
    for directory, _ in ends:  # and the next start ends what was begun
        Environment(Path(directory), ARENA_SCHEMA).close()
        assert is_wholly_new(Path(directory))


def test_power_lost_before_the_last_page_of_the_commit_leaves_the_old_schema(memory: Path) -> None:
    """All pages of the migration are written, but the one that says where the tree begins."""
    old = unpack("arena-1", memory / "old")
    before = raw_rows(old)
    shutil.copytree(old, memory / "new")
    Environment(memory / "new", ARENA_SCHEMA).close()
    data = memory / "new" / "data.mdb"
    both_beginnings = (old / "data.mdb").read_bytes()[: 2 * 4096]
    with data.open("r+b") as file:
        file.write(both_beginnings)
    assert raw_rows(memory / "new") == before
    assert data.stat().st_size > (old / "data.mdb").stat().st_size  # it had been written


class Broken(Exception):
    """A step that doesn't get through."""


def test_steps_run_in_order_on_tables_that_may_have_gone(memory: Path) -> None:
    """Two more steps; the second reads a table that the newest schema no longer has."""

    def make(txn: Txn) -> None:
        txn.put("passing.table", b"first", b"1")
        txn.count_up("passing.table", b"count", 5)

    def use(txn: Txn) -> None:
        assert txn.counter("passing.table", b"count") == 5
        txn.put(DECISION, b"moved", txn.get("passing.table", b"first") or b"")

    def fail(txn: Txn) -> None:
        assert txn.get(DECISION, b"moved") == b"1"
        raise Broken

    newest = replace(ARENA_SCHEMA, steps=(*ARENA_SCHEMA.steps, make, use))
    broken = replace(newest, steps=(*newest.steps, fail))
    old = unpack("arena-1", memory / "db")
    with pytest.raises(Broken):
        Environment(old, broken)
    assert not is_wholly_new(old)
    env = Environment(old, newest)
    with env.read() as txn:
        assert txn.get(DECISION, b"moved") == b"1"
        with pytest.raises(KeyError):
            txn.get("passing.table", b"first")
    env.close()
    assert version_of(old) == newest.version
    with pytest.raises(NewerSchema):
        Environment(old, ARENA_SCHEMA)


def test_a_migration_larger_than_the_map_gets_a_larger_one(memory: Path) -> None:
    def fill(txn: Txn) -> None:
        for number in range(200):
            txn.put(DECISION, b"%d" % number, bytes(4000))

    schema = replace(ARENA_SCHEMA, steps=(*ARENA_SCHEMA.steps, fill))
    env = Environment(unpack("arena-1", memory / "db"), schema, map_bytes=1 << 17)
    with env.read() as txn:
        assert txn.count(DECISION) == 200 + len(DECISIONS)
    env.close()


def test_a_new_database_needs_no_migration(memory: Path) -> None:
    def fail(txn: Txn) -> None:
        raise Broken

    schema = Schema("arena", "an arena", ARENA_SCHEMA.tables, (fail,))
    Environment(memory / "db", schema).close()
    assert version_of(memory / "db") == 2
    Environment(memory / "db", schema).close()
