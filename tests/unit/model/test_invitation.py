"""Invitation codes."""

import re
from base64 import b32encode, urlsafe_b64encode
from contextlib import suppress
from dataclasses import replace
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realizefs.model.errors import BadInvitation
from realizefs.model.ids import ArenaId
from realizefs.model.invitation import PREFIX, Invitation, decode, encode, encode_short
from realizefs.model.messages import SharedArena
from realizefs.model.short_code import SHORT_PREFIX

INVITATION = Invitation(
    addresses=("192.0.2.7:4331", "[2001:db8::7]:4331"),
    fingerprint="ab" * 32,
    secret=bytes(range(32)),
    arenas=(SharedArena(ArenaId(b"p" * 16), "photos"), SharedArena(ArenaId(b"d" * 16), "höm/docs")),
)


def test_a_code_is_one_line_that_gives_the_invitation_again() -> None:
    code = encode(INVITATION)
    assert code.isascii()
    assert not set(code) & set(" \n\t'\"$`\\")
    assert decode(code) == INVITATION


def test_a_code_that_a_mail_program_folded_is_still_good() -> None:
    code = encode(INVITATION)
    assert decode(f"  {code[:50]}\n{code[50:]}\n") == INVITATION


@pytest.mark.parametrize("code", ["", "x", "https://example.org", PREFIX * 9999])
def test_what_is_no_code_is_said_to_be_none(code: str) -> None:
    with pytest.raises(BadInvitation):
        decode(code)


@given(st.integers(min_value=len(PREFIX)), st.characters(codec="ascii"))
def test_no_changed_or_cut_code_is_taken(place: int, char: str) -> None:
    code = encode(INVITATION)
    at = len(PREFIX) + place % (len(code) - len(PREFIX))
    for damaged in (code[:at], f"{code[:at]}{char}{code[at + 1 :]}"):
        if "".join(damaged.split()) == code:
            continue
        with suppress(BadInvitation):
            assert decode(damaged) == INVITATION, "only bits that mean nothing may differ"


@given(st.binary(max_size=200))
def test_nothing_else_than_a_sentence_comes_of_hostile_codes(payload: bytes) -> None:

    code = PREFIX + urlsafe_b64encode(sha256(payload).digest()[:4] + payload).decode()
    with pytest.raises(BadInvitation):
        decode(code)


def test_a_short_code_says_the_same_in_what_a_qr_code_holds_best() -> None:
    code = encode_short(INVITATION)
    assert code is not None
    assert re.fullmatch(r"REALIZEFS:[A-Z2-7]+", code)
    assert decode(code) == INVITATION
    assert decode(f" {code.lower()[:40]}\n{code.lower()[40:]}") == INVITATION
    assert len(code) < len(encode(INVITATION))


hosts = st.one_of(
    st.ip_addresses().map(lambda ip: f"[{ip}]" if ip.version == 6 else str(ip)),
    st.sampled_from(["desk", "Desk.local", "[fe80::1%eth0]", "[2001:DB8::1]", "a" * 253]),
)
addresses = st.builds("{}:{}".format, hosts, st.integers(0, 65535))


@given(st.lists(addresses, min_size=1, max_size=16))
def test_all_addresses_come_back_as_they_were(several: list[str]) -> None:
    invited = replace(INVITATION, addresses=tuple(several))
    code = encode_short(invited)
    assert code is not None
    assert decode(code) == invited


@given(st.integers(min_value=0), st.characters(codec="ascii"))
def test_no_changed_or_cut_short_code_is_taken(place: int, char: str) -> None:
    code = encode_short(INVITATION)
    assert code is not None
    at = len(SHORT_PREFIX) + place % (len(code) - len(SHORT_PREFIX))
    for damaged in (code[:at], f"{code[:at]}{char}{code[at + 1 :]}"):
        if "".join(damaged.split()).upper() == code:
            continue
        with suppress(BadInvitation):
            assert decode(damaged) == INVITATION, "only bits that mean nothing may differ"


@given(st.binary(max_size=200))
def test_nothing_else_than_a_sentence_comes_of_hostile_short_codes(payload: bytes) -> None:
    for body in (payload, bytes([1]) + bytes(64) + payload):
        checked = sha256(body).digest()[:4] + body
        with suppress(BadInvitation):
            decode(SHORT_PREFIX + b32encode(checked).decode().rstrip("="))


def test_what_is_too_much_for_a_qr_code_has_no_short_code() -> None:
    many = tuple(SharedArena(ArenaId(bytes([n]) * 16), "n" * 200) for n in range(200))
    assert encode_short(replace(INVITATION, arenas=many)) is None
    several = tuple(SharedArena(ArenaId(bytes([1]) * 16), "n") for _ in range(256))
    assert encode_short(replace(INVITATION, arenas=several)) is None
