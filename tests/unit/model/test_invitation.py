"""Invitation codes."""

from base64 import urlsafe_b64encode
from contextlib import suppress
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realizefs.model.errors import BadInvitation
from realizefs.model.ids import ArenaId
from realizefs.model.invitation import PREFIX, Invitation, decode, encode
from realizefs.model.messages import SharedArena

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
