"""Frames: what cuts the byte stream of a connection into messages. No I/O here.

A frame is a 12-byte header (magic "RZF1", length of the message, length of the payload; both
big-endian and bounded), the capnp message, the raw payload. The bounds are checked as soon as the
header is here, so nobody makes us wait for, or store, more than one frame may hold.
"""

import struct
from dataclasses import dataclass
from typing import cast

from realizefs.codec.buffers import BUFFERS
from realizefs.model.errors import ProtocolFault
from realizefs.model.limits import (
    BLOCKS_MAX,
    FRAME_MESSAGE_BYTES_MAX,
    FRAME_PAYLOAD_BYTES_MAX,
)

MAGIC = b"RZF1"
_HEADER = struct.Struct(">4sII")
HEADER_BYTES = _HEADER.size

_COPIED_BYTES_MAX = 32 * BLOCKS_MAX
"""A payload of so many bytes, a block list is one, is made bytes, which can be hashed."""

_NOTHING = memoryview(b"")

Frame = tuple[bytes, bytes]
"""(message, payload)"""


@dataclass(slots=True)
class FrameBounds:
    """Bytes that a frame may have; less for somebody who only holds an invitation."""

    message: int = FRAME_MESSAGE_BYTES_MAX
    payload: int = FRAME_PAYLOAD_BYTES_MAX


def pack(message: bytes, payload: bytes) -> list[bytes]:
    """The buffers to write, in order; a big payload is not copied."""
    head = _HEADER.pack(MAGIC, len(message), len(payload)) + message
    return [head, payload] if payload else [head]


class FrameReader:
    """Collects the bytes of a stream and gives out whole frames.

    Either `feed` it, or write the next bytes into `target` and say how many they were (`filled`):
    then the payload is copied nowhere. A frame's memory is taken as soon as its header is here, where
    it is large from `buffers`.

    `payload_bytes` counts the payload that has arrived, of unfinished frames too: the progress
    of bulk data, which pings and gossip don't make.
    """

    def __init__(self, bounds: FrameBounds | None = None) -> None:
        self.payload_bytes = 0
        self._bounds = bounds or FrameBounds()
        self._header = bytearray()
        self._body = _NOTHING, _NOTHING  # message and payload
        self._parts = [_NOTHING, _NOTHING]  # what of them is still to come

    def target(self) -> memoryview:
        """Where the next bytes of a payload go; empty where what comes next is something else."""
        message, payload = self._parts
        return _NOTHING if message else payload

    def filled(self, count: int) -> list[Frame]:
        """So many bytes were written to the front of `target`; the frame that they complete."""
        self._parts[1] = self._parts[1][count:]
        self.payload_bytes += count
        return [] if self._parts[1] else [self._finish()]

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that `data` completes; raises ProtocolFault on a bad header."""
        frames: list[Frame] = []
        view = memoryview(data)
        while view:
            if len(self._header) < HEADER_BYTES:
                view = self._feed_header(view)
            else:
                view = self._feed_body(view)
            if len(self._header) == HEADER_BYTES and not any(self._parts):
                frames.append(self._finish())
        return frames

    def _feed_header(self, view: memoryview) -> memoryview:
        """What is left of `view`."""
        missing = HEADER_BYTES - len(self._header)
        self._header += view[:missing]
        if not MAGIC.startswith(self._header[: len(MAGIC)]):
            raise ProtocolFault("what arrived is not the RealizeFS protocol.")
        if len(self._header) == HEADER_BYTES:
            _, message, payload = _HEADER.unpack(self._header)
            self._check(message, payload)
            self._body = memoryview(bytearray(message)), BUFFERS.take(payload)
            self._parts = list(self._body)
        return view[missing:]

    def _check(self, message: int, payload: int) -> None:
        if message > self._bounds.message:
            raise ProtocolFault(
                f"a frame announces a message of {message} bytes, more than {self._bounds.message}."
            )
        if payload > self._bounds.payload:
            raise ProtocolFault(
                f"a frame announces {payload} bytes of data, more than {self._bounds.payload}."
            )

    def _feed_body(self, view: memoryview) -> memoryview:
        """What is left of `view`."""
        which = 0 if self._parts[0] else 1
        part = self._parts[which]
        taken = view[: len(part)]
        part[: len(taken)] = taken
        self._parts[which] = part[len(taken) :]
        self.payload_bytes += which * len(taken)
        return view[len(taken) :]

    def _finish(self) -> Frame:
        message, payload = self._body
        self._header.clear()
        self._body, self._parts = (_NOTHING, _NOTHING), [_NOTHING, _NOTHING]
        if len(payload) <= _COPIED_BYTES_MAX:
            return bytes(message), bytes(payload)
        # Nobody else has it, so nobody changes it; a copy would cost as much as the way here.
        return bytes(message), cast("bytes", payload)
