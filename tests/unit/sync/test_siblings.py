"""The next small files of a folder: fetched together, ahead of who reads them one after the other."""

import errno
import os
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
import trio.testing

from realizefs.core.browsing import RUN_MIN, WINDOW_FIRST
from realizefs.core.calls import Request
from realizefs.model.background import BackgroundRules, Pause
from realizefs.model.errors import RequestFailed
from realizefs.model.ids import PeerId
from realizefs.model.limits import KIB, MIB
from realizefs.model.marks import Mark
from realizefs.model.messages import Read, ReadSeveral
from realizefs.store.blobs import Blobs
from realizefs.sync import siblings
from realizefs.sync.arena import Arena
from realizefs.sync.background import Background
from tests.fakes.peer import Peer, introduce_to, running_peer, until, write
from tests.fakes.wire import TrioClock

NAMES = [f"note {number:03}" for number in range(200)]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each file was asked for, alone and with others: "alone x", "together x"."""
    counts: Counter[str] = Counter()
    answer = Arena.answer

    async def counting(self: Arena, peer: PeerId, request: Request) -> bytes:
        if isinstance(request, Read):
            counts[f"alone {request.path.decode()}"] += 1
        elif isinstance(request, ReadSeveral):
            counts.update(f"together {small.path.decode()}" for small in request.files)
        return await answer(self, peer, request)

    monkeypatch.setattr(Arena, "answer", counting)
    return counts


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine that has much else to do nothing comes in half a second."""
    monkeypatch.setattr(siblings, "HEDGE_SECONDS", 10.0)


def total(asked: Counter[str], way: str) -> int:
    return sum(count for what, count in asked.items() if what.startswith(way))


def size_of(peer: Peer, path: str) -> int:
    entry = peer.entry(path)
    return entry.version.size if entry is not None else -1


@asynccontextmanager
async def owner_and_reader(
    directory: Path,
    contents: dict[str, bytes],
    cache_max: int = 64 * MIB,
    background: Background | None = None,
) -> AsyncIterator[tuple[Peer, Peer]]:
    async with (
        running_peer(directory / "a", "a", mark=Mark.OWN) as a,
        running_peer(directory / "b", "b", cache_max=cache_max, background=background) as b,
    ):
        for name, content in contents.items():
            write(a.root, name, content)
        await introduce_to(a, b)
        await until(lambda: b.paths() >= set(contents))
        yield a, b


def some(names: list[str], size: int = 3000) -> dict[str, bytes]:
    return {name: os.urandom(size) for name in names}


async def test_a_folder_that_is_read_in_order_comes_together(
    tmp_path: Path, asked: Counter[str]
) -> None:
    contents = some(NAMES)
    async with owner_and_reader(tmp_path, contents) as (_, b):
        for name, content in contents.items():
            assert await b.read(name) == content
        assert total(asked, "alone") < len(NAMES) // 4
        assert max(asked.values()) == 1, "nothing twice"
        await until(lambda: all(b.status(name) == "cached" for name in NAMES))


@pytest.mark.parametrize("order", [NAMES[: RUN_MIN - 1], NAMES[::-1], NAMES[::20]])
async def test_who_reads_a_few_or_jumps_gets_nothing_ahead(
    tmp_path: Path, asked: Counter[str], order: list[str]
) -> None:
    async with owner_and_reader(tmp_path, some(NAMES)) as (_, b):
        for name in order:
            await b.read(name)
        await trio.testing.wait_all_tasks_blocked(0.05)
        assert not total(asked, "together")


async def test_what_is_fetched_ahead_of_a_reader_who_stops_is_bounded(
    tmp_path: Path, asked: Counter[str]
) -> None:
    async with owner_and_reader(tmp_path, some(NAMES)) as (_, b):
        for name in NAMES[:RUN_MIN]:
            await b.read(name)
        await until(lambda: total(asked, "together"))
        await until(lambda: b.status(NAMES[RUN_MIN]) == "cached")
        assert total(asked, "together") == WINDOW_FIRST


