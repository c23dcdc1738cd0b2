"""A name with an IPv6 and an IPv4 address, one of them dead: the other is tried soon (RFC 8305)."""

import errno
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager

import pytest
import trio

from realizefs.model.limits import HANDSHAKE_SECONDS, HAPPY_EYEBALLS_SECONDS
from realizefs.model.messages import Ping
from realizefs.net.address import show_address
from realizefs.net.channel import Channel, WireCounters
from realizefs.net.dial import dial
from realizefs.net.listen import listen
from tests.fakes.wire import identity

NAME = "desk.home.example"
TRIES_MAX = 20
ADDRESSES = {socket.AF_INET6: "::1", socket.AF_INET: "127.0.0.1"}


class Resolver(trio.abc.HostnameResolver):
    """NAME has one address of each family, IPv6 first."""

    async def getaddrinfo(self, host, port, family=0, type=0, proto=0, flags=0):  # type: ignore[no-untyped-def]
        assert host == NAME.encode()
        return [
            (each, socket.SOCK_STREAM, 6, "", (address, port))
            for each, address in ADDRESSES.items()
        ]

    async def getnameinfo(self, sockaddr, flags):  # type: ignore[no-untyped-def]
        raise AssertionError(sockaddr)


@contextmanager
def silent(family: socket.AddressFamily, port: int) -> Iterator[None]:
    """An address that answers nothing: its queue is full, so the kernel drops who knocks."""
    with socket.socket(family) as full:
        full.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        full.bind((ADDRESSES[family], port))
        full.listen(0)
        waiting = []
        try:
            while True:
                one = socket.socket(family)
                waiting.append(one)
                one.settimeout(0.2)
                one.connect((ADDRESSES[family], port))
        except TimeoutError:
            yield
        finally:
            for one in waiting:
                one.close()


@asynccontextmanager
async def desk_at(address: str) -> AsyncIterator[int]:
    """A desk that accepts; its port."""

    async def accept(channel: Channel) -> None:
        async with channel:
            await channel.send(Ping(1))
            await trio.sleep_forever()

    async with trio.open_nursery() as nursery:
        [bound] = await nursery.start(
            listen,
            [show_address(address, 0)],
            identity("desk"),
            lambda: [identity("lap").certificate],
            accept,
            accept,
            WireCounters(),
        )
        yield int(bound.rpartition(":")[2])
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def silent_desk(
    alive: socket.AddressFamily, dead: socket.AddressFamily
) -> AsyncIterator[int]:
    """A desk at a port that answers nothing in the other family, where somebody may have that port."""
    for _ in range(TRIES_MAX):
        async with desk_at(ADDRESSES[alive]) as port:
            with ExitStack() as stack:
                try:
                    stack.enter_context(silent(dead, port))
                except OSError as error:
                    if error.errno != errno.EADDRINUSE:
                        raise
                    continue
                yield port
                return
    raise AssertionError("no port is free in both families")


@pytest.mark.parametrize("dead", [socket.AF_INET6, socket.AF_INET])
async def test_one_dead_family_costs_no_more_than_a_head_start(dead: socket.AddressFamily) -> None:
    """Without it the dead one would be waited for until the kernel gives it up, for minutes."""
    assert HAPPY_EYEBALLS_SECONDS <= 0.3
    alive = socket.AF_INET if dead is socket.AF_INET6 else socket.AF_INET6
    trio.socket.set_custom_hostname_resolver(Resolver())
    async with silent_desk(alive, dead) as port:
        with trio.fail_after(HANDSHAKE_SECONDS):
            channel = await dial(
                [f"{NAME}:{port}"],
                identity("lap"),
                certificate=identity("desk").certificate,
                counters=WireCounters(),
                name="desk",
            )
            async with channel:
                assert await channel.receive() == Ping(1)
