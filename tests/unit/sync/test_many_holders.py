"""Blocks come from all who have them; who is slow, hangs, fails, lies or leaves isn't noticed."""

import os
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from realizefs.core.calls import Request
from realizefs.model.errors import RequestFailed, VersionGone
from realizefs.model.limits import KIB, MIB
from realizefs.model.marks import Mark
from realizefs.model.messages import Read
from realizefs.model.rates import RateLimit, RateLimits
from realizefs.sync.arena import Arena
from realizefs.sync.below import Top
from realizefs.sync.on_demand import Progress
from tests.fakes.peer import Peer, introduce, running_peer, until, write

CONTENT = os.urandom(24 * MIB)
Serve = Callable[[Request], Awaitable[bytes]]
Change = Callable[[Serve, Request], Awaitable[bytes]]


class Holders:
    """Three owners and what they do with requests; `served` counts who answered."""

    def __init__(self, reader: Peer, owners: dict[str, Peer], patch: pytest.MonkeyPatch) -> None:
        self.reader = reader
        self.owners = owners
        self.served: Counter[str] = Counter()
        self.changes: dict[str, Change] = {}
        arenas = {peer.arena: name for name, peer in owners.items()}
        original = Arena.serve

        async def serve(arena: Arena, request: Request) -> bytes:
            async def really(request: Request) -> bytes:
                return await original(arena, request)

            name = arenas[arena]
            change = self.changes.get(name)
            data = await (really(request) if change is None else change(really, request))
            self.served[name] += isinstance(request, Read)
            return data

        patch.setattr(Arena, "serve", serve)

    async def read(self) -> bytes:
        return await self.reader.read("film")


@pytest.fixture
async def holders(tmp_path: Path) -> AsyncIterator[Holders]:
    async with three_holders(tmp_path) as found:
        yield found


@asynccontextmanager
async def three_holders(tmp_path: Path) -> AsyncIterator[Holders]:
    write(tmp_path / "a/root", "film", CONTENT)
    with pytest.MonkeyPatch.context() as patch:
        async with (
            running_peer(tmp_path / "a", "a", mark=Mark.OWN) as a,
            running_peer(tmp_path / "b", "b", mark=Mark.OWN) as b,
            running_peer(tmp_path / "c", "c", mark=Mark.KEEP) as c,
            running_peer(tmp_path / "reader", "reader") as reader,
        ):
            await introduce(a, b, c, reader)
            await until(lambda: reader.entry("film"))
            ino = reader.arena.resolve(b"film")
            held = {("a", "own"), ("b", "own"), ("c", "cached")}
            await until(lambda: set(reader.arena.describe(ino).holders) == held)
            links = reader.arena.context.links
            peers = {"a": a, "b": b, "c": c}
            await until(lambda: all(links.connected(p.identity.peer) for p in peers.values()))
            yield Holders(reader, peers, patch)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine that has much else to do nothing comes in half a second, and who is late is left."""
    for module in ("core.striping", "sync.race"):
        monkeypatch.setattr(f"realizefs.{module}.HEDGE_SECONDS", 10.0)


@pytest.mark.usefixtures("patient")
async def test_all_holders_bring_blocks_owners_and_caches(holders: Holders) -> None:
    assert await holders.read() == CONTENT
    assert set(holders.served) == {"a", "b", "c"}


async def test_one_that_hangs_is_left(holders: Holders) -> None:
    async def hang(serve: Serve, request: Request) -> bytes:
        await trio.sleep_forever()
        raise AssertionError

    holders.changes = {"a": hang, "b": hang}
    assert await holders.read() == CONTENT
    assert set(holders.served) == {"c"}


async def test_one_that_is_slow_is_left_with_all_that_it_was_asked_for(holders: Holders) -> None:
    """Before anybody knew how slow it is it had been asked for a third: minutes of a download."""
    for name in "ab":
        limits = RateLimits(RateLimit(up=64 * KIB))
        holders.owners[name].household.bandwidth.set(limits)
    arena = holders.reader.arena
    top = Top(b"film", arena.resolve(b"film"))
    progress = Progress()
    with trio.fail_after(30):
        await arena.on_demand.fetch([top], progress)
    assert (progress.files, progress.failed) == (1, 0)


async def test_one_that_fails_is_left(holders: Holders) -> None:
    async def fail(serve: Serve, request: Request) -> bytes:
        raise RequestFailed("io", "The disk is broken.")

    async def gone(serve: Serve, request: Request) -> bytes:
        raise VersionGone("It is another version here.")

    holders.changes = {"a": fail, "b": gone}
    assert await holders.read() == CONTENT
    assert set(holders.served) == {"c"}
    assert holders.reader.arena.status()["wrong"] == []


@pytest.mark.usefixtures("patient")
async def test_one_that_lies_is_left_and_told_by_name(
    holders: Holders, caplog: pytest.LogCaptureFixture
) -> None:
    async def lie(serve: Serve, request: Request) -> bytes:
        data = await serve(request)
        return bytes(data[:-1]) + bytes([data[-1] ^ 1])

    holders.changes = {"b": lie}
    assert await holders.read() == CONTENT
    arena = holders.reader.arena
    [sentence] = arena.context.links.distrust.sentences()
    assert sentence.startswith("b sent ")
    assert '"film"' in sentence
    assert any(record.getMessage().startswith("b sent ") for record in caplog.records)
    write(holders.owners["a"].root, "another", CONTENT[: 4 * MIB])
    await until(
        lambda: (
            {("a", "own"), ("c", "cached")}
            <= set(arena.describe(arena.resolve(b"another")).holders)
        )
    )
    lies = holders.served["b"]  # c may have asked it, too, until it had all
    assert await holders.reader.read("another") == CONTENT[: 4 * MIB]
    assert holders.served["b"] == lies, "who lied is asked last"


async def test_one_that_vanishes_in_the_midst_is_left(holders: Holders) -> None:
    links = holders.reader.arena.context.links
    vanished = False

    async def vanish(serve: Serve, request: Request) -> bytes:
        nonlocal vanished
        vanished = True
        links.get(holders.owners["a"].identity.peer).close("the cable was pulled")
        return await serve(request)

    holders.changes = {"a": vanish}
    assert await holders.read() == CONTENT
    assert vanished


async def test_what_was_asked_twice_and_is_not_needed_is_cancelled(holders: Holders) -> None:
    cancelled = 0

    async def hang(serve: Serve, request: Request) -> bytes:
        nonlocal cancelled
        try:
            await trio.sleep_forever()
        except trio.Cancelled:
            cancelled += 1
            raise
        raise AssertionError

    holders.changes = {"a": hang}
    assert await holders.read() == CONTENT
    await until(lambda: cancelled)
    links = holders.reader.arena.context.links
    link = links.get(holders.owners["a"].identity.peer)
    assert (link.busy, link.in_flight) == (0, 0)
