"""Reading much through a small cache: never more than it may take, never an error, never other bytes."""

import os
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import trio

from realizefs.model.cache_limits import Amount, CacheLimits
from realizefs.model.ids import Digest
from realizefs.model.limits import KIB, MIB
from realizefs.model.marks import Mark
from realizefs.model.ranges import Ranges
from realizefs.store.blob import Blob
from tests.fakes.peer import Peer, introduce, running_peer, until, write
from tests.fakes.two_peers import owner_and_watcher

PIECE = 128 * KIB


@asynccontextmanager
async def owner_and_reader(
    directory: Path, contents: dict[str, bytes], cache_max: int
) -> AsyncIterator[tuple[Peer, Peer]]:
    for name, content in contents.items():
        write(directory / "a/root", name, content)
    async with owner_and_watcher(directory, cache_max=cache_max) as (a, b):
        await until(lambda: len(b.paths()) == len(contents))
        yield a, b


def on_disk(peer: Peer) -> int:
    files = (peer.root / ".realize/blobs").rglob("*")
    return sum(file.stat().st_blocks * 512 for file in files if file.is_file())


async def read_all(peer: Peer, name: str) -> bytes:
    """As a program reads: piece by piece."""
    entry = peer.entry(name)
    assert entry is not None
    pieces = [
        await peer.arena.read(entry.ino, entry.version, at, PIECE)
        for at in range(0, entry.version.size, PIECE)
    ]
    return b"".join(pieces)


async def test_the_limit_holds_while_eight_read_ten_times_as_much(tmp_path: Path) -> None:
    """What is counted are the blocks that the disk says the blobs' files have, by each reader after
    each file and in the midst of it.

    No eviction begins or ends within a count, so that a file that grows isn't counted after
    one that shrinks for it; other than that nothing waits for the counting.
    """
    limit = 4 * MIB
    wanted = {f"film {n}": 10 * MIB for n in range(2)}
    wanted |= {f"photo {n}": 2 * MIB for n in range(8)} | {f"note {n}": 40_000 for n in range(100)}
    contents = {name: os.urandom(size) for name, size in wanted.items()}
    assert sum(wanted.values()) > 9 * limit
    counts: list[int] = []

    def count(peer: Peer) -> None:
        with peer.store.blobs._turn:
            counts.append(on_disk(peer))

    async def reader(peer: Peer, number: int) -> None:
        mine = list(contents)[number::8] + ["film 0"] * (number < 2)
        random.Random(number).shuffle(mine)
        for name in mine:
            half = wanted[name] // 2
            start = await peer.read(name, 0, half)
            await trio.to_thread.run_sync(count, peer)
            assert start + await peer.read(name, half) == contents[name]
            await trio.to_thread.run_sync(count, peer)

    async with (
        owner_and_reader(tmp_path, contents, limit) as (_, b),
        trio.open_nursery() as readers,
    ):
        for number in range(8):
            readers.start_soon(reader, b, number)
    assert len(counts) == 2 * (len(contents) + 2)
    assert limit // 2 < max(counts) <= limit


@pytest.mark.parametrize("blocks", [0, 1])
async def test_a_cache_of_nothing_streams(tmp_path: Path, blocks: int) -> None:
    contents = {"film": os.urandom(5 * MIB + 1), "note": b"x" * 300}
    limit = blocks * os.statvfs(tmp_path).f_frsize
    async with owner_and_reader(tmp_path, contents, limit) as (_, b):
        for _ in range(2):
            for name, content in contents.items():
                assert await read_all(b, name) == content
        assert on_disk(b) == 0


async def test_a_file_of_many_times_the_cache_leaves_its_end_there(tmp_path: Path) -> None:
    content = os.urandom(16 * MIB)
    async with owner_and_reader(tmp_path, {"film": content}, 4 * MIB) as (_, b):
        assert await read_all(b, "film") == content
        assert MIB < on_disk(b) <= 4 * MIB
        entry = b.entry("film")
        assert entry is not None
        blob = b.store.blobs.open_existing(entry.ino, entry.version.hash)
        assert blob is not None
        # Not all of it: which of the last pieces were stored first is chance.
        last = Ranges.of(11 * MIB, 16 * MIB)
        await until(lambda: last.total() - last.less(blob.ranges).total() >= 2 * MIB, "the end")
        assert not blob.covers(0, PIECE)
        blob.close()


