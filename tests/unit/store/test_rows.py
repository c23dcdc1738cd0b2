"""The small tables: real files, holders, cursors, block lists."""

import os
import stat

import pytest

from realizefs.model.entries import Fingerprint, Holder, RealRow
from realizefs.model.errors import StoreFault
from realizefs.model.ids import NO_DIGEST, Digest, Inode, PeerId, ReplicaId, Seq
from realizefs.model.versions import Held, Kind, Version
from realizefs.store.blocks import BlockLists
from realizefs.store.cursors import Cursors
from realizefs.store.env import Environment
from realizefs.store.holders import Holders
from realizefs.store.real import RealIndex
from realizefs.store.schema import HOLDER
from tests.unit.store.conftest import Grow

A, B = PeerId(1), PeerId(2**64 - 1)
ONE, TWO = Digest(b"1" * 32), Digest(b"2" * 32)
REPLICA = ReplicaId(b"r" * 16)


def real(size: int, kind: int = stat.S_IFREG) -> RealRow:
    seen = Fingerprint(2**64 - 1, 2**64 - 1, size, -5, 2**63 - 1, kind | 0o644)
    return RealRow(seen, ONE, ((A, 1), (B, 2**64 - 1)))


def test_real_rows_and_their_sum(env: Environment) -> None:
    index = RealIndex()
    with env.write() as txn:
        index.put(txn, Inode(5), real(100))
        index.put(txn, Inode(3), real(2**40))
        index.put(txn, Inode(4), real(4096, stat.S_IFDIR))
        index.put(txn, Inode(5), real(7))
    with env.write() as txn:
        assert index.total_bytes(txn) == 2**40 + 7
        assert list(index.all(txn)) == [
            (3, real(2**40)),
            (4, real(4096, stat.S_IFDIR)),
            (5, real(7)),
        ]
        assert index.get(txn, Inode(5)) == real(7)
        assert index.get(txn, Inode(6)) is None
        assert index.delete(txn, Inode(3))
        assert not index.delete(txn, Inode(3))
        assert index.delete(txn, Inode(4))
        assert index.total_bytes(txn) == 7


def test_holders_of_an_entry(env: Environment) -> None:
    holders = Holders()
    with env.write() as txn:
        holders.put(txn, Inode(5), Holder(B, Held.OWN, ONE))
        holders.put(txn, Inode(5), Holder(A, Held.CACHED, TWO))
        holders.put(txn, Inode(6), Holder(A, Held.OWN, NO_DIGEST))
        assert holders.of(txn, Inode(5)) == [Holder(A, Held.CACHED, TWO), Holder(B, Held.OWN, ONE)]
        assert holders.get(txn, Inode(6), A) == Holder(A, Held.OWN, NO_DIGEST)
        assert holders.get(txn, Inode(6), B) is None
        holders.put(txn, Inode(5), Holder(A, Held.NONE, TWO))
        assert holders.of(txn, Inode(5)) == [Holder(B, Held.OWN, ONE)]
        assert holders.of(txn, Inode(7)) == []


def test_what_a_peer_holds_stays_what_it_was_when_the_entry_changes(
    env: Environment, grow: Grow
) -> None:
    """R1: who has the old content must not be taken for an owner of the new one. The row of who has
    what the entry is says so without its digest, and that of nobody else does."""
    holders, tree = Holders(), grow.tree

    def put(version: Version) -> None:
        tree.put(txn, ino, tree.root, b"name", version)

    with env.write() as txn:
        ino = grow.file(txn, b"name")
        one, two = (Version(Kind.FILE, digest, size=10) for digest in (ONE, TWO))
        put(one)
        told = [Holder(A, Held.CACHED, TWO), Holder(B, Held.OWN, ONE)]
        for holder in told:
            holders.put(txn, ino, holder)
        for version, sizes in ((one, [33, 1]), (two, [1, 33]), (Version(Kind.DIRECTORY), [33, 33])):
            put(version)
            assert holders.of(txn, ino) == told
            assert [holders.get(txn, ino, holder.peer) for holder in told] == told
            assert [len(value) for _, value in txn.scan(HOLDER)] == sizes
        holders.put(txn, ino, Holder(A, Held.OWN, NO_DIGEST))
        assert holders.get(txn, ino, A) == Holder(A, Held.OWN, NO_DIGEST)
        put(one)
        assert holders.get(txn, ino, A) == Holder(A, Held.OWN, NO_DIGEST)


def test_a_peer_that_left_holds_nothing(env: Environment) -> None:
    holders = Holders()
    with env.write() as txn:
        for ino in range(2, 1000):
            holders.put(txn, Inode(ino), Holder(A, Held.OWN, ONE))
            holders.put(txn, Inode(ino), Holder(B, Held.OWN, ONE))
        assert list(holders.drop_peer(txn, A))
        assert txn.count(HOLDER) == 998
        assert holders.of(txn, Inode(500)) == [Holder(B, Held.OWN, ONE)]
        holders.forget(txn, Inode(500))
        assert txn.count(HOLDER) == 997


@pytest.mark.parametrize("value", [b"", b"\x07" + ONE])
def test_a_damaged_holder_is_a_store_fault(env: Environment, value: bytes) -> None:
    with env.write() as txn:
        txn.put(HOLDER, bytes(7) + b"\x05" + bytes(7) + b"\x01", value)
        with pytest.raises(StoreFault, match="damaged holder"):
            Holders().of(txn, Inode(5))


def test_cursors_of_both_directions(env: Environment) -> None:
    cursors = Cursors()
    with env.write() as txn:
        assert cursors.theirs(txn, A) == (b"", 0)
        assert cursors.acked(txn, A) == (b"", 0)
        cursors.set_theirs(txn, A, REPLICA, Seq(5))
        cursors.set_acked(txn, A, REPLICA, Seq(2**40))
        cursors.set_theirs(txn, B, ReplicaId(b""), Seq(1))
        assert cursors.theirs(txn, A) == (REPLICA, 5)
        assert cursors.acked(txn, A) == (REPLICA, 2**40)
        assert cursors.theirs(txn, B) == (b"", 1)
        cursors.drop_peer(txn, A)
        assert cursors.theirs(txn, A) == cursors.acked(txn, A) == (b"", 0)
        assert cursors.theirs(txn, B) == (b"", 1)


def test_block_lists_of_the_largest_size(env: Environment) -> None:
    blocks, digests = BlockLists(), os.urandom(4096 * 32)
    with env.write() as txn:
        blocks.put(txn, ONE, digests)
    with env.write() as txn:
        assert blocks.get(txn, ONE) == digests
        assert blocks.get(txn, TWO) is None
        assert blocks.delete(txn, ONE)
        assert not blocks.delete(txn, ONE)
