"""What a person asks to be cached, or no longer: in steps, and over again from any point."""

import os
from pathlib import Path

import pytest
import trio

from realizefs.model.errors import CacheFull
from realizefs.model.limits import KIB, MIB
from realizefs.model.marks import Mark
from realizefs.sync import on_demand
from realizefs.sync.on_demand import Step, files_below
from tests.fakes.peer import Peer, introduce, running_peer, until, write

LONG = 60.0


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


async def all_of(peer: Peer, what: str, top: str) -> Step:
    """The steps until it is done, as one."""
    ino = peer.arena.resolve(top.encode())
    step, whole = Step(), Step()
    while not step.done:
        step = await getattr(peer.arena.on_demand, what)(ino, step.after, LONG)
        whole.files, whole.size = whole.files + step.files, whole.size + step.size
        whole.failed += step.failed
    return whole


async def test_a_tree_is_fetched_and_evicted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(on_demand, "PAGE", 3)
    for number in range(10):
        write(tmp_path / "a/root", f"d/{number}", os.urandom(3000 + number))
    write(tmp_path / "a/root", "d/empty", b"")
    write(tmp_path / "a/root", "other", b"not asked for")
    async with (
        running_peer(tmp_path / "a", "a", mark=Mark.OWN) as a,
        running_peer(tmp_path / "b", "b") as b,
    ):
        await introduce(a, b)
        await until(lambda: a.paths() == b.paths() and "other" in b.paths())
        await b.mark("d/3", Mark.KEEP)
        await until(lambda: b.arena.cached_complete(b.arena.resolve(b"d/3")))
        ino = b.arena.resolve(b"d")
        assert await b.arena.on_demand.wanted(ino) == (9, sum(range(3000, 3010)) - 3003)
        step = await all_of(b, "fetch", "d")
        assert (step.files, step.size, step.failed) == (9, sum(range(3000, 3010)) - 3003, [])
        assert all(b.status(f"d/{number}") == "cached" for number in range(10))
        assert b.status("other") == "remote"
        assert (await all_of(b, "fetch", "d")).files == 0
        freed = await all_of(b, "free", "d")
        assert freed.files == 9
        assert freed.size >= 9 * 3000
        assert freed.failed == [(b"3", "it is marked keep")]
        assert b.status("d/4") == "remote"
        assert b.status("d/3") == "cached"
        assert await b.read("d/4") == (a.root / "d/4").read_bytes()


async def test_what_nobody_else_owns_stays(tmp_path: Path) -> None:
    """R1: it is said, and nothing is freed."""
    write(tmp_path / "a/root", "f", b"x" * 5000)
    async with (
        running_peer(tmp_path / "a", "a", mark=Mark.OWN) as a,
        running_peer(tmp_path / "b", "b") as b,
    ):
        await introduce(a, b)
        await until(lambda: b.status("f") == "remote")
        await all_of(b, "fetch", "")
        await a.mark("f", Mark.WATCH)
        ino = b.arena.resolve(b"f")

        def forget() -> None:
            with b.store.env.write() as txn:
                b.store.holders.forget(txn, ino)

        await trio.to_thread.run_sync(forget)
        freed = await all_of(b, "free", "")
        assert (freed.files, freed.size) == (0, 0)
        assert [path for path, _ in freed.failed] == [b"f"]
        assert b.status("f") == "cached"


async def test_what_nobody_can_give_is_told_and_the_rest_is_fetched(tmp_path: Path) -> None:
    for name in ("f", "g", "h"):
        write(tmp_path / "a/root", name, b"x" * 5000)
    async with (
        running_peer(tmp_path / "a", "a", mark=Mark.OWN) as a,
        running_peer(tmp_path / "b", "b") as b,
    ):
        await introduce(a, b)
        await until(lambda: b.status("h") == "remote")
        ino = b.arena.resolve(b"g")

        def forget() -> None:
            with b.store.env.write() as txn:
                b.store.holders.forget(txn, ino)

        await trio.to_thread.run_sync(forget)
        step = await all_of(b, "fetch", "")
        assert step.files == 2
        assert [path for path, _ in step.failed] == [b"g"]
        assert b.status("f") == b.status("h") == "cached"


async def test_a_step_ends_in_the_middle_of_a_file_and_the_next_goes_on(tmp_path: Path) -> None:
    content = os.urandom(8 * MIB)
    write(tmp_path / "a/root", "big", content)
    async with (
        running_peer(tmp_path / "a", "a", mark=Mark.OWN) as a,
        running_peer(tmp_path / "b", "b") as b,
    ):
        await introduce(a, b)
        await until(lambda: b.status("big") == "remote")
        ino = b.arena.resolve(b"big")
        steps = [Step()]
        while not steps[-1].done:
            steps.append(await b.arena.on_demand.fetch(ino, steps[-1].after, 0.005))
        assert sum(step.files for step in steps) == 1
        assert sum(step.size for step in steps) == len(content)
        here = [step.partial for step in steps if not step.done]
        assert here == sorted(here)
        assert await b.read("big") == content


async def test_more_than_the_cache_takes_is_refused_before_anything_is_fetched(
    tmp_path: Path,
) -> None:
    write(tmp_path / "a/root", "f", os.urandom(2 * MIB))
    async with (
        running_peer(tmp_path / "a", "a", mark=Mark.OWN) as a,
        running_peer(tmp_path / "b", "b", cache_max=500 * KIB) as b,
    ):
        await introduce(a, b)
        await until(lambda: b.status("f") == "remote")
        with pytest.raises(CacheFull, match="the cache may take 512,000"):
            await b.arena.on_demand.wanted(b.arena.root_ino)
