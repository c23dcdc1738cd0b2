"""Pieces in memory for their readers: how many, for how long, and that each is what it says."""

import weakref
from itertools import count

import trio
from trio.testing import MockClock

from realizefs.model.ids import Digest, Inode
from realizefs.model.limits import MIB
from realizefs.sync.pieces import Piece
from realizefs.sync.recent import LOOK_SECONDS, RECENT_BYTES_MAX, Recent
from realizefs.sync.urgency import Need, Urgency
from realizefs.sync.wanted import Wanted
from tests.unit.store.cached import version

INO = Inode(7)
CONTENT = version("a", 64 * MIB)
OTHER = version("b", 64 * MIB)
numbers = count()


def piece(start: int, end: int, of: Wanted | None = None) -> Piece:
    made = Piece(of or wanted(), start * MIB, end * MIB, Urgency(Need.AHEAD))
    made.data = bytes([next(numbers) % 256]) * ((end - start) * MIB)
    return made


def wanted(ino: Inode = INO, digest: Digest = CONTENT.hash) -> Wanted:
    content = CONTENT if digest == CONTENT.hash else OTHER
    return Wanted(ino, b"f", content, 256 * 1024, b"")


def find(recent: Recent, start: float, end: float, digest: Digest = CONTENT.hash) -> list[Piece]:
    return recent.find(INO, digest, int(start * MIB), int(end * MIB))


def test_a_read_finds_the_pieces_that_have_all_of_it() -> None:
    recent = Recent()
    second, first, last = piece(8, 16), piece(0, 8), piece(24, 26)
    for one in (second, first, last):
        assert recent.keep(one)
    assert find(recent, 0, 8) == [first]
    assert find(recent, 15.5, 16) == [second]
    assert find(recent, 7, 9) == [first, second]
    assert find(recent, 15, 17) == find(recent, 16, 17) == find(recent, 15, 25) == []
    assert find(recent, 0, 1, OTHER.hash) == []
    assert recent.find(Inode(8), CONTENT.hash, 0, 10) == []
    assert recent.until(first) == recent.until(second) == 16 * MIB
    assert recent.until(last) == 26 * MIB


def test_it_takes_no_more_than_there_is_room_for_after_what_was_read_to_its_end() -> None:
    recent = Recent(16 * MIB)
    first, second, third, fourth = (piece(at, at + 8) for at in (0, 8, 16, 24))
    assert recent.keep(first)
    assert recent.keep(second)
    assert find(recent, 0, 4) == [first]
    assert not recent.keep(third), "its reader is still at the first"
    assert find(recent, 4, 8) == [first]
    assert recent.keep(third)
    assert find(recent, 0, 1) == []
    assert find(recent, 23, 25) == [], "the rest comes from elsewhere, but this is read"
    assert recent.keep(fourth)
    assert find(recent, 8, 9) == [second]
    assert recent.kept_bytes == 16 * MIB
    assert not Recent().keep(piece(0, RECENT_BYTES_MAX // MIB + 1))


def test_what_makes_room_is_in_memory_no_longer() -> None:
    """For two seconds it once was, at 400 MB a second."""
    recent = Recent(8 * MIB)
    first = piece(0, 8)
    is_there = weakref.ref(first)
    assert recent.keep(first)
    first.part(7 * MIB, 8 * MIB)
    del first
    assert recent.keep(piece(8, 16))
    assert is_there() is None


async def test_what_nobody_reads_goes(autojump_clock: MockClock) -> None:
    recent = Recent()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(recent.run)
        for _ in range(2):  # it wakes again for what comes later
            assert recent.keep(piece(0, 8))
            assert recent.keep(piece(8, 16))
            for _ in range(3):
                await trio.sleep(LOOK_SECONDS - 0.1)
                assert find(recent, 0, 1)
            await trio.sleep(LOOK_SECONDS)
            assert recent.kept_bytes == 8 * MIB
            assert not find(recent, 8, 9)
            await trio.sleep(2 * LOOK_SECONDS)
            assert recent.kept_bytes == 0
        nursery.cancel_scope.cancel()


def test_a_part_of_a_piece_that_is_read_again_and_again_is_not_its_end() -> None:
    recent = Recent(8 * MIB)
    assert recent.keep(piece(0, 8))
    for _ in range(10):
        assert find(recent, 2, 3)
    assert not recent.keep(piece(8, 16))
