"""Deltas: small where little changed, the same bytes again, and nothing that a liar can do."""

import os
import struct

import pytest

from realizefs.codec.deltas import apply, check_signature, delta, signature
from realizefs.model.errors import ProtocolFault, WrongBytes
from realizefs.model.limits import KIB, MIB

OLD = os.urandom(MIB)
MAGIC = b"rs\x026"


@pytest.mark.parametrize(
    ("new", "most"),
    [
        (b"inserted at the front" + OLD, 4 * KIB),
        (OLD[: MIB // 2] + b"an edit" + OLD[MIB // 2 + 7 :], 5 * KIB),
        (OLD[: MIB // 2] + OLD[MIB // 2 + 1 :], 5 * KIB),
        (OLD + b"appended", 1 * KIB),
        (OLD[8192:9000], 2 * KIB),
        (b"", 10),
    ],
)
def test_what_changed_is_small_and_makes_the_same(new: bytes, most: int) -> None:
    made = delta(new, signature(OLD))
    assert len(made) <= most
    assert apply(OLD, made, len(new)) == new


def test_nothing_in_common_is_all_literal() -> None:
    new = os.urandom(100 * KIB)
    made = delta(new, signature(OLD))
    assert len(new) < len(made) < len(new) + KIB
    assert apply(OLD, made, len(new)) == new


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        signature(OLD)[:-1],
        signature(OLD)[:12],
        signature(OLD)[:11],
        b"rs\x016" + signature(OLD)[4:],
        struct.pack(">III", 0x72730147, 0, 8) + bytes(12),
        struct.pack(">III", 0x72730147, 2048, 32) + bytes(36),
        struct.pack(">III", 0x72730147, 2048, 8) + bytes(12 * 100_000),
    ],
)
def test_a_signature_of_another_form_is_refused(sent: bytes) -> None:
    check_signature(signature(OLD))
    with pytest.raises(ProtocolFault):
        check_signature(sent)


def test_a_bomb_of_copies_is_refused_before_it_grows() -> None:
    """Three bytes for each mebibyte."""
    whole = b"\x4b" + b"\0\0" + struct.pack(">I", MIB)  # a copy: two bytes of place, four of length
    assert apply(OLD, MAGIC + whole + b"\0", MIB) == OLD
    with pytest.raises(WrongBytes, match="more than there is"):
        apply(OLD, MAGIC + whole * 100_000 + b"\0", 2 * MIB)


@pytest.mark.parametrize(
    "changes",
    [
        b"",
        b"rs\x026",
        b"other",
        MAGIC + b"\0more",
        MAGIC + b"\x05abc",
        MAGIC + b"\x44" + b"\xff" * 8,
        MAGIC + b"\x54" + b"\xff" * 16 + b"\0",
        MAGIC + b"\x54" + b"\xff",
        MAGIC + b"\x55\0",
        MAGIC + b"\xff\0",
        MAGIC + b"\x45\0\0",
        MAGIC + b"\x03abc",
    ],
)
def test_a_delta_that_is_none_is_refused(changes: bytes) -> None:
    with pytest.raises(WrongBytes):
        apply(OLD, changes, 4)
