"""Answers over a link: compressed for who understands it and where that is quicker, never wrongly."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import pytest
import trio
import zstandard

from realizefs.core.calls import Request
from realizefs.core.effects import Gossip
from realizefs.model.errors import WrongBytes
from realizefs.model.limits import COMPRESS_LINK_BYTES_MAX, MIB
from realizefs.model.messages import FEATURES, Packed, Read
from realizefs.net.channel import Channel
from realizefs.sync.answering import Answering
from realizefs.sync.link import Link, run_link
from tests.fakes.wire import ARENA, DIGEST, TrioClock, connected, hello_of, identity

TEXT = b"".join(b"%d green bottles hanging on the wall\n" % number for number in range(30_000))


class Home:
    def __init__(self, content: bytes = TEXT) -> None:
        self.content = content
        self.is_open = trio.Event()
        self.link: Link | None = None

    async def opened(self, link: Link) -> None:
        self.link = link
        self.is_open.set()

    async def message(self, link: Link, message: Gossip) -> None: ...

    async def serve(self, link: Link, request: Request) -> bytes:
        assert isinstance(request, Read)
        return self.content[request.start : request.start + request.length]

    def closed(self, link: Link) -> None: ...


@dataclass
class Pair:
    desk: Channel
    lap: Home
    desk_home: Home

    async def read(self) -> bytes:
        assert self.lap.link is not None
        return await self.lap.link.read(ARENA, b"f", DIGEST, 0, MIB)

    @property
    def sent(self) -> int:
        return self.desk._tls._counters.bytes_out


@asynccontextmanager
async def linked(content: bytes, understood: tuple[str, ...] = FEATURES) -> AsyncIterator[Pair]:
    wire = await connected()
    pair = Pair(wire.desk, Home(), Home(content))
    async with trio.open_nursery() as nursery:
        for channel, home, name, features in (
            (wire.desk, pair.desk_home, "desk", FEATURES),
            (wire.lap, pair.lap, "lap", understood),
        ):
            hello = replace(hello_of(identity(name)), features=features)
            nursery.start_soon(run_link, channel, hello, home, TrioClock())
        await pair.lap.is_open.wait()
        await pair.desk_home.is_open.wait()
        yield pair
        nursery.cancel_scope.cancel()


async def test_text_takes_a_fraction_of_the_wire() -> None:
    async with linked(TEXT) as pair:
        assert await pair.read() == TEXT[:MIB]
        assert pair.sent < MIB / 3


async def test_media_goes_as_it_is() -> None:
    media = os.urandom(MIB)
    async with linked(media) as pair:
        assert await pair.read() == media
        assert pair.sent > MIB


async def test_who_does_not_understand_it_gets_it_plain() -> None:
    async with linked(TEXT, understood=()) as pair:
        assert await pair.read() == TEXT[:MIB]
        assert pair.sent > MIB


async def test_a_line_faster_than_compressing_is_not_slowed_down() -> None:
    async with linked(TEXT) as pair:
        pair.desk.written.bytes_per_second = COMPRESS_LINK_BYTES_MAX
        assert await pair.read() == TEXT[:MIB]
        assert pair.sent > MIB


async def test_a_bomb_is_wrong_bytes_by_name_and_the_link_lives(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bomb = zstandard.compress(bytes(100 * MIB))

    async def explode(self: Answering, request: int, data: bytes) -> Packed:
        return Packed(request, MIB, bomb)

    async with linked(TEXT) as pair:
        with monkeypatch.context() as patch:
            patch.setattr(Answering, "_packed", explode)
            with pytest.raises(WrongBytes, match="desk: the compressed data"):
                await pair.read()
        assert await pair.read() == TEXT[:MIB]
