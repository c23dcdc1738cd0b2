"""The code that two people compare: the same for both, and blind to whoever stands between."""

import re
import secrets
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from realizefs.core.pairing import Side, commitment, short_code

LAP = Side(b"n" * 32, b"der of lap", "lap")
DESK = Side(b"m" * 32, b"der of desk", "desk")

sides = st.builds(Side, st.binary(max_size=40), st.binary(max_size=40), st.text(max_size=9))


def test_a_code_is_six_digits_of_all_that_both_bring_in() -> None:
    code = short_code(LAP, DESK)
    assert re.fullmatch(r"\d{3} \d{3}", code)
    others = [
        replace(LAP, nonce=b"o" * 32),
        replace(LAP, certificate=b"another"),
        replace(LAP, name="laptop"),
    ]
    codes = {short_code(other, DESK) for other in others} | {short_code(DESK, LAP), code}
    assert len(codes) == 5


@given(sides, sides, sides, sides)
def test_what_is_moved_from_one_field_to_the_next_is_something_else(
    a: Side, b: Side, c: Side, d: Side
) -> None:
    """Of a million codes two are the same now and then; of commitments, never."""
    first = (a.nonce, a.certificate, b.certificate)
    second = (c.nonce, c.certificate, d.certificate)
    assert (commitment(*first) == commitment(*second)) is (first == second)


def test_codes_are_spread_over_all_digits() -> None:
    codes = [
        short_code(replace(LAP, nonce=number.to_bytes(32, "big")), DESK) for number in range(5000)
    ]
    for place in (0, 1, 2, 4, 5, 6):
        count = [sum(code[place] == digit for code in codes) for digit in "0123456789"]
        assert min(count) > 400
        assert max(count) < 600


def test_who_stands_between_meets_by_chance_alone() -> None:
    """He takes part twice, and knows each time all but the last honest nonce when he must choose. Here
    the first three digits have to meet: one in a thousand."""
    met = 0
    for _ in range(3000):
        to_desk = Side(secrets.token_bytes(32), b"der of mallory", "lap")  # bound to it by now
        desk = replace(DESK, nonce=secrets.token_bytes(32))
        towards_desk = short_code(to_desk, desk)
        # What he tells lap he may choose by that, but not yet by what lap is only committed to.
        to_lap = Side(secrets.token_bytes(32), b"der of mallory", "desk")
        lap = replace(LAP, nonce=secrets.token_bytes(32))
        met += short_code(lap, to_lap)[:3] == towards_desk[:3]
    assert met < 20  # 3 are expected
