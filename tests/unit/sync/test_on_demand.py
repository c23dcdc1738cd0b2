"""What a person asks to be cached, or no longer: all of it, and over again from any point."""

import os
from pathlib import Path
from typing import Any

import pytest
import trio

from realizefs.model.errors import CacheFull
from realizefs.model.limits import KIB, MIB
from realizefs.model.marks import Mark
from realizefs.model.rates import RateLimit, RateLimits
from realizefs.sync import below, shelf
from realizefs.sync.below import Top, files_below
from realizefs.sync.on_demand import OnDemand, Progress
from tests.fakes.peer import Peer, running_peer, until, write
from tests.fakes.two_peers import owner_and_watcher


def paths_below(peer: Peer, top: str, after: str = "") -> list[str]:
    tree = peer.store.tree
    with peer.store.env.read() as txn:
        found = files_below(tree, txn, peer.arena.resolve(top.encode()), after.encode())
        return [path.decode() for path, _ in found]


async def test_files_come_in_order_from_any_point(tmp_path: Path) -> None:
    names = ["a", "d/b", "d/e/c", "d/e/d", "d/f", "e/g", "z"]
    for name in names:
        write(tmp_path / "a/root", name, b"x")
    async with running_peer(tmp_path / "a", "a", mark=Mark.OWN) as a:
        await until(lambda: set(names) <= a.paths())
        assert paths_below(a, "") == names
        for number, name in enumerate(names):
            assert paths_below(a, "", name) == names[number + 1 :]
        assert paths_below(a, "", "d/e") == ["d/f", "e/g", "z"]
        assert paths_below(a, "", "d/e/bb") == names[2:]
        assert paths_below(a, "", "d/gone/x") == ["e/g", "z"]
        assert paths_below(a, "d", "e/c") == ["e/d", "f"]
        assert paths_below(a, "a") == [""]
        assert paths_below(a, "a", "anything") == []


async def ask(peer: Peer, what: str, top: str) -> Progress:
    """All of it; counted before it is fetched."""
    tops, progress = [Top(top.encode(), peer.arena.resolve(top.encode()))], Progress()
    if what == "fetch":
        await peer.arena.on_demand.count_lacking(tops, progress)
    await getattr(peer.arena.on_demand, what)(tops, progress)
    return progress


async def forget_holders(peer: Peer, path: str) -> None:
    ino = peer.arena.resolve(path.encode())

    def forget() -> None:
        with peer.store.env.write() as txn:
            peer.store.holders.forget(txn, ino)

    await trio.to_thread.run_sync(forget)


async def test_a_tree_is_fetched_and_evicted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(below, "PAGE", 3)
    for number in range(10):
        write(tmp_path / "a/root", f"d/{number}", os.urandom(3000 + number))
    write(tmp_path / "a/root", "d/empty", b"")
    write(tmp_path / "a/root", "other", b"not asked for")
    async with owner_and_watcher(tmp_path) as (a, b):
        await until(lambda: a.paths() == b.paths() and "other" in b.paths())
        await b.mark("d/3", Mark.KEEP)
        await until(lambda: b.status("d/3") == "cached" and not b.arena.status()["pending"])
        size = sum(range(3000, 3010)) - 3003
        step = await ask(b, "fetch", "d")
        assert (step.all_files, step.all_size) == (9, size)
        assert (step.files, step.size, step.failures) == (9, size, [])
        assert all(b.status(f"d/{number}") == "cached" for number in range(10))
        assert b.status("other") == "remote"
        assert (await ask(b, "fetch", "d")).files == 0
        freed = await ask(b, "free", "d")
        assert freed.files == 9
        assert freed.size >= 9 * 3000
        assert freed.failures == [(b"d/3", "it is marked keep")]
        assert b.status("d/4") == "remote"
        assert b.status("d/3") == "cached"
        assert await b.read("d/4") == (a.root / "d/4").read_bytes()


async def test_what_nobody_else_owns_stays(tmp_path: Path) -> None:
    """R1: it is said, and nothing is freed."""
    async with owner_and_watcher(tmp_path, {"f": b"x" * 5000}) as (a, b):
        await ask(b, "fetch", "")
        await a.mark("f", Mark.WATCH)
        await forget_holders(b, "f")
        freed = await ask(b, "free", "f")
        assert (freed.files, freed.size) == (0, 0)
        assert [path for path, _ in freed.failures] == [b"f"]
        assert b.status("f") == "cached"


