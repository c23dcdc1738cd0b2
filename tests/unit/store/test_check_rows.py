"""Rows that name an inode, or count: broken, told, repaired, and clean again."""

import pytest

from realizefs.model.ids import ArenaId, Inode
from realizefs.store.inodes import InodeAllocator
from realizefs.store.keys import pack_pair, pack_u64, unpack_pair
from realizefs.store.renumber import renumber
from realizefs.store.schema import (
    ATTRIBUTE,
    BLOCKS,
    CURSOR,
    DECISION,
    DIRTY,
    ENGINE_META,
    HOLDER,
    INODE_POOL,
    INODE_RANGE,
    MARK,
    REAL,
    RETRY,
    SUBTREE,
    WAITING,
)
from tests.unit.store.sound import ARENA, Sound

NOBODY = pack_u64(54321)


def put(sound: Sound, table: str, key: bytes, value: bytes) -> None:
    with sound.env.write() as txn:
        txn.put(table, key, value)


@pytest.mark.parametrize(
    ("table", "key", "value", "shown"),
    [
        (HOLDER, NOBODY + pack_u64(8), b"\2" + b"h" * 32, "What a peer is said to hold"),
        (MARK, NOBODY, b"own", "A mark"),
        (ATTRIBUTE, NOBODY + b"user.x", b"value", "An attribute"),
        (DIRTY, NOBODY, pack_u64(0), "A note that something is to be decided"),
        (SUBTREE, NOBODY, b"", "A note that a tree is to be decided"),
    ],
)
def test_a_row_about_nothing(
    sound: Sound, table: str, key: bytes, value: bytes, shown: str
) -> None:
    put(sound, table, key, value)
    told = f"{shown} is about inode 54321, which doesn't exist; --repair removes it."
    assert sound.told() == [told]
    assert sound.repaired() == [told]


def test_a_decision_about_nothing(sound: Sound) -> None:
    with sound.env.write() as txn:
        decision = sound.store.decisions.get(txn, sound.ino(b"unreal/remote"))
        assert decision is not None
        sound.store.decisions.set(txn, Inode(54321), decision)
    told = "A decision is about inode 54321, which doesn't exist; --repair removes it."
    assert told in sound.told()
    assert told in sound.repaired()


def test_a_real_file_of_nothing(sound: Sound) -> None:
    with sound.env.read() as txn:
        row = txn.get(REAL, sound.key(b"d/real"))
    assert row is not None
    put(sound, REAL, NOBODY, row)
    told = "The row of a real file is about inode 54321, which doesn't exist; --repair removes it."
    assert told in sound.told()
    assert told in sound.repaired()


@pytest.mark.parametrize(
    ("table", "path", "shown"),
    [
        (MARK, b"unreal/cached", "A mark"),
        (DECISION, b"unreal/remote", "A decision"),
        (REAL, b"large", "The row of a real file"),
    ],
)
def test_a_row_that_cant_be_read(sound: Sound, table: str, path: bytes, shown: str) -> None:
    put(sound, table, sound.key(path), b"\xff\xff")
    told = (
        f'{shown} can\'t be read, of "{path.decode()}"; --repair removes it, and decides anew about '
        "the file."
    )
    assert told in sound.told()
    mended = sound.check(repair=True).mended
    assert told in [finding.sentence for finding in mended]
    assert sound.told() == []


def test_a_holder_that_cant_be_read(sound: Sound) -> None:
    put(sound, HOLDER, sound.key(b"unreal/remote") + pack_u64(8), b"\x63")
    told = (
        'What a peer is said to hold can\'t be read, of "unreal/remote"; --repair removes it, and '
        "decides anew about the file."
    )
    assert sound.told() == [told]
    assert sound.repaired() == [told]


def test_a_decision_that_waits_for_nothing(sound: Sound) -> None:
    with sound.env.write() as txn:
        assert txn.delete(RETRY, pack_pair(0, sound.ino(b"unreal/remote")))
    told = 'What is wanted of "unreal/remote" waits for nothing; --repair has it tried in its time.'
    assert sound.told() == [told]
    assert sound.repaired() == [told]


def test_times_noted_in_vain(sound: Sound) -> None:
    ino = sound.ino(b"unreal/remote")
    put(sound, RETRY, pack_pair(77, ino), b"")
    put(sound, WAITING, pack_u64(ino), b"")
    told = [
        f"A time to act on inode {ino} is noted in vain; --repair removes the note.",
        f"Inode {ino} is noted to wait for a peer in vain; --repair removes the note.",
    ]
    assert sound.told() == told
    assert sound.repaired() == told


def test_the_counter_of_what_is_dirty_is_behind(sound: Sound) -> None:
    put(sound, DIRTY, sound.key(b"large"), pack_u64(90))
    with sound.env.read() as txn:
        counter = txn.counter(ENGINE_META, b"dirty")
    told = (
        f"What is to be decided is counted up to 90, the counter is at {counter}; --repair counts on "
        "from there."
    )
    assert sound.told() == [told]
    assert sound.repaired() == [told]


