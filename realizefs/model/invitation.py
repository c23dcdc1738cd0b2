"""Invitation codes: one line that carries all that a new peer needs to join.

    realizefs-<base64url, unpadded, of: checksum, fingerprint, secret, JSON>

The fingerprint is that of the inviter's certificate, the secret is good once, and the JSON has
addresses and arenas. The checksum (4 bytes of SHA-256) is for people who paste half a code; it
proves nothing. The inviter keeps only the SHA-256 of the secret. The same in fewer and larger
letters, for a QR code, is made by `short_code`.
"""

import binascii
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from hashlib import sha256

from realizefs.model.errors import BadInvitation
from realizefs.model.ids import ArenaId
from realizefs.model.limits import ADDRESSES_MAX, ARENAS_MAX
from realizefs.model.messages import SharedArena
from realizefs.model.short_code import SHORT_PREFIX, lengthened, shortened

PREFIX = "realizefs-"
CODE_LENGTH_MAX = 16 * 1024
"""Characters; sixteen addresses and a few dozen arenas take far less."""
QR_LENGTH_MAX = 4296
"""Characters of its alphabet that the largest QR code holds."""
SECRET_BYTES = 32
FINGERPRINT_BYTES = 32
CHECKSUM_BYTES = 4
ARENA_ID_BYTES = 16


@dataclass(frozen=True, slots=True)
class Invitation:
    """What a code says. `fingerprint` is the SHA-256 of the inviter's DER certificate, hex."""

    addresses: tuple[str, ...]
    fingerprint: str
    secret: bytes
    arenas: tuple[SharedArena, ...]


def encode(invitation: Invitation) -> str:
    """The invitation as one line."""
    arenas = [[shared.arena.hex(), shared.name] for shared in invitation.arenas]
    described = json.dumps([list(invitation.addresses), arenas], separators=(",", ":"))
    payload = bytes.fromhex(invitation.fingerprint) + invitation.secret + described.encode()
    return PREFIX + urlsafe_b64encode(_checksum(payload) + payload).decode().rstrip("=")


def encode_short(invitation: Invitation) -> str | None:
    """The invitation as a QR code holds it; None where it is too much for one."""
    parts = (invitation.addresses, invitation.fingerprint, invitation.secret, invitation.arenas)
    try:
        code = shortened(parts)
    except ValueError:
        return None
    return code if len(code) <= QR_LENGTH_MAX else None


def decode(code: str) -> Invitation:
    """The invitation in a line, of either kind; raises BadInvitation."""
    text = "".join(code.split())
    is_short = text.upper().startswith(SHORT_PREFIX)
    if not (is_short or text.startswith(PREFIX)) or len(text) > CODE_LENGTH_MAX:
        raise BadInvitation(
            f'This is not an invitation code; one begins with "{PREFIX}" and is a single line.'
        )
    try:
        return _long(text) if is_short else _parsed(_payload(text.removeprefix(PREFIX)))
    except (ValueError, TypeError, RecursionError) as error:
        raise BadInvitation(
            "The invitation code is damaged or incomplete; copy the whole line again."
        ) from error


def _long(code: str) -> Invitation:
    invitation = Invitation(*lengthened(code))
    _check(invitation)
    return invitation


def _payload(encoded: str) -> bytes:
    padded = encoded + "=" * (-len(encoded) % 4)
    try:
        data = urlsafe_b64decode(padded.encode("ascii"))
    except binascii.Error as error:
        raise ValueError("not base64") from error
    payload = data[CHECKSUM_BYTES:]
    if data[:CHECKSUM_BYTES] != _checksum(payload):
        raise ValueError("the checksum differs")
    return payload


def _parsed(payload: bytes) -> Invitation:
    secrets_end = FINGERPRINT_BYTES + SECRET_BYTES
    addresses, arenas = json.loads(payload[secrets_end:])
    invitation = Invitation(
        addresses=tuple(str(address) for address in addresses),
        fingerprint=payload[:FINGERPRINT_BYTES].hex(),
        secret=payload[FINGERPRINT_BYTES:secrets_end],
        arenas=tuple(
            SharedArena(ArenaId(bytes.fromhex(arena)), str(name)) for arena, name in arenas
        ),
    )
    _check(invitation)
    return invitation


def _check(invitation: Invitation) -> None:
    sizes_hold = (
        0 < len(invitation.addresses) <= ADDRESSES_MAX
        and 0 < len(invitation.arenas) <= ARENAS_MAX
        and all(len(shared.arena) == ARENA_ID_BYTES for shared in invitation.arenas)
    )
    if not sizes_hold:
        raise ValueError("a field has the wrong size")


def _checksum(payload: bytes) -> bytes:
    return sha256(payload).digest()[:CHECKSUM_BYTES]
