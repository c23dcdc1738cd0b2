"""The cache's limits while an arena runs: taken up at once, and told."""

import os
from pathlib import Path

from realizefs.model.cache_limits import Amount, CacheLimits
from realizefs.model.limits import KIB, MIB
from realizefs.model.marks import Mark
from tests.fakes.peer import until, write
from tests.fakes.two_peers import owner_and_watcher


async def test_a_lower_limit_evicts_at_once_what_isnt_kept_and_the_rest_is_told(
    tmp_path: Path,
) -> None:
    for number in range(8):
        write(tmp_path / "a/root", f"f{number}", os.urandom(MIB))
        write(tmp_path / "a/root", f"kept/{number}", os.urandom(MIB))
    async with owner_and_watcher(tmp_path) as (_, b):
        await until(lambda: len(b.paths()) == 17)
        await b.mark("kept", Mark.KEEP)
        await until(lambda: all(b.status(f"kept/{number}") == "cached" for number in range(8)))
        for number in range(8):
            await b.read(f"f{number}")
        await until(lambda: b.arena.status()["cached_bytes"] == 16 * MIB)
        await until(lambda: b.arena.status()["kept_bytes"] == 8 * MIB)
        assert b.arena.status()["notice"] is None

        await b.arena.limit_cache(CacheLimits(Amount(10 * MIB)))
        assert b.store.blobs.usage() <= 10 * MIB
        assert b.arena.status()["cache_limit"] == 10 * MIB
        assert b.arena.status()["notice"] is None

        await b.arena.limit_cache(CacheLimits(Amount(5 * MIB + 512 * KIB)))
        found = b.arena.status()
        assert found["cached_bytes"] == found["kept_bytes"] == 8 * MIB
        assert "What is kept takes 3 MiB more than the cache may" in str(found["notice"])
        assert all(b.status(f"kept/{number}") == "cached" for number in range(8))


async def test_what_is_left_free_of_the_disk_bounds_the_cache_too(tmp_path: Path) -> None:
    write(tmp_path / "a/root", "f", os.urandom(MIB))
    async with owner_and_watcher(tmp_path) as (_, b):
        await until(lambda: b.entry("f"))
        await b.read("f")
        await until(lambda: b.arena.status()["cached_bytes"] == MIB)
        await until(lambda: not b.arena.fetcher._pieces)
        everything = Amount(100, percent=True)
        await b.arena.limit_cache(CacheLimits(everything, leave=everything))
        assert b.arena.status()["cache_limit"] == 0
        assert b.store.blobs.usage() == 0
        assert len(await b.read("f")) == MIB, "it is read, and not stored"