def test_a_peer_is_said_to_know_what_there_never_was(sound: Sound) -> None:
    with sound.env.write() as txn:
        seq = sound.store.tree.positions.last(txn)
        txn.put(CURSOR, pack_u64(8) + b">", sound.store.tree.replica + pack_u64(seq + 1))
    told = (
        f"Peer 0000000000000008 is said to know change {seq + 1} of our history of {seq}; --repair "
        "tells it all again."
    )
    assert sound.told() == [told]
    assert sound.repaired() == [told]


def test_a_cursor_that_cant_be_read(sound: Sound) -> None:
    put(sound, CURSOR, pack_u64(8) + b"<", b"?")
    told = "How far a peer's history is known can't be read; --repair asks from its start."
    assert sound.told() == [told]
    assert sound.repaired() == [told]


def test_a_block_list_of_something_else(sound: Sound) -> None:
    digest = sound.entry(b"large").version.hash
    with sound.env.write() as txn:
        blocks = txn.get(BLOCKS, digest)
        assert blocks is not None
        txn.put(BLOCKS, digest, bytes(32) + blocks[32:])
    told = (
        'The block list of "large" is not that of its version; --repair forgets it; it is computed '
        "or fetched when it is needed."
    )
    assert sound.told() == [told]
    assert sound.repaired() == [told]


def test_a_damaged_block_list_of_a_content_that_nobody_has(sound: Sound) -> None:
    put(sound, BLOCKS, b"x" * 32, b"short")
    (told,) = sound.told()
    assert told.startswith(f"The block list of the content {(b'x' * 8).hex()}… is damaged; ")
    assert sound.repaired() == [told]


def test_the_next_inode_is_in_use(sound: Sound) -> None:
    with sound.env.read() as txn:
        row = txn.get(INODE_POOL, b"range")
        largest = txn.last("acache.entry")
    assert row is not None
    assert largest is not None
    used = int.from_bytes(largest[0], "big")
    _, last = unpack_pair(row)
    put(sound, INODE_POOL, b"range", pack_pair(used, last))
    told = (
        f"The next inode is to be {used}, and inode {used} is in use already; --repair goes on "
        "behind that."
    )
    assert sound.told() == [told]
    assert sound.repaired() == [told]
    with sound.env.read() as txn:
        assert txn.get(INODE_POOL, b"range") == pack_pair(used + 1, last)


def test_the_pool_is_lost(sound: Sound) -> None:
    """Without it the first range would be asked for, and given out again."""
    with sound.env.write() as txn:
        assert txn.delete(INODE_POOL, b"range")
    (told,) = sound.told()
    assert told.startswith("The next inode is to be 0, and inode ")
    assert sound.repaired() == [told]


def test_a_range_that_is_nobody_s(sound: Sound) -> None:
    put(sound, INODE_POOL, b"range", pack_pair(900_000, 900_100))
    told = (
        "The range of inodes up to 900100 is not this arena's in the global database; --repair "
        "takes another one."
    )
    assert sound.told() == [told]
    assert sound.repaired() == [told]


def test_an_inode_of_another_arena_gets_a_new_number(sound: Sound) -> None:
    allocator = InodeAllocator(sound.global_env)
    first, _ = allocator.next_range(ArenaId(b"another arena..."), 0)
    cached, directory = sound.entry(b"unreal/cached"), sound.entry(b"unreal")
    with sound.env.write() as txn:
        renumber(sound.store, txn, cached.ino, Inode(first + 5))
        renumber(sound.store, txn, directory.ino, Inode(first + 6))
    told = [
        f'"{path}" has inode {ino}, which is of the range of another arena; --repair gives it a '
        "new one."
        for path, ino in [("unreal/cached", first + 5), ("unreal", first + 6)]
    ]
    assert sound.told() == told
    assert sound.repaired() == told
    assert sound.entry(b"unreal/cached").version == cached.version
    assert allocator.arena_of(sound.ino(b"unreal/cached")) == ARENA
    with sound.env.read() as txn:
        row = sound.store.blobs.find(txn, sound.ino(b"unreal/cached"))
        assert row is not None
        assert row.verified


def test_the_global_database_was_lost(sound: Sound) -> None:
    """Nobody else may be given the inodes that are in use here."""
    with sound.global_env.write() as txn:
        for key in list(txn.scan_keys(INODE_RANGE)):
            txn.delete(INODE_RANGE, key)
    root = sound.store.tree.root
    told = (
        f'"/" has inode {root}, which the global database gave to nobody; --repair gives it to this '
        "arena there."
    )
    assert told in sound.told()
    assert told in sound.repaired()
    other, _ = InodeAllocator(sound.global_env).next_range(ArenaId(b"another arena..."), 0)
    assert other > sound.ino(b"gone")
