"""Pairing two machines that know nothing of each other, by a short code that people compare.

Theory of operation
-------------------
Somebody opens a machine for pairing (the *opener*) and has another one (the *joiner*) connect to it, over
TLS: the joiner sees the opener's certificate, which may be that of whoever stands between. This is
what they say, and what is shown:

    joiner → opener   PairStart   C = H("commitment", n_j, c_j, c_o), and the joiner's name and c_j
    opener → joiner   PairAnswer  n_o, and the opener's name
    joiner → opener   PairReveal  n_j; the opener computes C anew, and ends if it isn't the same
    both show         six digits  of H("code", n_j, n_o, c_j, c_o, both names)
    joiner → opener   PairAgreed  its user says that both show the same
    opener → joiner   PairInvited once its own user says so, too: the secret of an invitation

n_j and n_o are 32 random bytes, c_j and c_o the certificates as each side sees them: the joiner takes
for c_o what TLS showed, the opener for c_j what is claimed; H is SHA-256 over its arguments, each with
its length. With the invitation the joiner then joins as with a code, at the machine with c_o alone; the
opener admits c_j, which only the machine with its key can use. This is the scheme of numeric comparison
in Bluetooth and of ZRTP's short authentication string (Vaudenay 2005).

Why six digits are enough. Who stands between must take part twice, as an opener with c_m to the joiner
and as a joiner with c_m to the opener, and wins if both show the same digits. He can't pass on the
joiner's messages: c_o is in them. The digits of each side depend on a nonce that its honest machine chose
at random, and he has to choose his own before he knows it: towards the joiner because it has only
committed to n_j when he must answer (C hides n_j), towards the opener because his commitment binds
him before n_o comes (he finds no other n_j for it, or breaks SHA-256). So whatever he does, in
whatever order, whichever code comes last is random to him: he wins one try in a million. He can't try in silence
either: an opener that has told n_o has used up one of PAIR_TRIES_MAX tries, has one conversation at a time, and
asks its user about each; a joiner tries once each time that its user says so. Without the commitment he
would choose his nonce last, and find a million of them in a second.

What is left to people: to compare. A user who says yes without looking lets in whoever is there, and
either side's care protects that side. Everybody on the network may use up the tries; the opener then
says so and closes, and nothing is lost but time.
"""

from dataclasses import dataclass
from hashlib import sha256

NONCE_BYTES = 32
COMMITMENT_BYTES = 32
DIGITS = 6


@dataclass(frozen=True, slots=True)
class Side:
    """What one of the two brings in: `certificate` is DER."""

    nonce: bytes
    certificate: bytes
    name: str


def commitment(nonce: bytes, joiner: bytes, opener: bytes) -> bytes:
    """What binds the joiner to its nonce, and to both certificates."""
    return _hash(b"realizefs pairing 1: commitment", nonce, joiner, opener)


def short_code(joiner: Side, opener: Side) -> str:
    """What both show: "481 302"."""
    hashed = _hash(
        b"realizefs pairing 1: code",
        *(joiner.nonce, opener.nonce, joiner.certificate, opener.certificate),
        *(joiner.name.encode(), opener.name.encode()),
    )
    # Of 2^64 numbers: that some digits come more often than others can't be told.
    digits = f"{int.from_bytes(hashed[:8], 'big') % 10**DIGITS:0{DIGITS}}"
    return f"{digits[: DIGITS // 2]} {digits[DIGITS // 2 :]}"


def _hash(*parts: bytes) -> bytes:
    return sha256(b"".join(len(part).to_bytes(8, "big") + part for part in parts)).digest()
