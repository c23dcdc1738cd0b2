"""Transfers that go wrong, each in its own way: the result is the right bytes, or one clear error.

What the holder does with a request is intercepted where it serves, what it sends where it answers,
and what the reader stores where it writes.
"""

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import trio

from realizefs.codec.deltas import delta as made_delta
from realizefs.core.calls import Answer, Request
from realizefs.model.errors import RequestFailed, Unreachable, VersionGone
from realizefs.model.limits import KIB, MIB, PROGRESS_SECONDS
from realizefs.model.marks import Mark
from realizefs.model.messages import Data, Delta, Packed, Read, ReadBlocks, ReadDelta
from realizefs.store import copying
from realizefs.sync.answering import Answering
from realizefs.sync.arena import Arena
from realizefs.sync.pace import Pace
from realizefs.sync.shelf import Shelf
from tests.fakes.peer import Peer, introduce, replace, running_peer, until, write

OLD = os.urandom(2 * MIB)
NEW = OLD[: MIB + 5] + b"an edit" + OLD[MIB + 12 :]
BLOCK = 128 * KIB

Intercept = Callable[[Request, Callable[[], Awaitable[Answer]]], Awaitable[Answer]]


@dataclass
class Scene:
    """A desk with a file and a lap that has the old version of it, and what is done to answers."""

    desk: Peer
    lap: Peer
    intercept: Intercept | None = None
    asked: list[str] = field(default_factory=list)

    async def change(self, content: bytes = NEW) -> None:
        """The new version is known at the lap, and isn't fetched yet."""
        entry = self.lap.entry("f")
        assert entry is not None
        replace(self.desk.root, "f", content)
        await until(lambda: self.lap.entry("f").version.hash != entry.version.hash)  # type: ignore[union-attr]

    async def read(self) -> bytes:
        return await self.lap.read("f")


@asynccontextmanager
async def scene(tmp_path: Path, patch: pytest.MonkeyPatch) -> AsyncIterator[Scene]:
    found: list[Scene] = []
    answer = Answering._answer

    async def intercepted(self: Answering, request: Request) -> Answer:
        async def really() -> Answer:
            return await answer(self, request)

        if found and not isinstance(request, ReadBlocks):
            found[0].asked.append("delta" if isinstance(request, ReadDelta) else "copy")
            if found[0].intercept is not None:
                return await found[0].intercept(request, really)
        return await really()

    patch.setattr(Answering, "_answer", intercepted)
    async with (
        running_peer(tmp_path / "desk", "desk", mark=Mark.OWN) as desk,
        running_peer(tmp_path / "lap", "lap") as lap,
    ):
        write(desk.root, "f", OLD)
        await introduce(desk, lap)
        await until(lambda: lap.entry("f"))
        assert await lap.read("f") == OLD
        await until(lambda: stored(lap))
        found.append(Scene(desk, lap))
        yield found[0]


@pytest.fixture
async def it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Scene]:
    async with scene(tmp_path, monkeypatch) as found:
        yield found


def stored(peer: Peer) -> bool:
    """Whether all of the file is in the cache, and not only where its readers have it."""
    entry = peer.entry("f")
    with peer.store.env.read() as txn:
        row = peer.store.blobs.find(txn, entry.ino) if entry is not None else None
    return row is not None and row.verified


def spoiled(data: bytes) -> bytes:
    return bytes(data[:-1]) + bytes([data[-1] ^ 1])


async def test_a_delta_that_makes_wrong_bytes_is_fetched_as_a_copy(it: Scene) -> None:
    async def wrong(request: Request, really: Callable[[], Awaitable[Answer]]) -> Answer:
        if isinstance(request, ReadDelta):
            older = OLD[request.start : request.start + request.length]
            changes = made_delta(older, request.signature)
            return Delta(request.request, len(changes), changes)
        return await really()

    await it.change()
    it.intercept = wrong
    assert await it.read() == NEW
    assert it.asked == ["delta", "copy"]


