"""What this machine has announced of itself, and when."""

import pytest

from realizefs.core.neighbour import understood
from realizefs.daemon.lan import announcement

CERTIFICATE = b"der"


def test_the_numbers_at_which_others_reach_it_are_announced_and_no_names() -> None:
    made = announcement(
        CERTIFICATE, ("192.168.1.7:4331", "[2001:db8::7]:4331", "desk:4331", "localhost:4331")
    )
    assert made is not None
    assert (made.port, made.hosts) == (4331, ("192.168.1.7", "2001:db8::7"))
    found = understood(made.port, made.hosts, dict(made.properties))
    assert found is not None
    assert found.is_of(CERTIFICATE)


def test_one_port_is_announced_with_what_is_reached_there() -> None:
    made = announcement(CERTIFICATE, ("192.168.1.7:1", "192.168.1.8:2", "192.168.1.9:1"))
    assert made is not None
    assert (made.port, made.hosts) == (1, ("192.168.1.7", "192.168.1.9"))


@pytest.mark.parametrize(
    "addresses", [(), ("localhost:1", "127.0.0.1:1", "[::1]:1", "[fe80::1%eth0]:1", "desk:1")]
)
def test_who_is_reached_by_nobody_else_announces_nothing(addresses: tuple[str, ...]) -> None:
    assert announcement(CERTIFICATE, addresses) is None


def test_each_announcement_is_another_one() -> None:
    made = [announcement(CERTIFICATE, ("192.168.1.7:1",)) for _ in range(2)]
    assert made[0] is not None
    assert made[1] is not None
    assert made[0].name != made[1].name
    assert not set(made[0].properties.values()) & set(made[1].properties.values())
