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
_WILDCARDS = {"", "*", "0.0.0.0", "::"}


def reachable(listening: Iterable[str], own: "tuple[str, ...] | None" = None) -> tuple[str, ...]:
    """The addresses to tell others, best first; `listening` are "host:port" as bound.

    `own` stands for the names and addresses of this machine; None asks the kernel.
    """
    found: dict[str, None] = {}  # a set that keeps the order
    for address in listening:
        host, _, port = address.rpartition(":")
        if port == "0":  # any free one: known only once it is bound
            continue
        if host.strip("[]") in _WILDCARDS:
            hosts = own_hosts() if own is None else own
            found |= dict.fromkeys(f"{_bracketed(each)}:{port}" for each in hosts)
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
