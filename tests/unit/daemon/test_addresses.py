"""Which addresses others are told."""

from pathlib import Path

from realizefs.daemon.addresses import listenable, own_hosts, reachable
from realizefs.model.limits import ADDRESSES_MAX

FIB_TRIE = """\
Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     |-- 127.0.0.1
        /32 host LOCAL
     |-- 192.0.2.7
        /32 host LOCAL
     |-- 192.0.2.255
        /32 link BROADCAST
Local:
     |-- 192.0.2.7
        /32 host LOCAL
"""
IF_INET6 = """\
00000000000000000000000000000001 01 80 10 80       lo
fe80000000000000000000000000aaaa 02 40 20 80     eth0
20010db8000000000000000000000007 02 40 00 80     eth0
"""
OWN = ("192.0.2.7", "2001:db8::7", "desk", "localhost")


def test_the_kernels_tables_give_the_interfaces(tmp_path: Path) -> None:
    (tmp_path / "fib_trie").write_text(FIB_TRIE)
    (tmp_path / "if_inet6").write_text(IF_INET6)
    hosts = own_hosts(tmp_path)
    assert hosts[:2] == ("192.0.2.7", "2001:db8::7")
    assert hosts[-1] == "localhost"


def test_a_kernel_without_ipv6_has_addresses_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "fib_trie").write_text(FIB_TRIE)
    assert own_hosts(tmp_path)[0] == "192.0.2.7"
    assert listenable(["[::]:1", "0.0.0.0:1"], tmp_path) == ("0.0.0.0:1",)


def test_a_wildcard_stands_for_the_machine() -> None:
    assert reachable(["[::]:4331", "0.0.0.0:4331"], OWN) == (
        "192.0.2.7:4331",
        "[2001:db8::7]:4331",
        "desk:4331",
        "localhost:4331",
    )


def test_a_wildcard_of_one_version_of_ip_stands_for_no_address_of_the_other() -> None:
    """Others tried in vain, and doctor blamed a firewall."""
    assert reachable(["0.0.0.0:1"], OWN) == ("192.0.2.7:1", "desk:1", "localhost:1")
    assert reachable(["[::]:1"], OWN) == ("[2001:db8::7]:1", "desk:1", "localhost:1")
    assert reachable(["0.0.0.0:1", "[::]:2"], OWN) == (
        *("192.0.2.7:1", "desk:1", "localhost:1"),
        *("[2001:db8::7]:2", "desk:2", "localhost:2"),
    )


def test_a_plain_address_stands_for_itself() -> None:
    assert reachable(["127.0.0.1:7", "[::1]:7"], OWN) == ("127.0.0.1:7", "[::1]:7")


def test_a_port_that_is_not_known_yet_is_not_told() -> None:
    assert reachable(["localhost:0"], OWN) == ()


def test_there_are_not_more_than_a_card_holds() -> None:
    many = [f"192.0.2.{number}:1" for number in range(100)]
    assert len(reachable(many, OWN)) == ADDRESSES_MAX
