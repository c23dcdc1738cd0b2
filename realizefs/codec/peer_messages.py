"""Peer messages as bytes, and back. The schema is capnp/peer.capnp."""

from typing import Any

import capnp

from realizefs.codec.peer_decode import DECODERS
from realizefs.codec.peer_encode import ENCODERS
from realizefs.codec.schema import load
from realizefs.model.errors import BadPath, Misuse, ProtocolFault
from realizefs.model.limits import FRAME_MESSAGE_BYTES_MAX, FRAME_PAYLOAD_BYTES_MAX
from realizefs.model.messages import Data, Delta, Message, Packed, ReadDelta

_TRAVERSAL_WORDS_MAX = 4 * FRAME_MESSAGE_BYTES_MAX // 8
"""capnp counts a list each time that a field of it is reached; four visits are plenty, while a
small message whose pointers all show the same big list runs into it."""

_WITH_PAYLOAD = {"data", "packed", "delta", "readDelta"}


def encode(message: Message) -> tuple[bytes, bytes]:
    """(the capnp message, the raw payload); raises Misuse if it's more than a frame may hold."""
    field, value = ENCODERS[type(message)](message)
    encoded = _encoded(field, value)
    payload = _payload(message)
    if len(encoded) > FRAME_MESSAGE_BYTES_MAX or len(payload) > FRAME_PAYLOAD_BYTES_MAX:
        raise Misuse(
            f"A {type(message).__name__} of {len(encoded)} + {len(payload)} bytes fits no frame."
        )
    return encoded, payload


def _encoded(field: str, value: Any) -> bytes:
    if not isinstance(value, dict):
        return bytes(load("peer").PeerMessage.new_message(**{field: value}).to_bytes())
    # A struct in a union that isn't initialised yet is met by an exception inside of pycapnp, which
    # walks the stack.
    message = load("peer").PeerMessage.new_message()
    message.init(field).from_dict(value)
    return bytes(message.to_bytes())


def _payload(message: Message) -> bytes:
    match message:
        case Data() | Packed() | Delta():
            return message.payload
        case ReadDelta():
            return message.signature
    return b""


def decode(encoded: bytes, payload: bytes) -> Message:
    """The message of a frame; raises ProtocolFault whatever a hostile peer sends (R7)."""
    try:
        with load("peer").PeerMessage.from_bytes(
            encoded, traversal_limit_in_words=_TRAVERSAL_WORDS_MAX
        ) as reader:
            return _decode(reader, payload)
    except capnp.KjException as error:
        raise ProtocolFault("a message is damaged, or newer than this program.") from error
    except BadPath as error:
        raise ProtocolFault(f"a message has a bad path: {error}") from error
    except KeyError as error:
        raise ProtocolFault("a message has a kind that doesn't exist.") from error
    except ValueError as error:  # UnicodeDecodeError is one, too
        raise ProtocolFault(f"a message is wrong: {error}.") from error


def _decode(reader: Any, payload: bytes) -> Message:
    field = reader.which()
    if payload and field not in _WITH_PAYLOAD:
        raise ValueError(f"{len(payload)} bytes of data after a {field}")
    return DECODERS[field](getattr(reader, field), payload)
