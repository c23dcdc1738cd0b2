"""Where this machine is reached: what its card and its invitations say.

Listening on a wildcard says nothing to others, so it is replaced by the machine's name and the
addresses of its interfaces, as the kernel lists them. Loopback comes last: it serves two homes on
one machine, and costs a stranger one refused connection.
"""

import ipaddress
import re
import socket
from collections.abc import Iterable, Iterator
from pathlib import Path

from realizefs.model.limits import ADDRESSES_MAX

_LOCAL_V4 = re.compile(r"\|-- ([0-9.]+)\n\s+/32 host LOCAL")
_WILDCARDS = {"": {4, 6}, "*": {4, 6}, "0.0.0.0": {4}, "::": {6}}
"""With the versions of IP that one listens on: IPv4 isn't IPv6's, as with `net.listen`."""


def reachable(listening: Iterable[str], own: "tuple[str, ...] | None" = None) -> tuple[str, ...]:
    """The addresses to tell others, best first; `listening` are "host:port" as bound.

    `own` stands for the names and addresses of this machine; None asks the kernel.
    """
    found: dict[str, None] = {}  # a set that keeps the order
    bound = [(*_host_and_port(address), address) for address in listening]
    for host, port, address in bound:
        if port == "0":  # any free one: known only once it is bound
            continue
        if host in _WILDCARDS:
            versions = set[int]().union(
                *(_WILDCARDS.get(one, ()) for one, its_port, _ in bound if its_port == port)
            )
            hosts = own_hosts() if own is None else own
            heard = (each for each in hosts if _version(each) in {None, *versions})
            found |= dict.fromkeys(f"{_bracketed(each)}:{port}" for each in heard)
        else:
            found[address] = None
    return tuple(found)[:ADDRESSES_MAX]


def listenable(addresses: Iterable[str], proc: Path = Path("/proc/net")) -> tuple[str, ...]:
    """Those that this kernel can listen on: without IPv6, "all of IPv6" is nothing to listen on."""
    has_v6 = (proc / "if_inet6").exists()
    return tuple(each for each in addresses if has_v6 or not each.startswith("[::]:"))


def own_hosts(proc: Path = Path("/proc/net")) -> tuple[str, ...]:
    """Addresses of the interfaces, then the host name, then localhost."""
    return (*_addresses_v4(proc / "fib_trie"), *_addresses_v6(proc / "if_inet6"), *_names())


def _host_and_port(address: str) -> tuple[str, str]:
    host, _, port = address.rpartition(":")
    return host.strip("[]"), port


def _version(host: str) -> int | None:
    """Of IP, None for a name, which may stand for addresses of both."""
    try:
        return ipaddress.ip_address(host).version
    except ValueError:
        return None


def _names() -> Iterator[str]:
    name = socket.gethostname()
    if name and name != "localhost":
        yield name
    yield "localhost"


def _addresses_v4(table: Path) -> Iterator[str]:
    for address in dict.fromkeys(_LOCAL_V4.findall(_read(table))):
        if not ipaddress.ip_address(address).is_loopback:
            yield address


def _addresses_v6(table: Path) -> Iterator[str]:
    for line in _read(table).splitlines():
        address = ipaddress.ip_address(bytes.fromhex(line.split()[0]))
        # A link-local address means something only together with an interface of the other side.
        if not (address.is_loopback or address.is_link_local):
            yield str(address)


def _read(table: Path) -> str:
    try:
        return table.read_text(encoding="ascii")
    except FileNotFoundError:  # a kernel without that protocol
        return ""


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
