"""Frames: what cuts the byte stream of a connection into messages. No I/O here.

A frame is a 12-byte header (magic "RZF1", length of the message, length of the payload; both
big-endian and bounded), the capnp message, the raw payload. The bounds are checked as soon as the
header is here, so nobody makes us wait for, or store, more than one frame may hold.
"""

import struct
from dataclasses import dataclass

from realizefs.model.errors import ProtocolFault
from realizefs.model.limits import FRAME_MESSAGE_BYTES_MAX, FRAME_PAYLOAD_BYTES_MAX

MAGIC = b"RZF1"
_HEADER = struct.Struct(">4sII")
HEADER_BYTES = _HEADER.size

_CRUMB_BYTES = 4096

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

    `payload_bytes` counts the payload that has arrived, of unfinished frames too: the progress
    of bulk data, which pings and gossip don't make.
    """

    def __init__(self, bounds: FrameBounds | None = None) -> None:
        self.payload_bytes = 0
        self._bounds = bounds or FrameBounds()
        self._header = bytearray()
        self._lengths = (0, 0)
        self._parts: list[bytes | memoryview | bytearray] = []
        self._missing = 0  # bytes of the body still to come; 0 while a header is read

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that `data` completes; raises ProtocolFault on a bad header."""
        if _CRUMB_BYTES <= len(data) < self._missing <= self._lengths[1]:
            # In the midst of a payload: nearly all calls, so nothing but what is needed.
            self._parts.append(data)
            self._missing -= len(data)
            self.payload_bytes += len(data)
            return []
        frames: list[Frame] = []
        view = memoryview(data)
        position = 0
        while position < len(view):
            if not self._missing:
                position += self._feed_header(view[position:])
            else:
                position += self._feed_body(view[position:])
            if len(self._header) == HEADER_BYTES and not self._missing:
                frames.append(self._finish())
        return frames

    def _feed_header(self, view: memoryview) -> int:
        taken = view[: HEADER_BYTES - len(self._header)]
        self._header += taken
        if not MAGIC.startswith(self._header[: len(MAGIC)]):
            raise ProtocolFault("what arrived is not the RealizeFS protocol.")
        if len(self._header) == HEADER_BYTES:
            _, message, payload = _HEADER.unpack(self._header)
            self._check(message, payload)
            self._lengths = (message, payload)
            self._missing = message + payload
        return len(taken)

    def _check(self, message: int, payload: int) -> None:
        if message > self._bounds.message:
            raise ProtocolFault(
                f"a frame announces a message of {message} bytes, more than {self._bounds.message}."
            )
        if payload > self._bounds.payload:
            raise ProtocolFault(
                f"a frame announces {payload} bytes of data, more than {self._bounds.payload}."
            )

    def _feed_body(self, view: memoryview) -> int:
        taken = view[: self._missing]
        before = min(self._missing, self._lengths[1])
        self._missing -= len(taken)
        self.payload_bytes += before - min(self._missing, self._lengths[1])
        self._keep(taken)
        return len(taken)

    def _keep(self, taken: memoryview) -> None:
        """Crumbs are gathered in one buffer: as objects each they would take 200 bytes."""
        if len(taken) >= _CRUMB_BYTES:
            self._parts.append(taken)
        elif self._parts and isinstance(self._parts[-1], bytearray):
            self._parts[-1] += taken
        else:
            self._parts.append(bytearray(taken))

    def _finish(self) -> Frame:
        message, payload = self._lengths
        self._header.clear()
        parts, self._parts = self._parts, []
        if not payload:
            return b"".join(parts), b""
        return _cut(parts, message), b"".join(parts)


def _cut(parts: list[bytes | memoryview | bytearray], length: int) -> bytes:
    """Take `length` bytes off the front of `parts`."""
    taken = bytearray()
    while len(taken) < length:
        part = memoryview(parts.pop(0))
        here = part[: length - len(taken)]
        taken += here
        if len(here) < len(part):
            parts.insert(0, part[len(here) :])
    return bytes(taken)
