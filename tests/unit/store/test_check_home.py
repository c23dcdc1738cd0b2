"""The global database: broken, told, repaired, and clean again."""

import pytest

from realizefs.model.entries import PeerCard
from realizefs.model.findings import Report
from realizefs.model.ids import ArenaId, peer_id_of
from realizefs.model.limits import INODE_RANGE_SIZE
from realizefs.store.check import Means, kept_in
from realizefs.store.check_arena import check_home
from realizefs.store.env import Environment
from realizefs.store.inodes import InodeAllocator
from realizefs.store.keys import pack_u64
from realizefs.store.peers import Invitations, Roster
from realizefs.store.schema import INODE_RANGE, INVITATION, PEER

CERTIFICATE = b"certificate"
PEER_ID = peer_id_of(CERTIFICATE)
ARENA = ArenaId(b"arena---arena---")


def look(env: Environment, *, repair: bool = False) -> Report:
    return check_home(Means(env, kept_in(env), repair=repair))


def told(env: Environment) -> list[str]:
    return [finding.sentence for finding in look(env).findings]


def repaired(env: Environment) -> list[str]:
    report = look(env, repair=True)
    assert report.findings == []
    assert told(env) == []
    return [finding.sentence for finding in report.mended]


@pytest.fixture
def home(global_env: Environment) -> Environment:
    InodeAllocator(global_env).next_range(ARENA, 0)
    with global_env.write() as txn:
        Roster().put(txn, PeerCard(PEER_ID, "desk", CERTIFICATE))
        Invitations().put(txn, b"s" * 32, 5, [ARENA])
    return global_env


def test_a_home_as_it_should_be(home: Environment) -> None:
    report = look(home)
    assert report.found == 0
    assert report.looked_at == {"peers": 1, "invitations": 1, "inode ranges": 1}


def test_a_card_that_cant_be_read(home: Environment) -> None:
    with home.write() as txn:
        txn.put(PEER, pack_u64(5), b"\xff\xff")
    sentence = (
        "What is known of peer 0000000000000005 can't be read; --repair removes it; peers tell of "
        "it again, or it has to be invited anew."
    )
    assert told(home) == [sentence]
    assert repaired(home) == [sentence]


def test_a_card_of_another_certificate(home: Environment) -> None:
    with home.write() as txn:
        Roster().put(txn, PeerCard(PEER_ID, "desk", b"another"))
    (sentence,) = told(home)
    assert sentence.startswith(f'The certificate of "desk" is not that of peer {PEER_ID:016x}; ')
    assert repaired(home) == [sentence]


def test_an_invitation_that_cant_be_read(home: Environment) -> None:
    with home.write() as txn:
        txn.put(INVITATION, b"short", b"\xff")
    sentence = "An open invitation can't be read; --repair removes it."
    assert told(home) == [sentence]
    assert repaired(home) == [sentence]


def test_whose_a_range_is_can_be_lost_and_is_only_told(home: Environment) -> None:
    """A guess could give inodes out twice."""
    last = 1 + INODE_RANGE_SIZE
    with home.write() as txn:
        txn.put(INODE_RANGE, pack_u64(last), b"?")
    sentence = (
        f"It isn't known any more whose the inodes up to {last} are; they are given out to nobody."
    )
    assert told(home) == [sentence]
    assert [one.sentence for one in look(home, repair=True).findings] == [sentence]


def test_a_range_of_an_odd_length(home: Environment) -> None:
    with home.write() as txn:
        txn.put(INODE_RANGE, pack_u64(INODE_RANGE_SIZE + 500), ARENA)
    assert told(home) == [
        f"The range of inodes up to {INODE_RANGE_SIZE + 500} ends where no range does."
    ]
