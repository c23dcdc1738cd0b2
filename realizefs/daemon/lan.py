"""This machine on the local network: announced there, and hearing who else is, as the configuration
says.

A machine that listens on loopback alone keeps to itself: it does neither. While its user lets somebody
pair with it (`open_as`) it is announced at any rate. Whenever something changes, an address or that,
all is begun anew, under another name: that takes a second, and what others heard before is withdrawn.
"""

import ipaddress
import logging
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import trio

from realizefs.core.neighbour import SALT_BYTES, said
from realizefs.daemon.config import LanConfig
from realizefs.model.errors import Unreachable
from realizefs.model.lan_limits import LAN_RETRY_SECONDS, NEIGHBOUR_ADDRESSES_MAX
from realizefs.net.address import parse_address
from realizefs.net.mdns import Announcement, run_mdns
from realizefs.sync.bell import Bell
from realizefs.sync.neighbours import Neighbours

log = logging.getLogger(__name__)

NAME_BYTES = 8
"""Random bytes of the name of an announcement: nobody else's by chance."""


class Lan:
    """One daemon's part in it. `addresses` are where it is reached, "host:port"."""

    def __init__(
        self,
        config: LanConfig,
        certificate: bytes,
        neighbours: Neighbours,
        addresses: Callable[[], tuple[str, ...]],
    ) -> None:
        self._config = config
        self._certificate = certificate
        self._neighbours = neighbours
        self._addresses = addresses
        self._open_as = ""
        self._changed = Bell()

    def moved(self) -> None:
        """The addresses are other ones now."""
        self._neighbours.forget()
        self._changed.ring()

    @contextmanager
    def open_as(self, name: str) -> Iterator[None]:
        """Announce that this machine, of that name, is open for pairing."""
        self._open_as = name
        self._changed.ring()
        try:
            yield
        finally:
            self._open_as = ""
            self._changed.ring()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            seen = self._changed.count
            with trio.CancelScope() as scope:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._take_part, scope)
                    await self._changed.after(seen)
                    nursery.cancel_scope.cancel()

    async def _take_part(self, scope: trio.CancelScope) -> None:
        announced = announcement(self._certificate, self._addresses(), self._open_as)
        if not (self._config.announce or self._open_as):
            announced = None
        # Who has no address that others could reach has no network, or keeps to itself.
        browses = self._config.discover and _on_a_network(self._addresses())
        if announced is None and not browses:
            return
        try:
            await run_mdns(announced, self._neighbours if browses else None)
        except Unreachable as error:
            log.info("%s It is tried again.", error)
            await trio.sleep(LAN_RETRY_SECONDS)
        scope.cancel()


def announcement(
    certificate: bytes, addresses: tuple[str, ...], open_as: str = ""
) -> Announcement | None:
    """What to say of a machine that is reached at `addresses`; None if that is loopback alone."""
    places = list(_reached_by_others(addresses))
    if not places:
        return None
    port = places[0][1]
    hosts = tuple(host for host, at in places if at == port)[:NEIGHBOUR_ADDRESSES_MAX]
    salt = secrets.token_bytes(SALT_BYTES)
    return Announcement(
        secrets.token_hex(NAME_BYTES), port, hosts, said(salt, certificate, open_as)
    )


def _reached_by_others(addresses: tuple[str, ...]) -> Iterator[tuple[str, int]]:
    """Those that are numbers and mean this machine on others, too."""
    for address in addresses:
        host, port = parse_address(address)
        try:
            number = ipaddress.ip_address(host)
        except ValueError:
            continue
        # An IPv6 one of a link means something only together with an interface of the other side.
        if not (number.is_loopback or (number.version == 6 and number.is_link_local)):
            yield host, port


def _on_a_network(addresses: tuple[str, ...]) -> bool:
    return not addresses or any(_reached_by_others(addresses))
