"""Addresses as people write them: "host:port", "192.0.2.1:7", "[2001:db8::1]:7",
"[fe80::1%eth0]:7".
"""

from typing import Any

from realizefs.model.errors import Misuse


def parse_address(text: str) -> tuple[str, int]:
    """(host, port); raises Misuse."""
    host, colon, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise Misuse(f'Write the IPv6 address in "{text}" in brackets, as in "[::1]:4242".')
    digits = port.isascii() and port.isdecimal() and len(port) <= 5
    if not colon or not host or not digits or int(port) > 65535:
        raise Misuse(f'"{text}" is not an address; write HOST:PORT, as in "desk.local:4242".')
    return host, int(port)


def show_address(host: str, port: int) -> str:
    """The text of an address, such that `parse_address` reads it."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def show_socket_address(address: Any) -> str:
    """The text of what `getpeername` and `getsockname` give; they say "" for Unix sockets."""
    match address:
        case (str(host), int(port), *_):
            return show_address(host, port)
    return str(address)
