"""Frames: whatever way a stream is cut, the same frames come out; and nothing too big gets in."""

import struct
import tracemalloc

import pytest

from realizefs.codec.frames import HEADER_BYTES, MAGIC, Frame, FrameBounds, FrameReader, pack
from realizefs.model.errors import ProtocolFault
from realizefs.model.limits import (
    BLOCKS_MAX,
    FRAME_MESSAGE_BYTES_MAX,
    FRAME_PAYLOAD_BYTES_MAX,
    MIB,
)

FRAMES: list[Frame] = [
    (b"message!", b""),
    (b"", b""),
    (b"with bytes", bytes(range(256)) * 200),
    (b"", b"payload alone"),
    (b"last", b"x" * 16384),
]
STREAM = b"".join(b"".join(pack(*frame)) for frame in FRAMES)


@pytest.mark.parametrize("cut", [1, 2, 7, HEADER_BYTES, 4095, 4096, 16384, len(STREAM)])
def test_frames_survive_any_cut_of_the_stream(cut: int) -> None:
    reader = FrameReader()
    found = [
        frame
        for start in range(0, len(STREAM), cut)
        for frame in reader.feed(STREAM[start : start + cut])
    ]
    assert found == FRAMES
    assert reader.payload_bytes == sum(len(payload) for _, payload in FRAMES)


def test_payload_counts_as_it_arrives() -> None:
    reader = FrameReader()
    stream = b"".join(pack(b"m" * 10, b"p" * 100))
    assert reader.feed(stream[: HEADER_BYTES + 10]) == []
    assert reader.payload_bytes == 0
    reader.feed(stream[HEADER_BYTES + 10 : HEADER_BYTES + 50])
    assert reader.payload_bytes == 40


def test_garbage_is_refused_at_its_first_byte() -> None:
    with pytest.raises(ProtocolFault, match="not the RealizeFS protocol"):
        FrameReader().feed(b"G")


@pytest.mark.parametrize(
    ("message", "payload"),
    [
        (FRAME_MESSAGE_BYTES_MAX + 1, 0),
        (0, FRAME_PAYLOAD_BYTES_MAX + 1),
        (2 << 30, 0),
        (0, 2 << 30),
        (0xFFFFFFFF, 0xFFFFFFFF),
    ],
)
def test_a_length_out_of_bounds_is_refused_before_its_bytes_come(
    message: int, payload: int
) -> None:
    header = struct.pack(">4sII", MAGIC, message, payload)
    with pytest.raises(ProtocolFault, match="announces"):
        FrameReader().feed(header)


def test_the_largest_frame_is_good() -> None:
    frame = (b"m" * FRAME_MESSAGE_BYTES_MAX, b"p" * FRAME_PAYLOAD_BYTES_MAX)
    assert FrameReader().feed(b"".join(pack(*frame))) == [frame]


def test_a_stranger_may_send_less() -> None:
    reader = FrameReader(FrameBounds(message=100, payload=0))
    assert reader.feed(b"".join(pack(b"m" * 100, b""))) == [(b"m" * 100, b"")]
    with pytest.raises(ProtocolFault):
        reader.feed(b"".join(pack(b"", b"p")))


def test_a_frame_takes_its_own_memory_and_no_more() -> None:
    """One that came byte by byte once took 200 bytes of memory for each of its bytes."""
    reader = FrameReader()
    stream = b"".join(pack(b"", b"p" * 50_000))
    tracemalloc.start()
    try:
        for position in range(len(stream) - 1):
            reader.feed(stream[position : position + 1])
        assert tracemalloc.get_traced_memory()[0] < 60_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("cut", [1, 4096, 100_000])
def test_a_payload_can_be_written_where_it_is_to_be(cut: int) -> None:
    """What isn't payload is fed; all in pieces of at most `cut` bytes."""
    reader, found, stream = FrameReader(), list[Frame](), STREAM
    while stream:
        target = reader.target()
        count = min(cut, len(target) or 1)
        if target:
            target[:count] = stream[:count]
            found += reader.filled(count)
        else:
            found += reader.feed(stream[:count])
        stream = stream[count:]
    assert found == FRAMES
    assert reader.payload_bytes == sum(len(payload) for _, payload in FRAMES)
    assert not reader.target()


def test_a_block_list_can_be_hashed_and_what_is_larger_is_not_copied() -> None:
    sizes = (1, 32 * BLOCKS_MAX, MIB)
    frames = FrameReader().feed(b"".join(b"".join(pack(b"m", b"p" * size)) for size in sizes))
    assert [type(message) for message, _ in frames] == [bytes] * 3
    assert [type(payload) for _, payload in frames] == [bytes, bytes, memoryview]
