"""Dialling a peer: all its addresses, over IPv6 and IPv4, whichever answers first (RFC 8305).

Connections are raced at the TCP level only. TLS then goes to the winner alone, so that the other
side doesn't see a peer that comes twice and leaves once; if the winner turns out to be somebody
else (addresses move from machine to machine) the remaining addresses are raced again.
"""

import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from hmac import compare_digest

import trio

from realizefs.codec.frames import FrameBounds
from realizefs.model.errors import ConnectionLost, PeerFault, Unreachable
from realizefs.model.limits import ADDRESSES_MAX, HANDSHAKE_SECONDS, HAPPY_EYEBALLS_SECONDS
from realizefs.net.address import parse_address
from realizefs.net.channel import Channel
from realizefs.net.identity import Identity
from realizefs.net.identity import fingerprint as sha256_of
from realizefs.net.tls import dialler_context, joiner_context
from realizefs.net.tls_stream import TlsStream, WireCounters


@dataclass(frozen=True, slots=True)
class _Connected:
    address: str
    stream: trio.SocketStream


async def dial(
    addresses: Sequence[str],
    identity: Identity,
    *,
    certificate: bytes = b"",
    fingerprint: str = "",
    counters: WireCounters,
    name: str = "The peer",
) -> Channel:
    """A channel to `name`, who must have this DER certificate, and has accepted ours.

    With `fingerprint` (SHA-256 of the certificate, hex) instead: to an inviter that doesn't know
    us; only Join is heard there. Raises Unreachable, PeerFault (it is somebody else, and nothing
    was sent; or it doesn't accept us), Misuse (an address that is none).
    """
    assert bool(certificate) != bool(fingerprint)
    if not certificate:
        return Channel(await _dial(addresses, joiner_context(), fingerprint, counters, name))
    context = dialler_context(identity, certificate)
    channel = Channel(await _dial(addresses, context, sha256_of(certificate), counters, name))
    try:
        await _accepted(channel, name)
    except BaseException:
        await channel.aclose()
        raise
    return channel


async def dial_stranger(addresses: Sequence[str], counters: WireCounters, name: str) -> Channel:
    """A channel to whoever is there: what he is must be found out (`core.pairing`). Nothing says to him
    who we are. Raises as `dial` does."""
    tls = await _dial(addresses, joiner_context(), "", counters, name)
    return Channel(tls, FrameBounds(payload=0))


async def _accepted(channel: Channel, name: str) -> None:
    """With TLS 1.3 a client hears only now whether its certificate was good."""
    try:
        with trio.fail_after(HANDSHAKE_SECONDS):
            await channel.accepted()
    except trio.TooSlowError as error:
        raise Unreachable(f"{name} at {channel.address} says nothing.") from error
    except ConnectionLost as error:
        raise Unreachable(f"{name} at {channel.address} closed the connection at once.") from error
    except PeerFault as error:
        raise PeerFault(f"{name} at {error}") from error


async def _dial(
    addresses: Sequence[str],
    context: ssl.SSLContext,
    expected: str,
    counters: WireCounters,
    name: str,
) -> TlsStream:
    remaining = list(dict.fromkeys(addresses))[:ADDRESSES_MAX]
    parsed = {address: parse_address(address) for address in remaining}
    fault: PeerFault | None = None
    while remaining:
        connected = await _race([(address, parsed[address]) for address in remaining])
        if connected is None:
            break
        remaining.remove(connected.address)
        try:
            return await _tls(connected, context, expected, counters, name)
        except PeerFault as error:
            fault = error
        except ConnectionLost:
            continue
    if fault is not None:
        raise fault
    where = ", ".join(parsed) or "no known address"
    raise Unreachable(f"{name} does not answer at {where}.")


async def _race(candidates: list[tuple[str, tuple[str, int]]]) -> _Connected | None:
    """The first address that accepts; each gets a head start over the next, unless it fails."""
    winners: list[_Connected] = []
    ended = [trio.Event() for _ in candidates]

    async def attempt(index: int, address: str, host: str, port: int) -> None:
        if index:
            with trio.move_on_after(HAPPY_EYEBALLS_SECONDS * index):
                await ended[index - 1].wait()
        try:
            stream = await trio.open_tcp_stream(
                host, port, happy_eyeballs_delay=HAPPY_EYEBALLS_SECONDS
            )
        except OSError:
            ended[index].set()  # the caller names all addresses that failed
            return
        if winners:
            await trio.aclose_forcefully(stream)
            return
        winners.append(_Connected(address, stream))
        nursery.cancel_scope.cancel()

    try:
        with trio.move_on_after(HANDSHAKE_SECONDS):
            async with trio.open_nursery() as nursery:
                for index, (address, (host, port)) in enumerate(candidates):
                    nursery.start_soon(attempt, index, address, host, port)
    except BaseException:  # cancelled just as one had won
        for winner in winners:
            await trio.aclose_forcefully(winner.stream)
        raise
    return winners[0] if winners else None


async def _tls(
    connected: _Connected,
    context: ssl.SSLContext,
    expected: str,
    counters: WireCounters,
    name: str,
) -> TlsStream:
    """TLS with exactly the expected certificate; nothing of ours is sent to another. "": with any."""
    tls = TlsStream(connected.stream, context, False, connected.address, counters)
    stranger = PeerFault(
        f"The machine at {connected.address} is not who it should be: its certificate is not"
        f" that of {name}."
    )
    try:
        with trio.fail_after(HANDSHAKE_SECONDS):
            await tls.handshake()
        if expected and not compare_digest(sha256_of(tls.certificate), expected.lower()):
            raise stranger
    except trio.TooSlowError as error:
        await tls.aclose(politely=False)
        raise ConnectionLost(f"{connected.address} did not finish the TLS handshake.") from error
    except BaseException as error:
        await tls.aclose(politely=False)
        if isinstance(error.__cause__, ssl.SSLCertVerificationError):
            raise stranger from error
        raise
    return tls