@pytest.mark.parametrize("changes", [b"none at all", b"rs\x026\x03ab", b"rs\x026\0"])
async def test_a_delta_that_is_none_is_fetched_as_a_copy(it: Scene, changes: bytes) -> None:
    async def broken(request: Request, really: Callable[[], Awaitable[Answer]]) -> Answer:
        if isinstance(request, ReadDelta):
            return Delta(request.request, len(changes), changes)
        return await really()

    await it.change()
    it.intercept = broken
    assert await it.read() == NEW
    assert it.asked == ["delta", "copy"]


async def test_a_wrong_copy_is_put_right_by_a_delta(it: Scene) -> None:
    """Whose first one was wrong, too."""
    seen: list[Request] = []

    async def wrong(request: Request, really: Callable[[], Awaitable[Answer]]) -> Answer:
        seen.append(request)
        answer = await really()
        if len(seen) == 1:
            assert isinstance(answer, Delta)
            return Delta(answer.request, len(b"junk"), b"junk")
        if len(seen) == 2:
            assert isinstance(answer, Data)
            return Data(answer.request, spoiled(answer.payload))
        return answer

    await it.change()
    it.intercept = wrong
    assert await it.read() == NEW
    assert it.asked == ["delta", "copy", "delta"]
    sent = it.lap.arena.context.links.distrust.sentences()
    assert len(sent) == 1
    assert sent[0].startswith("desk ")


async def test_three_failures_are_one_clear_error_naming_path_and_peer(it: Scene) -> None:
    async def wrong(request: Request, really: Callable[[], Awaitable[Answer]]) -> Answer:
        return Data(request.request, os.urandom(BLOCK))

    await it.change()
    it.intercept = wrong
    with pytest.raises(RequestFailed) as caught:
        await it.read()
    assert '"f" could not be read from any peer' in str(caught.value)
    assert "desk sent wrong bytes" in str(caught.value)
    assert "\n" not in str(caught.value)
    it.intercept = None
    assert await it.read() == NEW


async def test_compressed_data_that_is_damaged_is_put_right(it: Scene) -> None:
    await it.change()
    it.intercept = damaged(it, 1)
    assert await it.read() == NEW
    assert it.asked == ["delta", "copy"]


async def test_a_copy_of_which_nothing_can_be_unpacked_is_asked_for_once_more(it: Scene) -> None:
    await it.change()
    it.intercept = damaged(it, 2)
    assert await it.read() == NEW
    assert it.asked == ["delta", "copy", "copy"]


async def test_a_holder_whose_third_answer_is_wrong_too_is_left(it: Scene) -> None:
    """And each of the three is counted against it."""
    await it.change()
    it.intercept = damaged(it, 3)
    with pytest.raises(RequestFailed):
        await it.read()
    assert it.asked == ["delta", "copy", "copy"]
    [sentence] = it.lap.arena.context.links.distrust.sentences()
    assert "the last of 3 times" in sentence


def damaged(it: Scene, answers: int) -> Intercept:
    """The first `answers` can't be unpacked."""

    async def answer(request: Request, really: Callable[[], Awaitable[Answer]]) -> Answer:
        if len(it.asked) <= answers:
            return Packed(request.request, BLOCK, b"not zstd")
        return await really()

    return answer


