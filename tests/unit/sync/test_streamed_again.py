"""Which pieces a big file comes in, where some of it is here already, in memory or on the disk."""

import os
from pathlib import Path

import pytest
import trio

from realizefs.model.limits import KIB, MIB
from realizefs.model.messages import Read
from realizefs.sync import arena, fetcher, pace
from realizefs.sync.arena import Arena
from realizefs.sync.pieces import Piece
from realizefs.sync.urgency import Need, Urgency
from tests.fakes.peer import Peer, until
from tests.fakes.two_peers import film_on_desk

CONTENT = os.urandom(48 * MIB)
STEP = 128 * KIB


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Read]:
    """What the holder is asked for; much of any file is kept in memory for its readers."""
    found, serve = list[Read](), Arena.serve

    async def noted(arena: Arena, request: object) -> bytes:
        if isinstance(request, Read):
            found.append(request)
        return await serve(arena, request)  # type: ignore[arg-type]

    monkeypatch.setattr(Arena, "serve", noted)
    monkeypatch.setattr(fetcher, "pays", lambda _, size: size >= 2 * STEP)
    monkeypatch.setattr(arena, "FLUSH_SECONDS", 3600.0)  # only who waits for it flushes
    return found


async def flush(peer: Peer) -> None:
    """As happens each second; nobody has read from the disk for a while."""
    entry = peer.entry("film")
    assert entry is not None
    await until(lambda: not peer.arena.fetcher._pieces, "all is stored")
    peer.arena.fetcher._reading.let_go(entry.ino, entry.version.hash)
    await trio.to_thread.run_sync(peer.store.blobs.flush)
    assert peer.store.blobs.opened(entry.ino, entry.version.hash) is None


async def test_what_is_on_the_disk_already_is_not_fetched_ahead_again(
    tmp_path: Path, asked: list[Read]
) -> None:
    async with film_on_desk(tmp_path, CONTENT, cache_max=4 * len(CONTENT)) as (_, lap):
        await lap.read("film", 30 * MIB, 10 * MIB)
        for start in range(0, len(CONTENT), MIB):
            for at in range(start, start + MIB, STEP):
                assert await lap.read("film", at, STEP) == CONTENT[at : at + STEP]
            await flush(lap)
    assert sum(request.length for request in asked) == len(CONTENT)


async def test_pieces_in_memory_that_overlap_are_read_as_what_they_bring_together(
    tmp_path: Path, asked: list[Read]
) -> None:
    """What a small cache has let go is fetched again, in pieces as large as the line is fast then."""
    async with film_on_desk(tmp_path, CONTENT, cache_max=4 * len(CONTENT)) as (_, lap):
        entry, mine = lap.entry("film"), lap.arena.fetcher
        assert entry is not None
        wanted = await mine._sources.wanted(entry.ino, entry.version)
        asked.clear()
        for start, end in ((0, 8 * MIB), (4 * MIB, 12 * MIB), (5 * MIB, 6 * MIB)):
            piece = Piece(wanted, start, end, Urgency(Need.AHEAD))
            piece.data = CONTENT[start:end]
            assert mine._recent.keep(piece)
        for start, end in ((7 * MIB, 9 * MIB), (3 * MIB, 10 * MIB), (5 * MIB, 6 * MIB)):
            got = await lap.arena.read(entry.ino, entry.version, start, end - start)
            assert bytes(got) == CONTENT[start:end]
        assert asked == []


async def test_a_download_is_cut_in_two_no_longer_once_the_line_is_known_to_be_fast(
    tmp_path: Path, asked: list[Read], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pieces end at multiples of what is asked for at once, wherever the smaller ones ended."""
    monkeypatch.setattr(pace, "piece_bytes", lambda *_: (8 if len(asked) > 3 else 3) * MIB)
    async with film_on_desk(tmp_path, CONTENT * 2, cache_max=8 * len(CONTENT)) as (_, lap):
        entry = lap.entry("film")
        assert entry is not None
        blob = await lap.arena.fetcher.complete(entry.ino, entry.version)
        assert blob.read(0, len(CONTENT)) == CONTENT
        blob.close()
    lengths = [request.length for request in sorted(asked, key=lambda request: request.start)]
    assert sum(lengths) == 2 * len(CONTENT)
    assert set(lengths[-5:]) == {8 * MIB}
