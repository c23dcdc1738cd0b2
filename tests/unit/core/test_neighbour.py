"""What is announced on the local network: understood by who has the certificate, and by nobody else."""

from hypothesis import given
from hypothesis import strategies as st

from realizefs.core.neighbour import Neighbour, said, understood
from realizefs.model.lan_limits import NEIGHBOUR_ADDRESSES_MAX

DESK, LAPTOP = b"der of desk", b"der of laptop"
SALT, OTHER_SALT = b"salt sal", b"pepper p"
HOSTS = ["192.168.1.7", "2001:db8::7"]


def heard(properties: dict[bytes, bytes], hosts: list[str] = HOSTS) -> Neighbour:
    found = understood(4331, hosts, dict(properties))
    assert found is not None
    return found


def test_a_peer_is_known_by_those_who_have_its_certificate() -> None:
    found = heard(said(SALT, DESK))
    assert found.is_of(DESK)
    assert not found.is_of(LAPTOP)
    assert found.addresses == ("192.168.1.7:4331", "[2001:db8::7]:4331")
    assert found.name == ""


def test_two_announcements_of_one_machine_have_nothing_in_common() -> None:
    first, second = said(SALT, DESK), said(OTHER_SALT, DESK)
    assert not set(first.values()) & set(second.values())


def test_a_name_is_told_only_while_it_is_open_for_pairing() -> None:
    assert heard(said(SALT, DESK, "Schreibtisch ü")).name == "Schreibtisch ü"
    assert b"desk" not in b"".join(said(SALT, DESK).values())


def test_names_that_play_with_a_terminal_are_none() -> None:
    for name in ("\x1b[2J", "a\nb", "x" * 300, "\u202egnirts"):
        assert heard(said(SALT, DESK) | {b"open": name.encode()}).name == ""


def test_nobody_has_us_dial_ourselves_or_many() -> None:
    properties = said(SALT, DESK)
    for host in ("127.0.0.1", "::1", "0.0.0.0", "224.0.0.1", "ff02::1", "desk.local", ""):
        assert understood(4331, [host], dict(properties)) is None
        assert heard(properties, [host, "192.168.1.7"]).addresses == ("192.168.1.7:4331",)
    many = [f"192.168.1.{number}" for number in range(99)]
    assert len(heard(properties, many).addresses) == NEIGHBOUR_ADDRESSES_MAX
    assert understood(0, HOSTS, dict(properties)) is None


@given(
    st.integers(0, 1 << 17),
    st.lists(st.text(max_size=20), max_size=3),
    st.dictionaries(
        st.sampled_from([b"s", b"t", b"open", b"x"]), st.none() | st.binary(max_size=300)
    ),
)
def test_whatever_is_announced_is_understood_or_not(
    port: int, hosts: list[str], properties: dict[bytes, bytes | None]
) -> None:
    found = understood(port, [*hosts, "10.0.0.1"], properties)
    assert found is None or (len(found.salt), len(found.tag)) == (8, 8)
