"""The block in which a file is read first comes with its block list: one way to and fro, not two."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from realizefs.core.calls import Request
from realizefs.model.errors import ConnectionLost
from realizefs.model.limits import FIRST_BYTES_MAX, KIB, MIB
from realizefs.model.messages import Read, ReadBlocks
from realizefs.sync.arena import Arena
from tests.fakes.peer import ARENA, until, write
from tests.fakes.two_peers import film_on_desk

CONTENT = os.urandom(2 * MIB + 5)
BLOCK = 128 * KIB
LIST = 17 * 32


def served_otherwise(patch: pytest.MonkeyPatch, kind: str = "") -> list[Request]:
    """All that is asked from now on; `kind` is how a list with bytes is answered."""
    asked, really = list[Request](), Arena.serve

    async def serve(self: Arena, request: Request) -> bytes:
        asked.append(request)
        data = await really(self, request)
        if isinstance(request, ReadBlocks) and kind == "the list alone":
            return await really(self, replace(request, length=0))
        if isinstance(request, ReadBlocks) and kind == "wrong bytes":
            return bytes(data[:-1]) + bytes([data[-1] ^ 1])
        return data[: LIST + 7] if isinstance(request, ReadBlocks) and kind == "too few" else data

    patch.setattr(Arena, "serve", serve)
    return asked


@pytest.mark.parametrize(
    ("start", "length"), [(0, 1), (5, 4096), (BLOCK, BLOCK), (2 * MIB + 1, 4), (2 * MIB, 4096)]
)
async def test_one_block_needs_one_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: int, length: int
) -> None:
    async with film_on_desk(tmp_path, CONTENT) as (_, lap):
        asked = served_otherwise(monkeypatch)
        assert await lap.read("film", start, length) == CONTENT[start : start + length]
        [request] = asked
        assert isinstance(request, ReadBlocks)
        assert request.start == start - start % BLOCK
        assert request.length == min(BLOCK, len(CONTENT) - request.start)
        assert await lap.read("film") == CONTENT
        rest = [one.length for one in asked if isinstance(one, Read)]
        assert sum(rest) + request.length == len(CONTENT)


async def test_more_than_a_block_comes_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with film_on_desk(tmp_path, CONTENT) as (_, lap):
        asked = served_otherwise(monkeypatch)
        assert await lap.read("film", BLOCK - 1, 2) == CONTENT[BLOCK - 1 : BLOCK + 1]
        lists = [one for one in asked if isinstance(one, ReadBlocks)]
        assert [one.length for one in lists] == [0]


@pytest.mark.parametrize("kind", ["the list alone", "wrong bytes", "too few"])
async def test_a_block_that_does_not_come_right_is_asked_for_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """As of a holder with an older program; whose bytes are wrong is told by name."""
    async with film_on_desk(tmp_path, CONTENT) as (_, lap):
        asked = served_otherwise(monkeypatch, kind)
        assert await lap.read("film", 5, 100) == CONTENT[5:105]
        assert [type(one) for one in asked] == [ReadBlocks, Read]
        sentences = lap.arena.context.links.distrust.sentences()
        assert [one.startswith("desk ") for one in sentences] == [True] * (kind != "the list alone")
        assert await lap.read("film") == CONTENT


async def test_with_an_old_version_here_only_the_list_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The block may be the same."""
    async with film_on_desk(tmp_path, CONTENT) as (_, lap):
        assert await lap.read("film") == CONTENT
        await until(lambda: lap.status("film") == "cached")
        before = lap.entry("film")
        assert before is not None
        changed = CONTENT[:-1] + b"!"
        write(tmp_path / "desk/root", "film", changed)
        await until(lambda: lap.entry("film").version.hash != before.version.hash)  # type: ignore[union-attr]
        asked = served_otherwise(monkeypatch)
        assert await lap.read("film", 0, 10) == CONTENT[:10]
        assert [(type(one), one.length) for one in asked] == [(ReadBlocks, 0)]  # type: ignore[union-attr]


async def test_who_asks_for_more_with_a_list_than_may_be_asked_ends_his_session_only(
    tmp_path: Path,
) -> None:
    """It would fit into no answer."""
    async with film_on_desk(tmp_path, CONTENT) as (_, lap):
        entry = lap.entry("film")
        assert entry is not None
        [link] = lap.arena.context.links.holding(lap.store, entry.ino, entry.version.hash)
        with pytest.raises(ConnectionLost):
            await link.read_blocks(ARENA, b"film", entry.version.hash, 0, FIRST_BYTES_MAX + 1)
        assert await lap.read("film") == CONTENT