async def test_large_files_and_what_is_here_are_left_out(
    tmp_path: Path, asked: Counter[str]
) -> None:
    contents = some(NAMES[:40]) | {f"{name} large": bytes(300 * KIB) for name in NAMES[:40:4]}
    async with owner_and_reader(tmp_path, contents) as (_, b):
        await b.read(NAMES[20])
        await until(lambda: b.status(NAMES[20]) == "cached")
        for name in NAMES[:40]:
            assert await b.read(name) == contents[name]
        assert max(asked.values()) == 1
        assert not any("large" in what for what in asked)


async def test_a_small_cache_is_not_filled_ahead(tmp_path: Path, asked: Counter[str]) -> None:
    """A window is a sixteenth of it at most."""
    contents = some(NAMES[:60], 60_000)
    async with owner_and_reader(tmp_path, contents, cache_max=512 * KIB) as (_, b):
        for name, content in contents.items():
            assert await b.read(name) == content
        assert not total(asked, "together")


async def test_nothing_comes_ahead_while_the_background_waits(
    tmp_path: Path, asked: Counter[str]
) -> None:
    background = Background(TrioClock())
    background.set(BackgroundRules(pause=Pause()))
    async with owner_and_reader(tmp_path, some(NAMES), background=background) as (_, b):
        for name in NAMES[:20]:
            await b.read(name)
        assert not total(asked, "together")


async def test_what_was_changed_meanwhile_is_read_as_it_is_now(
    tmp_path: Path, asked: Counter[str]
) -> None:
    contents = some(NAMES[:40])
    async with owner_and_reader(tmp_path, contents) as (a, b):
        for name in NAMES[:RUN_MIN]:
            await b.read(name)
        changed = b"the new one"
        write(a.root, NAMES[RUN_MIN], changed)
        await until(lambda: size_of(b, NAMES[RUN_MIN]) == len(changed))
        assert await b.read(NAMES[RUN_MIN]) == changed


def answers_together(
    monkeypatch: pytest.MonkeyPatch, asked: Counter[str], then: Callable[[], Awaitable[object]]
) -> None:
    """From now on nobody has an answer for many files at once, and does that instead."""
    answer = Arena.answer

    async def other(self: Arena, peer: PeerId, request: Request) -> bytes:
        if isinstance(request, ReadSeveral):
            asked.update(f"together {small.path.decode()}" for small in request.files)
            await then()
        return await answer(self, peer, request)

    monkeypatch.setattr(Arena, "answer", other)


async def test_who_refuses_many_at_once_is_not_asked_for_them_again_and_again(
    tmp_path: Path, asked: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse() -> None:
        raise RequestFailed("io", "The disk is bad.")

    answers_together(monkeypatch, asked, refuse)
    contents = some(NAMES[:60])
    async with owner_and_reader(tmp_path, contents) as (_, b):
        for name, content in contents.items():
            assert await b.read(name) == content
        assert total(asked, "alone") == len(contents)
        assert total(asked, "together") <= 2 * WINDOW_FIRST


async def test_a_disk_that_says_nothing_of_its_room_ends_nothing(
    tmp_path: Path, asked: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[Blobs] = []

    def fail(blobs: Blobs) -> int:
        looked.append(blobs)
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    contents = some(NAMES[:20])
    async with owner_and_reader(tmp_path, contents) as (_, b):
        monkeypatch.setattr(Blobs, "allowed", property(fail))
        for name, content in contents.items():
            assert await b.read(name) == content
        assert looked
        assert not total(asked, "together")


async def test_who_comes_while_his_file_is_on_its_way_waits_a_moment_only(
    tmp_path: Path, asked: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer for all together never comes; each is asked for alone then."""
    monkeypatch.setattr(siblings, "HEDGE_SECONDS", 0.2)
    answers_together(monkeypatch, asked, trio.sleep_forever)
    contents = some(NAMES[:40])
    async with owner_and_reader(tmp_path, contents) as (_, b):
        for name, content in contents.items():
            assert await b.read(name) == content
        assert total(asked, "alone") == len(contents)
        assert total(asked, "together") == WINDOW_FIRST, "it isn't tried again and again"