async def test_what_nobody_can_give_is_told_and_the_rest_is_fetched(tmp_path: Path) -> None:
    async with owner_and_watcher(tmp_path, dict.fromkeys("fgh", b"x" * 5000)) as (_, b):
        await forget_holders(b, "g")
        step = await ask(b, "fetch", "")
        assert step.files == 2
        assert [path for path, _ in step.failures] == [b"g"]
        assert b.status("f") == b.status("h") == "cached"


async def test_stopped_in_the_middle_of_a_file_it_goes_on(tmp_path: Path) -> None:
    content = os.urandom(24 * MIB)
    async with owner_and_watcher(tmp_path, {"big": content}) as (a, b):
        a.household.bandwidth.set(RateLimits(RateLimit(up=16 * MIB)))
        tops, progress = [Top(b"big", b.arena.resolve(b"big"))], Progress()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(b.arena.on_demand.fetch, tops, progress)
            await until(lambda: b.arena.on_demand.arrived(progress) > 0)
            nursery.cancel_scope.cancel()
        assert progress.files == 0
        assert not progress.arriving
        again = Progress()
        await b.arena.on_demand.count_lacking(tops, again)
        here = again.begun[tops[0].ino]
        assert here, "what is here already isn't taken for what comes quickly"
        async with trio.open_nursery() as nursery:
            nursery.start_soon(b.arena.on_demand.fetch, tops, again)
            await until(lambda: again.arriving)
            assert not again.begun
            assert b.arena.on_demand.arrived(again) >= here
            nursery.cancel_scope.cancel()
        a.household.bandwidth.set(RateLimits())
        assert (await ask(b, "fetch", "big")).files == 1
        assert await b.read("big") == content


async def test_what_had_to_go_again_is_not_said_to_be_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with owner_and_watcher(tmp_path, dict.fromkeys("fg", b"x" * 5000)) as (_, b):
        fetch_page = OnDemand._fetch_page

        async def fetch_and_lose(self: OnDemand, *arguments: Any) -> None:
            await fetch_page(self, *arguments)
            b.store.blobs.drop(b.arena.resolve(b"f"))

        monkeypatch.setattr(OnDemand, "_fetch_page", fetch_and_lose)
        step = await ask(b, "fetch", "")
        assert (step.files, step.size, step.failed) == (1, 5000, 1)
        assert [path for path, _ in step.failures] == [b"f"]


async def test_more_than_the_cache_takes_is_refused_before_anything_is_fetched(
    tmp_path: Path,
) -> None:
    files = {"f": os.urandom(2 * MIB)}
    async with owner_and_watcher(tmp_path, files, cache_max=500 * KIB) as (_, b):
        with pytest.raises(CacheFull, match="the cache may take 512,000"):
            await ask(b, "fetch", "")


async def test_what_is_kept_leaves_less_room(tmp_path: Path) -> None:
    files = {name: os.urandom(300 * KIB) for name in ("f", "g")}
    async with owner_and_watcher(tmp_path, files, cache_max=500 * KIB) as (_, b):
        await b.mark("f", Mark.KEEP)
        await until(lambda: b.status("f") == "cached" and not b.arena.status()["pending"])
        with pytest.raises(CacheFull, match="beside what is kept"):
            await ask(b, "fetch", "g")
        assert (await ask(b, "fetch", "f")).failed == 0


async def test_what_was_just_read_is_complete_before_it_is_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thumbnailer right after a reader was refused what the reader had just fetched."""
    monkeypatch.setattr(shelf, "READ_GATHER_SECONDS", 3600.0)
    async with owner_and_watcher(tmp_path, {"f": b"picture"}) as (_, b):
        ino = b.arena.resolve(b"f")
        assert not b.arena.cached_complete(ino)
        assert await b.read("f") == b"picture"
        assert b.arena.cached_complete(ino)
        with b.store.env.read() as txn:
            row = b.store.blobs.find(txn, ino)
        assert row is None or not row.verified, "it is on its way to the disk"
