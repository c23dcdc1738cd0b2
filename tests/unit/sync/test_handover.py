"""Files that become another peer's."""

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from realizefs.model.cache_limits import Amount, CacheLimits
from realizefs.model.errors import Busy, ConnectionLost, Misuse, RequestFailed, Unreachable
from realizefs.model.ids import ArenaId
from realizefs.model.limits import MIB
from realizefs.model.marks import Mark
from realizefs.model.rules import Rule
from realizefs.sync import handover
from realizefs.sync.below import Top
from realizefs.sync.link import Link
from realizefs.sync.on_demand import Progress
from tests.fakes.peer import Peer, introduce, running_peer, until, write
from tests.fakes.two_peers import owner_and_watcher

FILES = {"d/1": b"one", "d/e/2": b"two" * 1000, "d/big": os.urandom(9 * MIB), "d/empty": b""}


@asynccontextmanager
async def two(tmp_path: Path, files: Mapping[str, bytes]) -> AsyncIterator[tuple[Peer, Peer]]:
    """One who owns these files, and one who sees them."""
    for path, content in files.items():
        write(tmp_path / "a/root", path, content)
    async with owner_and_watcher(tmp_path) as (a, b):
        await until(lambda: files.keys() <= a.paths() and a.paths() == b.paths())
        yield a, b


async def move(peer: Peer, path: str, to: Peer, progress: Progress | None = None) -> Progress:
    progress = progress or Progress()
    tops = [Top(path.encode(), peer.arena.resolve(path.encode()))]
    await peer.arena.handover.give(tops, to.identity.peer, progress)
    return progress


async def owned_too(peer: Peer, path: str, other: Peer) -> None:
    """`peer` owns it, and `other` knows: what is left of a move is to give it up."""
    await peer.mark(path, Mark.OWN)
    ino, holder = other.arena.resolve(path.encode()), (peer.household.roster.name, "own")
    await until(lambda: holder in other.arena.describe(ino).holders)


async def test_the_other_owns_all_before_anything_is_given_up(tmp_path: Path) -> None:
    async with two(tmp_path, {**FILES, "other": b"stays"}) as (a, b):
        progress = await move(a, "d", b)
        assert (progress.files, progress.failures) == (4, [])
        assert progress.size == sum(map(len, FILES.values()))
        for path, content in FILES.items():
            assert (b.root / path).read_bytes() == content
            assert not (a.root / path).exists()
            assert b.status(path) == "real"
            assert await a.read(path) == content
        assert (a.root / "other").exists()
        assert not (b.root / "other").exists()
        assert (await move(a, "d", b)).files == 4, "once more does nothing"


async def test_what_is_moved_of_several_arenas_is_told_in_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each arena adds what it has given to what the others have, and takes off what it couldn't."""
    async with two(tmp_path, {"one": b"1", "two": b"22", "used": b"333"}) as (a, b):
        progress = await move(a, "two", b, await move(a, "one", b))
        assert (progress.files, progress.all_files) == (2, 2)
        assert (progress.size, progress.all_size) == (3, 3)
        await owned_too(b, "used", a)
        monkeypatch.setattr(handover, "STALLED_SECONDS", 1.0)
        with (a.root / "used").open("rb"):
            await move(a, "used", b, progress)
        assert (progress.files, progress.all_files, progress.failed) == (2, 3, 1)
        assert (progress.size, progress.all_size) == (6, 6)


async def test_stopped_and_asked_again_it_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with two(tmp_path, FILES) as (a, b):
        with trio.CancelScope() as scope, monkeypatch.context() as patch:

            async def stop(*_: object) -> None:
                scope.cancel()
                await trio.lowlevel.checkpoint()

            patch.setattr(handover.Handover, "_until_owned", stop)
            await move(a, "d", b)
        assert scope.cancelled_caught
        assert all((a.root / path).exists() for path in FILES)
        assert (await move(a, "d", b)).files == 4
        assert not any((a.root / path).exists() for path in FILES)


