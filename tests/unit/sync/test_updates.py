"""A new version over an old one: what is equal is taken from here, of the rest only the changes come.

Counted are calls, and bytes on the wire.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from realizefs.codec import deltas
from realizefs.core import striping
from realizefs.core.calls import Request
from realizefs.model.limits import KIB, MIB
from realizefs.model.marks import Mark
from realizefs.model.messages import Read, ReadDelta
from realizefs.store import copying
from realizefs.store.hashing import hash_bytes
from realizefs.sync import pace
from realizefs.sync.arena import Arena
from tests.fakes.blocking import never
from tests.fakes.peer import Peer, introduce, replace, running_peer, until, write

OLD = os.urandom(8 * MIB)
BLOCK = 128 * KIB


@dataclass
class Counted:
    reads: list[Request] = field(default_factory=list)
    signed: int = 0
    copied: int = 0

    def clear(self) -> None:
        self.reads.clear()
        self.signed = self.copied = 0

    @property
    def deltas(self) -> list[ReadDelta]:
        return [one for one in self.reads if isinstance(one, ReadDelta)]

    @property
    def copies(self) -> list[Read]:
        return [one for one in self.reads if isinstance(one, Read)]


@dataclass
class Two:
    desk: Peer
    lap: Peer
    counted: Counted

    async def update(self, content: bytes, name: str = "image") -> int:
        """Change it at the desk, wait until it is here; the bytes that came over the wire."""
        self.counted.clear()
        before = self.lap.household.counters.bytes_in
        replace(self.desk.root, name, content)
        await until(lambda: self.is_here(content, name))
        return self.lap.household.counters.bytes_in - before

    def is_here(self, content: bytes, name: str) -> bool:
        if self.lap.arena.context.default_mark is Mark.OWN:
            return (self.lap.root / name).read_bytes() == content
        entry = self.lap.entry(name)
        if entry is None:
            return False
        blob = self.lap.store.blobs.open_existing(entry.ino, entry.version.hash)
        if blob is None:
            return False
        try:
            return blob.verified and blob.read(0, blob.size) == content
        finally:
            blob.close()


@asynccontextmanager
async def two(tmp_path: Path, mark: Mark, patch: pytest.MonkeyPatch) -> AsyncIterator[Two]:
    counted = Counted()
    serve, sign, copy = Arena.serve, deltas.signature, copying._copy

    async def counting_serve(self: Arena, request: Request) -> bytes:
        counted.reads.append(request)
        return await serve(self, request)

    def counting_sign(old: bytes) -> bytes:
        counted.signed += len(old)
        return sign(old)

    def counting_copy(fd: int, each: copying.Copied) -> bool:
        counted.copied += each.length
        return copy(fd, each)

    patch.setattr(Arena, "serve", counting_serve)
    patch.setattr(deltas, "signature", counting_sign)
    patch.setattr(copying, "_copy", counting_copy)
    # As on a fast line, whatever this machine is doing: what is asked for together is counted here.
    patch.setattr(pace, "piece_bytes", lambda *_: striping.PIECE_BYTES)
    async with (
        running_peer(tmp_path / "desk", "desk", mark=Mark.OWN) as desk,
        running_peer(tmp_path / "lap", "lap", mark=mark) as lap,
    ):
        write(desk.root, "image", OLD)
        await introduce(desk, lap)
        pair = Two(desk, lap, counted)
        await until(lambda: pair.is_here(OLD, "image"))
        yield pair


@pytest.fixture(params=[Mark.KEEP, Mark.OWN])
async def pair(
    tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Two]:
    async with two(tmp_path, request.param, monkeypatch) as found:
        yield found


async def test_an_edit_in_the_middle_brings_a_few_kilobytes(pair: Two) -> None:
    """Over an outdated blob and over a real file."""
    at = 5 * MIB + 1000
    came = await pair.update(OLD[:at] + b"an edit" + OLD[at + 7 :])
    assert came < 32 * KIB
    assert [(one.start, one.length) for one in pair.counted.deltas] == [(5 * MIB, BLOCK)]
    assert pair.counted.copies == []
    assert pair.counted.copied == len(OLD) - BLOCK, "equal blocks are copied by the kernel"


async def test_an_insertion_at_the_front_brings_a_few_kilobytes_a_piece(pair: Two) -> None:
    came = await pair.update(b"inserted" + OLD)
    assert came < 256 * KIB
    assert [one.length for one in pair.counted.copies] == [len(b"inserted")], "past the old end"


async def test_an_append_brings_what_is_new_and_signs_nothing(pair: Two) -> None:
    """Of a range past the end of what is here nothing is known over there: no signature is made
    of it, and no delta asked for."""
    came = await pair.update(OLD + os.urandom(MIB))
    assert MIB < came < MIB + 64 * KIB
    assert pair.counted.deltas == []
    assert pair.counted.signed == 0


async def test_equal_blocks_cause_no_call(pair: Two) -> None:
    """An empty delta is never sent, nor asked for: here blocks only changed their places."""
    came = await pair.update(OLD[BLOCK:] + OLD[:BLOCK] + OLD[:BLOCK])
    assert came < 32 * KIB
    assert not pair.counted.deltas
    assert not pair.counted.copies
    assert pair.counted.signed == 0


async def test_scattered_pages_bring_little_more_than_themselves(pair: Two) -> None:
    new = bytearray(OLD)
    pages = range(100 * KIB, len(OLD), 500 * KIB)
    for at in pages:
        new[at : at + 4 * KIB] = os.urandom(4 * KIB)
    came = await pair.update(bytes(new))
    assert came < len(pages) * 12 * KIB
    assert pair.counted.copies == []


async def test_what_has_nothing_in_common_comes_as_it_is(pair: Two) -> None:
    """The bytes themselves are smaller than the delta, and are what is sent."""
    new = os.urandom(2 * MIB)
    assert await pair.update(new) < len(new) * 1.02 + 64 * KIB


async def test_a_small_file_comes_as_its_change(pair: Two) -> None:
    old = os.urandom(60 * KIB)
    await pair.update(old, "notes")
    assert await pair.update(old + b"one more line", "notes") < 16 * KIB


async def test_a_holder_that_knows_no_deltas_sends_copies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("realizefs.sync.household.FEATURES", ())
    async with two(tmp_path, Mark.KEEP, monkeypatch) as pair:
        came = await pair.update(OLD[:-7] + b"an edit")
        assert BLOCK < came < 2 * BLOCK
        assert pair.counted.deltas == []


async def test_the_old_file_is_open_only_while_something_is_taken_from_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half an update, as a reader causes it, doesn't keep the file in the root for good."""
    async with two(tmp_path, Mark.OWN, monkeypatch) as pair:
        monkeypatch.setattr(pair.lap.arena.fetcher, "complete", never)
        at = 5 * MIB + 1000
        new = OLD[:at] + b"an edit" + OLD[at + 7 :]
        replace(pair.desk.root, "image", new)
        await until(
            lambda: (
                pair.lap.arena.describe(pair.lap.arena.resolve(b"image")).hash == hash_bytes(new)
            )
        )
        assert await pair.lap.read("image", at, 7) == b"an edit"
        assert pair.counted.deltas
        await until(lambda: not open_here(pair.lap.root / "image"))


def open_here(path: Path) -> bool:
    with os.scandir("/proc/self/fd") as fds:
        return str(path) in [os.readlink(one.path) for one in fds if os.path.lexists(one.path)]
