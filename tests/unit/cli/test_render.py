"""Names can't play with the terminal that they are shown on."""

import pytest

from realizefs.cli.render import printable

DECEIVING = (
    *(range(0x20), range(0x7F, 0xA0), range(0x200B, 0x2010), range(0x2028, 0x202F)),
    *(range(0x2066, 0x206A), range(0xFEFF, 0xFF00), range(0xDC80, 0xDD00), range(0xE0001, 0xE0080)),
)
"""Controls, what has no width, ends of lines, what turns the direction, bytes that are no UTF-8, tags."""


@pytest.mark.parametrize("codes", DECEIVING, ids=lambda codes: hex(codes[0]))
def test_what_could_deceive_is_shown_escaped(codes: range) -> None:
    for code in codes:
        said = printable(f"a{chr(code)}b")
        assert said.isascii(), hex(code)
        assert said.startswith("a\\"), hex(code)


@pytest.mark.parametrize("name", ["café", "été 2024.jpg", "写真", "😀", "a  b", "a\\b", "ß'\"<>"])
def test_what_is_seen_as_it_is_stays(name: str) -> None:
    assert printable(name) == name