async def test_who_isnt_there_or_takes_nothing_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "a/root", "f", b"content")
    async with running_peer(tmp_path / "a", "a", mark=Mark.OWN) as a:
        async with running_peer(tmp_path / "b", "b") as b:
            await introduce(a, b)
            await until(lambda: b.status("f") == "remote")
            with pytest.raises(Misuse, match="whole arena"):
                await move(a, "", b)

            async def refuse(*_: object) -> bytes:
                await trio.lowlevel.checkpoint()
                return b""

            monkeypatch.setattr(handover, "STALLED_SECONDS", 0.5)
            with monkeypatch.context() as patch:
                patch.setattr(handover.Handover, "take", refuse)
                with pytest.raises(Busy, match="b has taken nothing"):
                    await move(a, "f", b)
        await until(lambda: not a.arena.context.links.any_connected)
        with pytest.raises(Unreachable, match="b is not connected"):
            await move(a, "f", b)
        assert (a.root / "f").read_bytes() == b"content"


async def test_a_connection_that_is_made_anew_meanwhile_is_no_obstacle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with two(tmp_path, {"f": b"content"}) as (a, b):
        take, lost = Link.take, 0

        async def lose_first(self: Link, arena: ArenaId, path: bytes) -> None:
            nonlocal lost
            if not lost:
                lost += 1
                raise ConnectionLost("The connection with b ended.")
            await take(self, arena, path)

        monkeypatch.setattr(Link, "take", lose_first)
        assert (await move(a, "f", b)).files == 1
        assert lost == 1


async def test_what_the_disk_there_has_no_room_for_isnt_asked_for(tmp_path: Path) -> None:
    """What is to be left free of it is no room."""
    async with two(tmp_path, {"f": b"content"}) as (a, b):
        await b.arena.limit_cache(CacheLimits(Amount(MIB), Amount(2**60)))
        with pytest.raises(
            Exception, match='"f" takes 7 bytes more here, and the disk has room for 0'
        ):
            await move(a, "f", b)
        assert b.arena.describe(b.arena.resolve(b"f")).mark is Mark.WATCH


async def test_what_is_in_use_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with two(tmp_path, {"f": b"content"}) as (a, b):
        await owned_too(b, "f", a)
        with (a.root / "f").open("rb"), monkeypatch.context() as patch:
            patch.setattr(handover, "STALLED_SECONDS", 1.0)
            progress = await move(a, "f", b)
            assert [path for path, _ in progress.failures] == [b"f"]
            assert (progress.files, b.status("f"), a.status("f")) == (0, "real", "real")
        assert (await move(a, "f", b)).failed == 0
        await until(lambda: a.status("f") != "real")


async def test_marks_below_are_no_obstacle_at_either_side(tmp_path: Path) -> None:
    """The other side kept a folder in its cache, and so never owned it; this one had marked a file."""
    async with two(tmp_path, FILES) as (a, b):
        await b.mark("d/e", Mark.KEEP)
        await b.mark("d/big", Mark.WATCH)
        await a.mark("d/e/2", Mark.OWN)
        progress = await move(a, "d", b)
        assert (progress.files, progress.failed) == (4, 0)
        assert {b.status(path) for path in FILES} == {"real"}
        assert not any((a.root / path).exists() for path in FILES)


async def test_what_a_rule_would_give_up_again_is_refused(tmp_path: Path) -> None:
    async with two(tmp_path, FILES) as (a, b):
        folder = b.arena.resolve(b"d/e")
        made = await b.arena.ruling.add(Rule(0, Mark.WATCH, b"*", folder))
        with pytest.raises(RequestFailed, match=r'"d/e/2" would not stay: .* says watch "\*"'):
            await move(a, "d", b)
        assert b.arena.describe(b.arena.resolve(b"d")).mark is Mark.WATCH
        await b.arena.ruling.remove(made.number)
        assert (await move(a, "d", b)).failed == 0


async def test_what_a_rule_keeps_here_is_named_at_once(tmp_path: Path) -> None:
    async with two(tmp_path, FILES) as (a, b):
        await a.arena.ruling.add(Rule(0, Mark.OWN, b"*", a.arena.resolve(b"d/e")))
        progress = await move(a, "d", b)
        assert progress.failures == [(b"d/e/2", handover._TO_STAY)]
        assert (a.root / "d/e/2").exists()
