"""The record of an event of the journal ↔ values.

A peer that comes back after weeks may tell of thousands in a second, so they are packed as the
`index_records` are:

    mark        1 byte: EVENT
    numbers     _EVENT, little-endian, with the length of the path
    contents    the path, and then the old one

New fields bring a new mark.
"""

import struct
from struct import Struct

from realizefs.codec.records import damaged
from realizefs.model.ids import AuthorId
from realizefs.model.journal import Event, What
from realizefs.model.versions import Kind

EVENT = 0x01

_EVENT = Struct("<BBBQqqIH")
"""mark, what, kind, peer, when_ns, mtime_ns, count, bytes of the path."""

_WHATS = {int(what): what for what in What}
_KINDS = {int(kind): kind for kind in Kind}


def encode_event(event: Event) -> bytes:
    """What happened."""
    numbers = (
        *(EVENT, event.what, event.kind, event.peer, event.when_ns, event.mtime_ns),
        *(event.count, len(event.path)),
    )
    return b"".join((_EVENT.pack(*numbers), event.path, event.old))


def decode_event(data: bytes) -> Event:
    """The same; UNKNOWN where a newer program has written it; StoreFault where it is damaged."""
    if data and data[0] > EVENT:
        return Event(0, What.UNKNOWN, AuthorId(0))
    try:
        mark, what, kind, peer, when_ns, mtime_ns, count, length = _EVENT.unpack_from(data)
        contents = data[_EVENT.size :]
        if mark != EVENT or len(contents) < length:
            raise ValueError("it is none")
        known, path, old = _WHATS.get(what, What.UNKNOWN), contents[:length], contents[length:]
        return Event(when_ns, known, AuthorId(peer), path, old, _KINDS[kind], count, mtime_ns)
    except (struct.error, LookupError, ValueError) as error:
        raise damaged("Event", data) from error
