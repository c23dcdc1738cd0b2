"""Compressed answers: what shrinks comes back the same, what lies is refused before it grows."""

import os
import tracemalloc

import pytest
import zstandard

from realizefs.codec.compression import pack, unpack
from realizefs.model.errors import WrongBytes
from realizefs.model.limits import COMPRESS_BYTES_MIN, GIB, KIB, MIB, READ_BYTES_MAX

TEXT = b"".join(b"%d green bottles hanging on the wall\n" % number for number in range(30_000))


@pytest.mark.parametrize("size", [COMPRESS_BYTES_MIN, 5 * KIB, MIB])
def test_text_comes_back_from_a_fraction(size: int) -> None:
    packed = pack(TEXT[:size])
    assert packed is not None
    assert len(packed) < size / 2
    assert unpack(packed, size) == TEXT[:size]


def test_media_and_crumbs_are_left_as_they_are() -> None:
    assert pack(os.urandom(MIB)) is None
    assert pack(TEXT[: COMPRESS_BYTES_MIN - 1]) is None


def test_the_sample_decides_for_what_is_mostly_media() -> None:
    """A picture with a header of text isn't compressed for nothing."""
    assert pack(TEXT[: 64 * KIB] + os.urandom(MIB)) is None


@pytest.mark.parametrize("said", [1, MIB - 1, MIB + 1, READ_BYTES_MAX])
def test_another_size_than_was_said_is_refused(said: int) -> None:
    with pytest.raises(WrongBytes):
        unpack(zstandard.compress(TEXT[:MIB]), said)


def test_a_bomb_is_refused_before_it_takes_memory() -> None:
    """A few kilobytes that say, truly, that gigabytes come out of them, or don't say how many."""
    stream = zstandard.ZstdCompressor().compressobj(size=GIB)
    truthful = b"".join(stream.compress(bytes(MIB)) for _ in range(1024)) + stream.flush()
    silent = zstandard.ZstdCompressor(write_content_size=False).compress(bytes(64 * MIB))
    modest = zstandard.ZstdCompressor(write_content_size=False).compress(bytes(MIB))
    tracemalloc.start()
    try:
        for bomb in (truthful, silent, modest):
            with pytest.raises(WrongBytes, match="doesn't hold what it says"):
                unpack(bomb, MIB)
        assert tracemalloc.get_traced_memory()[1] < MIB
    finally:
        tracemalloc.stop()


def test_a_lie_about_the_content_is_refused_without_growing() -> None:
    """The header says a mebibyte; the frame holds more."""
    honest = zstandard.compress(bytes(64 * MIB))
    size = zstandard.get_frame_parameters(honest).content_size
    place = honest.index((64 * MIB).to_bytes(4, "little"))
    assert size == 64 * MIB
    lie = honest[:place] + MIB.to_bytes(4, "little") + honest[place + 4 :]
    with pytest.raises(WrongBytes):
        unpack(lie, MIB)


@pytest.mark.parametrize("garbage", [b"", b"x", b"\x28\xb5\x2f\xfd", bytes(range(100))])
def test_garbage_is_refused(garbage: bytes) -> None:
    with pytest.raises(WrongBytes):
        unpack(garbage, MIB)


def test_what_follows_the_frame_is_refused() -> None:
    with pytest.raises(WrongBytes):
        unpack(zstandard.compress(TEXT) + b"more", len(TEXT))