async def test_a_write_error_loses_nothing_but_time(
    it: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk refuses the first writes; the reader has its bytes, the next one gets them as a
    delta against the old version, which is still there."""
    await it.change()
    failures = 2

    def fail(fd: int, data: Any, start: int, copied: Any, write: Any) -> None:
        nonlocal failures
        if failures:
            failures -= 1
            raise OSError(5, "Input/output error")
        real(fd, data, start, copied, write)

    real = copying.place
    monkeypatch.setattr("realizefs.store.blob.place", fail)
    assert await it.read() == NEW
    await until(lambda: not failures)
    assert await it.read() == NEW
    assert set(it.asked) == {"delta"}


async def test_a_reader_has_what_could_not_be_stored_while_he_waited_for_the_rest(
    it: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """His second piece came first, and the disk has refused it by the time that he comes to it."""
    refused = trio.Event()

    async def held(request: Request, really: Callable[[], Awaitable[Answer]]) -> Answer:
        if isinstance(request, Read | ReadDelta) and not request.start:
            await refused.wait()
        return await really()

    async def refuse(shelf: Shelf, *args: object, **options: object) -> bool:
        refused.set()
        raise OSError(5, "Input/output error")

    content = os.urandom(2 * MIB)
    await it.change(content)
    monkeypatch.setattr(Pace, "piece_bytes", lambda pace, wanted: BLOCK)
    monkeypatch.setattr(Shelf, "put", refuse)
    it.intercept = held
    assert await it.lap.read("f", 0, 2 * BLOCK) == content[: 2 * BLOCK]


async def test_a_copy_that_changes_under_the_kernel_is_written_instead(
    it: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the kernel copied isn't what was verified: the old file changed in between."""

    def wrong(fd: int, each: copying.Copied) -> bool:
        os.pwrite(fd, os.urandom(each.length), each.start)
        return True

    monkeypatch.setattr(copying, "_copy", wrong)
    await it.change()
    assert await it.read() == NEW
    await until(lambda: it.lap.status("f") == "cached")
    assert await it.read() == NEW


async def test_a_disconnect_in_the_midst_of_a_block_goes_on_over_the_next_link(it: Scene) -> None:
    cut = 0

    async def disconnect(request: Request, really: Callable[[], Awaitable[Answer]]) -> Answer:
        nonlocal cut
        if not cut:
            cut += 1
            it.desk.arena.context.links.get(it.lap.identity.peer).close("the cable was pulled")
        return await really()

    await it.change()
    it.intercept = disconnect
    assert await it.read() == NEW
    assert cut


async def test_a_holder_that_serves_an_older_version_is_not_believed(
    it: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve = Arena.serve

    async def older(self: Arena, request: Request) -> bytes:
        if isinstance(request, ReadBlocks):
            return await serve(self, request)
        assert isinstance(request, Read | ReadDelta)
        return OLD[request.start : request.start + request.length]

    await it.change()
    with monkeypatch.context() as patch:
        patch.setattr(Arena, "serve", older)
        it.intercept = lambda request, really: really()
        blocks = it.lap.entry("f")
        assert blocks is not None
        with pytest.raises((RequestFailed, VersionGone)):
            await it.lap.arena.read(blocks.ino, blocks.version, MIB, BLOCK)
    assert await it.read() == NEW


async def test_a_file_that_changes_while_it_is_served_is_gone_or_right(it: Scene) -> None:
    """Never a mixture: what was read before and after the change isn't passed on together."""
    await it.change()
    third = os.urandom(len(NEW))

    async def change_first(request: Request, really: Callable[[], Awaitable[Answer]]) -> Answer:
        replace(it.desk.root, "f", third)
        return await really()

    it.intercept = change_first
    entry = it.lap.entry("f")
    assert entry is not None
    with pytest.raises((VersionGone, Unreachable)):
        await it.lap.arena.read(entry.ino, entry.version, MIB, BLOCK)
    it.intercept = None
    await until(lambda: it.lap.entry("f").version.hash != entry.version.hash)  # type: ignore[union-attr]
    assert await it.read() == third


async def test_a_holder_that_stalls_is_one_clear_error_at_the_deadline(it: Scene) -> None:
    async def stall(request: Request, really: Callable[[], Awaitable[Answer]]) -> Answer:
        await trio.sleep_forever()
        raise AssertionError

    await it.change()
    it.intercept = stall
    began = trio.current_time()
    with pytest.raises(Unreachable) as caught:
        await it.read()
    # desk is connected, and so isn't said not to be
    assert str(caught.value) == (
        '"f" could not be read from any peer (desk). desk sent nothing for 5 s while "f" was read.'
    )
    assert trio.current_time() - began >= PROGRESS_SECONDS
    it.intercept = None
    assert await it.read() == NEW
