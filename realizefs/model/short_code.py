"""An invitation in the form that a QR code holds best: capital letters, digits and a colon.

    REALIZEFS:<base32, unpadded, of: checksum, form, fingerprint, secret, arenas, addresses>

A QR code spends 5.5 bits on such a character and 8 on a small letter, so this takes half the room
of the line that `invitation.encode` gives, and the picture fits a terminal. It says the same. Arenas
and addresses are counted in a byte each; an arena is its id and its name; an address is a byte for
its form (4, 6, or 0 for text), the host and the port. Texts begin with a byte for their length.
"""

import ipaddress
from base64 import b32decode, b32encode
from collections.abc import Callable
from hashlib import sha256
from typing import TypeVar

from realizefs.model.ids import ArenaId
from realizefs.model.messages import SharedArena

SHORT_PREFIX = "REALIZEFS:"
CHECKSUM_BYTES = 4
FORM = 1
"""The form of what follows; another one is of a newer program."""

Parts = tuple[tuple[str, ...], str, bytes, tuple[SharedArena, ...]]
"""Addresses, fingerprint, secret, arenas: what an Invitation is made of."""

T = TypeVar("T")


def shortened(parts: Parts) -> str:
    """The code; ValueError where something doesn't fit, as more than 255 arenas."""
    addresses, fingerprint, secret, arenas = parts
    payload = bytes([FORM]) + bytes.fromhex(fingerprint) + secret
    payload += _listed([shared.arena + _text(shared.name) for shared in arenas])
    payload += _listed([_address(address) for address in addresses])
    return SHORT_PREFIX + b32encode(_checksum(payload) + payload).decode().rstrip("=")


def lengthened(code: str) -> Parts:
    """What was shortened, in letters of either case; ValueError."""
    encoded = code[len(SHORT_PREFIX) :].upper()
    data = b32decode(encoded + "=" * (-len(encoded) % 8))
    payload = data[CHECKSUM_BYTES:]
    if data[:CHECKSUM_BYTES] != _checksum(payload):
        raise ValueError("the checksum differs")
    reader = _Reader(payload)
    if reader.take(1)[0] != FORM:
        raise ValueError("the code is of a newer program")
    fingerprint, secret = reader.take(32).hex(), reader.take(32)
    arenas = reader.listed(lambda: SharedArena(ArenaId(reader.take(16)), reader.text()))
    addresses = reader.listed(reader.address)
    reader.end()
    return addresses, fingerprint, secret, arenas


def _listed(items: list[bytes]) -> bytes:
    return bytes([len(items)]) + b"".join(items)


def _text(text: str) -> bytes:
    encoded = text.encode()
    return bytes([len(encoded)]) + encoded


def _address(address: str) -> bytes:
    host, _, port = address.rpartition(":")
    numbered = b"\0" + _text(host)
    try:
        parsed = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        pass  # a name
    else:
        # What doesn't come back as it is, a zone or capital letters, travels as text.
        if _shown(parsed.packed) == host:
            numbered = bytes([parsed.version]) + parsed.packed
    return numbered + int(port).to_bytes(2, "big")


def _shown(packed: bytes) -> str:
    shown = str(ipaddress.ip_address(packed))
    return f"[{shown}]" if ":" in shown else shown


class _Reader:
    """Takes fields from the front; ValueError where they end too early."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, count: int) -> bytes:
        taken = self._data[self._at : self._at + count]
        if len(taken) != count:
            raise ValueError("the code is cut off")
        self._at += count
        return taken

    def text(self) -> str:
        return self.take(self.take(1)[0]).decode()

    def listed(self, item: Callable[[], T]) -> tuple[T, ...]:
        return tuple(item() for _ in range(self.take(1)[0]))

    def address(self) -> str:
        form = self.take(1)[0]
        if form not in (0, 4, 6):
            raise ValueError("an address of an unknown form")
        host = self.text() if form == 0 else _shown(self.take(4 if form == 4 else 16))
        return f"{host}:{int.from_bytes(self.take(2), 'big')}"

    def end(self) -> None:
        if self._at != len(self._data):
            raise ValueError("the code goes on")


def _checksum(payload: bytes) -> bytes:
    return sha256(payload).digest()[:CHECKSUM_BYTES]