async def test_what_is_evicted_at_the_last_moment_is_fetched_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever was here a moment ago, it isn't when it is to be read, and that every time."""
    content = os.urandom(3 * MIB)
    async with owner_and_reader(tmp_path, {"film": content}, 64 * MIB) as (_, b):
        assert await read_all(b, "film") == content
        await until(lambda: b.status("film") == "cached")
        monkeypatch.setattr(Blob, "read", lambda *_: None)
        monkeypatch.setattr(Blob, "covers", lambda *_: True)
        assert await read_all(b, "film") == content


async def test_a_lowered_limit_is_reached_in_the_background(tmp_path: Path) -> None:
    contents = {f"f{number}": os.urandom(MIB) for number in range(8)}
    async with owner_and_reader(tmp_path, contents, 64 * MIB) as (_, b):
        for name in contents:
            await read_all(b, name)
        await until(lambda: on_disk(b) == 8 * MIB)
        b.store.blobs.limits = CacheLimits(Amount(3 * MIB))
        await until(lambda: on_disk(b) <= 3 * MIB)
        assert on_disk(b) > MIB


async def test_what_a_peer_changed_or_deleted_is_the_first_to_go(tmp_path: Path) -> None:
    contents = {name: os.urandom(MIB) for name in ("changed", "deleted", "same")}
    async with owner_and_reader(tmp_path, contents, 64 * MIB) as (a, b):
        inodes = {name: entry.ino for name in contents if (entry := b.entry(name))}
        for name in contents:
            await read_all(b, name)
        await until(lambda: all(b.status(name) == "cached" for name in contents))
        write(a.root, "changed", b"other")
        (a.root / "deleted").unlink()

        def outdated() -> set[str]:
            with b.store.env.read() as txn:
                rows = {name: b.store.blobs.find(txn, ino) for name, ino in inodes.items()}
            return {name for name, row in rows.items() if row and row.outdated}

        await until(lambda: outdated() == {"changed", "deleted"})
        assert await trio.to_thread.run_sync(b.store.blobs.evict, 1, lambda *_: True) >= MIB
        assert b.status("same") == "cached"


async def test_who_reads_an_older_version_does_not_replace_the_present_one(tmp_path: Path) -> None:
    content = os.urandom(MIB)
    async with owner_and_reader(tmp_path, {"f": content}, 64 * MIB) as (_, b):
        await read_all(b, "f")
        await until(lambda: b.status("f") == "cached")
        entry = b.entry("f")
        assert entry is not None
        older = replace(entry.version, hash=Digest(b"o" * 32))
        shelf = b.arena.fetcher._shelf
        assert not await shelf.put(entry.ino, older, 0, bytes(PIECE), bound=True)
        assert b.status("f") == "cached"


@asynccontextmanager
async def two_owners(
    directory: Path, content: bytes, cache_max: int
) -> AsyncIterator[tuple[Peer, Peer]]:
    """Both have it as a plain file; the cache of the second one is smaller."""
    write(directory / "a/root", "d/film", content)
    async with (
        running_peer(directory / "a", "a", mark=Mark.OWN) as a,
        running_peer(directory / "b", "b", mark=Mark.OWN, cache_max=cache_max) as b,
    ):
        await introduce(a, b)
        await until(lambda: b.status("d/film") == "real")
        yield a, b


def in_trash(peer: Peer) -> list[str]:
    return [name for _, _, names in os.walk(peer.root / ".realize/trash") for name in names]


async def test_what_is_given_up_and_has_no_room_in_the_cache_frees_its_own(tmp_path: Path) -> None:
    """It went to the trash: who made room on a full disk, where a cache may take nothing, had none
    for a month."""
    content = os.urandom(3 * MIB)
    async with two_owners(tmp_path, content, MIB) as (a, b):
        await b.mark("d", Mark.WATCH)
        await until(lambda: b.status("d/film") == "remote")
        assert in_trash(b) == []
        assert on_disk(b) == 0
        assert not (b.root / "d/film").exists()
        assert (a.root / "d/film").read_bytes() == content
        assert await read_all(b, "d/film") == content


async def test_what_is_to_be_kept_from_now_on_is_not_fetched_for_it(tmp_path: Path) -> None:
    """It is here: that it exceeds the limit as a kept file is what `keep` means."""
    content = os.urandom(3 * MIB)
    async with two_owners(tmp_path, content, MIB) as (_, b):
        came = b.household.counters.bytes_in
        await b.mark("d", Mark.KEEP)
        await until(lambda: b.status("d/film") == "cached")
        assert b.household.counters.bytes_in - came < MIB
        assert in_trash(b) == []
        assert await read_all(b, "d/film") == content
