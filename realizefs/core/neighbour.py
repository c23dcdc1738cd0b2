"""What a machine says of itself on the local network, and who understands it.

Everybody on a network hears what is announced there, on the cable at home as in a train's wireless.
So an announcement names nobody: it is called by random digits, and carries a random *salt* and a *tag*,
the first bytes of SHA-256 over the salt and the fingerprint of the machine's certificate. Who has the
certificate, and that is the household, computes the same; for others two announcements of one machine
have nothing in common. They are made anew whenever the daemon starts, or the machine comes to another
network. Only while its user lets somebody pair with it does a machine announce its name, since
somebody must choose it from a list.

What this doesn't hide: that a machine has RealizeFS, and at which port; and who connects there sees
the certificate, as TLS shows it to whoever dials. Who repeats an announcement elsewhere learns that
somebody there knows the machine, by being dialled; he is told nothing, as he hasn't its key.
"""

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from realizefs.model.lan_limits import NEIGHBOUR_ADDRESSES_MAX
from realizefs.model.limits import PEER_NAME_BYTES_MAX

SALT_BYTES = 8
TAG_BYTES = 8

_SALT, _TAG, _OPEN = b"s", b"t", b"open"


@dataclass(frozen=True, slots=True)
class Neighbour:
    """An announcement that was understood. `addresses` are "host:port" with numbers as hosts; `name`,
    that of a machine which is open for pairing, else ""."""

    salt: bytes
    tag: bytes
    addresses: tuple[str, ...]
    name: str = ""

    def is_of(self, certificate: bytes) -> bool:
        """Whether the machine with this DER certificate says so."""
        return self.tag == tag(self.salt, certificate)


def tag(salt: bytes, certificate: bytes) -> bytes:
    """What the machine with this DER certificate announces beside the salt."""
    return sha256(b"realizefs on this network" + salt + sha256(certificate).digest()).digest()[
        :TAG_BYTES
    ]


def said(salt: bytes, certificate: bytes, open_as: str = "") -> dict[bytes, bytes]:
    """The properties of an announcement; `open_as`, the name of a machine that is open for pairing."""
    properties = {_SALT: salt, _TAG: tag(salt, certificate)}
    if open_as:
        properties[_OPEN] = open_as.encode()[:PEER_NAME_BYTES_MAX]
    return {
        key: value if key == _OPEN else value.hex().encode() for key, value in properties.items()
    }


def understood(
    port: int, hosts: Sequence[str], properties: Mapping[bytes, bytes | None]
) -> Neighbour | None:
    """What somebody announced; None if it is nothing of ours (R7: anybody may announce anything)."""
    try:
        salt = bytes.fromhex((properties.get(_SALT) or b"").decode("ascii"))
        found = bytes.fromhex((properties.get(_TAG) or b"").decode("ascii"))
        name = (properties.get(_OPEN) or b"").decode()
    except ValueError:
        return None
    numbers = tuple(host for host in hosts if _is_elsewhere(host))[:NEIGHBOUR_ADDRESSES_MAX]
    if len(salt) != SALT_BYTES or len(found) != TAG_BYTES or not 0 < port < 1 << 16 or not numbers:
        return None
    if not name.isprintable() or len(name.encode()) > PEER_NAME_BYTES_MAX:
        name = ""
    shown = (f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host in numbers)
    return Neighbour(salt, found, tuple(shown), name)


def _is_elsewhere(host: str) -> bool:
    """Whether it is the number of one other machine: nobody has us dial ourselves, or many."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return not (address.is_loopback or address.is_multicast or address.is_unspecified)
