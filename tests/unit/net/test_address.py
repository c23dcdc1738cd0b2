"""Addresses: what people write, and the sentence where it is none."""

import pytest

from realizefs.model.errors import Misuse
from realizefs.net.address import parse_address, show_address


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("desk.local:4242", "desk.local", 4242),
        ("192.0.2.1:0", "192.0.2.1", 0),
        ("[::1]:65535", "::1", 65535),
        ("[fe80::1%eth0]:7", "fe80::1%eth0", 7),
    ],
)
def test_an_address_is_read_and_shown(text: str, host: str, port: int) -> None:
    assert parse_address(text) == (host, port)
    assert show_address(host, port) == text


@pytest.mark.parametrize(
    "text", ["", "desk", "desk:", ":1", "desk:x", "desk:65536", "desk:-1", "::1:7", "[]:1", "d:١"]
)
def test_what_is_no_address_gets_a_sentence(text: str) -> None:
    with pytest.raises(Misuse, match=r"address"):
        parse_address(text)
