"""Who streams a big file: every byte comes once, straight to the disk, and little of it is in memory."""

import fcntl
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest

from realizefs.core.calls import Request
from realizefs.model.limits import KIB, MIB
from realizefs.model.messages import Read
from realizefs.sync import pace
from realizefs.sync.arena import Arena
from realizefs.sync.recent import RECENT_BYTES_MAX, Recent
from tests.fakes.peer import until
from tests.fakes.two_peers import film_on_desk

CONTENT = os.urandom(80 * MIB)
READ = 512 * KIB
"""Bytes that the kernel asks for at once."""


@dataclass
class Counted:
    """What the holder served; what was written, how; the most that was in memory for readers."""

    ranges: list[tuple[int, int]] = field(default_factory=list)
    written: dict[bool, int] = field(default_factory=lambda: {True: 0, False: 0})
    kept: int = 0


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counted:
    """As on a fast line, whatever this machine is doing."""
    found, serve, pwrite, keep = Counted(), Arena.serve, os.pwrite, Recent.keep

    async def counting_serve(arena: Arena, request: Request) -> bytes:
        if isinstance(request, Read):
            found.ranges.append((request.start, request.start + request.length))
        return await serve(arena, request)

    def counting_pwrite(fd: int, data: memoryview, start: int) -> int:
        count = pwrite(fd, data, start)
        found.written[bool(fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_DIRECT)] += count
        return count

    def counting_keep(recent: Recent, piece: object) -> bool:
        is_kept = keep(recent, piece)  # type: ignore[arg-type]
        found.kept = max(found.kept, recent.kept_bytes)
        return is_kept

    monkeypatch.setattr(Arena, "serve", counting_serve)
    monkeypatch.setattr(os, "pwrite", counting_pwrite)
    monkeypatch.setattr(Recent, "keep", counting_keep)
    monkeypatch.setattr(pace, "piece_bytes", lambda *_: 8 * MIB)
    return found


def times(ranges: list[tuple[int, int]]) -> set[int]:
    """How often each block came."""
    count = dict.fromkeys(range(0, len(CONTENT), 128 * KIB), 0)
    for start, end in ranges:
        for at in range(start, end, 128 * KIB):
            count[at] += 1
    return set(count.values())


@pytest.mark.parametrize("shift", [0, 200 * KIB], ids=["at blocks", "across them"])
async def test_each_byte_comes_once_and_goes_straight_to_the_disk(
    tmp_path: Path, counted: Counted, shift: int
) -> None:
    async with film_on_desk(tmp_path, CONTENT, cache_max=1024 * MIB) as (_, lap):
        assert await lap.read("film", 0, shift) == CONTENT[:shift]
        for at in range(shift, len(CONTENT), READ):
            assert await lap.read("film", at, READ) == CONTENT[at : at + READ]
        await until(lambda: lap.status("film") == "cached")
        assert times(counted.ranges) == {1}
        assert counted.written[True] > len(CONTENT) / 2
        assert 8 * MIB <= counted.kept <= RECENT_BYTES_MAX
        assert await lap.read("film", 0, len(CONTENT)) == CONTENT, "from the disk"
        assert times(counted.ranges) == {1}


async def test_two_who_follow_each_other_and_one_who_goes_backwards(
    tmp_path: Path, counted: Counted
) -> None:
    async with film_on_desk(tmp_path, CONTENT, cache_max=1024 * MIB) as (_, lap):
        behind = 20 * MIB
        for at in range(0, len(CONTENT) + behind, READ):
            for start in (at, at - behind, len(CONTENT) - at - READ):
                if 0 <= start < len(CONTENT):
                    assert await lap.read("film", start, READ) == CONTENT[start : start + READ]
        await until(lambda: lap.status("film") == "cached")
        assert times(counted.ranges) == {1}


async def test_a_cache_that_does_not_hold_it_is_no_reason_to_fetch_anything_twice(
    tmp_path: Path, counted: Counted
) -> None:
    async with film_on_desk(tmp_path, CONTENT, cache_max=16 * MIB) as (_, lap):
        for at in range(0, len(CONTENT), READ):
            assert await lap.read("film", at, READ) == CONTENT[at : at + READ]
        assert times(counted.ranges) == {1}
        assert cast("int", lap.arena.status()["cached_bytes"]) <= 16 * MIB
