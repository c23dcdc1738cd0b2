"""Reads while links come and go: they move to the next link, wait for one that is being made, and
end at once where there is none."""

import errno
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from realizefs.model.errors import Unreachable, VersionGone
from realizefs.model.messages import Read, ReadBlocks
from realizefs.sync import dialling, sources
from realizefs.sync.arena import Arena
from tests.fakes.peer import Peer, introduce, running_peer, until, write

CONTENT = b"content" * 100


@asynccontextmanager
async def two(directory: Path) -> AsyncIterator[tuple[Peer, Peer]]:
    """`a` has the file f, `b` knows it."""
    write(directory / "a/root", "f", CONTENT)
    async with running_peer(directory / "a", "a") as a, running_peer(directory / "b", "b") as b:
        await introduce(a, b)
        await until(lambda: b.entry("f"))
        await until(lambda: b.status("f") == "remote")
        yield a, b


class Stalled:
    """An arena that serves nothing until it may."""

    def __init__(self, arena: Arena, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked = 0
        self.may = trio.Event()
        self._serve = arena.serve
        monkeypatch.setattr(arena, "serve", self.serve)

    async def serve(self, request: Read | ReadBlocks) -> bytes:
        self.asked += 1
        await self.may.wait()
        return await self._serve(request)


def cut(one: Peer, other: Peer) -> None:
    """End the link from the side of `one`, as it does where a duplicate replaces it."""
    one.household._connections[other.identity.peer].scope.cancel()


@pytest.mark.parametrize("who", ["holder", "reader"])
async def test_a_read_goes_on_over_the_next_link(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, who: str
) -> None:
    async with two(tmp_path) as (a, b), trio.open_nursery() as nursery:
        stalled = Stalled(a.arena, monkeypatch)
        got: list[bytes] = []

        async def read() -> None:
            got.append(await b.read("f"))

        nursery.start_soon(read)
        await until(lambda: stalled.asked)
        one, other = (a, b) if who == "holder" else (b, a)
        # Both dialled at once, perhaps: then the duplicate link goes by itself, before or after this.
        await until(lambda: other.identity.peer in one.household._connections)
        asked = stalled.asked
        cut(one, other)
        await until(lambda: stalled.asked > asked)
        stalled.may.set()
        await until(lambda: got)
        assert got == [CONTENT]


async def test_a_holder_whose_links_never_last_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with two(tmp_path) as (a, b):

        async def cutting(request: Read | ReadBlocks) -> bytes:
            cut(a, b)
            await trio.sleep_forever()
            raise AssertionError

        monkeypatch.setattr(a.arena, "serve", cutting)
        with pytest.raises(Unreachable, match='"f" could not be read from any peer'):
            await b.read("f")


async def test_a_read_right_after_start_waits_for_the_dial(tmp_path: Path) -> None:
    async with two(tmp_path) as (a, _):
        place = a.card.addresses
    async with running_peer(tmp_path / "a", "a", listen=place) as a:
        async with running_peer(tmp_path / "b", "b") as b:
            assert not b.arena.context.links.connected(a.identity.peer)
            assert await b.read("f") == CONTENT


async def test_a_read_while_links_are_made_anew_for_another_arena_waits(tmp_path: Path) -> None:
    async with two(tmp_path) as (_, b):
        await b.household.remove_arena(b.arena)
        await b.household.add_arena(b.arena)
        assert await b.read("f") == CONTENT


async def test_without_a_holder_in_reach_nobody_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with two(tmp_path) as (a, _):
        holder = a.identity.peer
    monkeypatch.setattr(dialling, "delay", lambda failures, chance: 3600.0)  # which rings, too
    async with running_peer(tmp_path / "b", "b") as b:
        with pytest.raises(Unreachable):  # once the first dial is refused
            await b.read("f")
        await until(lambda: not b.arena.context.links.expected(holder))
        rings = b.arena.context.links.changed.count
        with pytest.raises(Unreachable, match='"f" is not here and no peer that holds it'):
            await b.read("f")
        assert b.arena.context.links.changed.count == rings


async def test_a_version_that_was_edited_away_fails_when_the_new_one_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So whoever opens the file again reads the new one."""
    monkeypatch.setattr(sources, "GONE_WAITS_SECONDS", (0.05,) * 200)  # a busy machine needs some
    async with two(tmp_path) as (a, b):
        before = b.entry("f")
        assert before is not None
        (a.root / "f").write_bytes(b"edited")
        with pytest.raises(VersionGone) as failure:
            await b.arena.read(before.ino, before.version, 0, 100)
        assert failure.value.errno == errno.EHOSTUNREACH
        after = b.entry("f")
        assert after is not None
        assert after.version.hash != before.version.hash
        assert await b.read("f") == b"edited"


async def test_a_read_while_the_holder_changes_permissions_waits_for_the_news(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "GONE_WAITS_SECONDS", (0.05,) * 200)  # a busy machine needs some
    async with two(tmp_path) as (a, b):
        (a.root / "f").chmod(0o600)
        assert await b.read("f") == CONTENT
