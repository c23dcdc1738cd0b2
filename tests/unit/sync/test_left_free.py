"""What is to be left free of the disk is left by everything that comes from others."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from realizefs.core.foresee import Outcome
from realizefs.model import limits
from realizefs.model.cache_limits import Amount, CacheLimits
from realizefs.model.errors import CacheFull
from realizefs.model.limits import MIB
from realizefs.model.marks import Mark
from realizefs.sync.below import Top
from realizefs.sync.on_demand import Progress
from tests.fakes.peer import Peer, introduce, running_peer, until, write

EVERYTHING = CacheLimits(Amount(64 * MIB), Amount(2**60))
"""A disk of which nothing may be filled."""

SOMETHING = CacheLimits(Amount(64 * MIB), Amount(0))


def error_of(peer: Peer, name: str) -> str:
    """Why the last try to carry out what is wanted failed."""
    entry = peer.entry(name)
    assert entry is not None
    with peer.store.env.read() as txn:
        decision = peer.store.decisions.get(txn, entry.ino)
    return decision.error if decision is not None else ""


@asynccontextmanager
async def without_room(directory: Path, content: bytes) -> AsyncIterator[Peer]:
    """Who knows of a file "f" that another machine has, and may store nothing."""
    write(directory / "a/root", "f", content)
    async with (
        running_peer(directory / "a", "a", mark=Mark.OWN) as a,
        running_peer(directory / "b", "b") as b,
    ):
        await b.arena.limit_cache(EVERYTHING)
        await introduce(a, b)
        await until(lambda: b.entry("f"))
        yield b


@pytest.mark.parametrize("mark", [Mark.OWN, Mark.KEEP])
@pytest.mark.parametrize("size", [1000, 9 * MIB])
async def test_nothing_comes_where_nothing_may(tmp_path: Path, mark: Mark, size: int) -> None:
    """Neither into the root nor into the cache; of what is large not a byte is fetched."""
    content = os.urandom(size)
    async with without_room(tmp_path, content) as b:
        before = b.household.counters.bytes_in
        await b.mark("f", mark)
        await until(lambda: "There is no room on the disk" in error_of(b, "f"))
        assert not (b.root / "f").exists()
        assert b.store.blobs.usage() == 0
        assert b.household.counters.bytes_in - before < MIB
        assert await b.read("f", 0, 1000) == content[:1000]  # a reader is served all the same


@pytest.mark.parametrize("mark", [Mark.OWN, Mark.KEEP])
async def test_what_had_no_room_comes_once_a_limit_gives_it_some(
    tmp_path: Path, mark: Mark, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And doesn't wait for the time of its next try."""
    monkeypatch.setattr(limits, "BACKOFF_SECONDS", (3600.0,))
    async with without_room(tmp_path, b"content") as b:
        await b.mark("f", mark)
        await until(lambda: "There is no room on the disk" in error_of(b, "f"))
        await b.arena.limit_cache(EVERYTHING)
        assert error_of(b, "f"), "the same limits give no room"
        await b.arena.limit_cache(SOMETHING)
        await until(lambda: b.status("f") in ("real", "cached"))


async def test_what_would_fit_is_told_with_it(tmp_path: Path) -> None:
    write(tmp_path / "a/root", "f", b"content")
    async with running_peer(tmp_path / "a", "a", mark=Mark.OWN) as a:
        async with running_peer(tmp_path / "b", "b") as b:
            await introduce(a, b)
            await until(lambda: b.entry("f"))
            top = Top(b"f", b.arena.resolve(b"f"))
            assert b.arena.foresight([top], Mark.OWN, lambda: None).fits
            await b.arena.limit_cache(EVERYTHING)
            seen = b.arena.foresight([top], Mark.OWN, lambda: None)
            assert seen.of(Outcome.REAL_FETCHED).files == 1
            assert (seen.fits, seen.disk_free, seen.left_free) == (False, 0, 2**60)


async def test_nothing_is_fetched_on_demand_either(tmp_path: Path) -> None:
    async with without_room(tmp_path, b"content") as b:
        top = Top(b"f", b.arena.resolve(b"f"))
        progress = Progress()
        with pytest.raises(CacheFull):
            await b.arena.on_demand.count_lacking([top], progress)
        await b.arena.on_demand.fetch([top], progress)
        assert [why for _, why in progress.failures]
        assert b.status("f") == "remote"
