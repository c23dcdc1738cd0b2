"""Dialling and listening over loopback: who gets in, who doesn't, and what each is told."""

import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
import trio
import trio.testing

from realizefs.model.entries import PeerCard
from realizefs.model.errors import ConnectionLost, Misuse, PeerFault, ProtocolFault, Unreachable
from realizefs.model.limits import (
    CONNECTIONS_PENDING_MAX,
    CONNECTIONS_PER_PEER_MAX,
    HANDSHAKE_SECONDS,
    JOIN_MESSAGE_BYTES_MAX,
)
from realizefs.model.messages import Data, Join, Message, Ping, Refused
from realizefs.net.address import parse_address
from realizefs.net.channel import Channel, WireCounters
from realizefs.net.dial import dial
from realizefs.net.identity import Identity, fingerprint
from realizefs.net.listen import listen
from realizefs.net.tls import joiner_context, listener_context
from realizefs.net.tls_stream import TlsStream
from tests.fakes.wire import identity


@dataclass
class House:
    """A listening desk; it greets peers with a Ping and refuses joiners."""

    addresses: list[str] = field(default_factory=list)
    known: list[bytes] = field(default_factory=list)
    peers: list[Channel] = field(default_factory=list)
    joined: list[Message] = field(default_factory=list)
    counters: WireCounters = field(default_factory=WireCounters)

    async def on_peer(self, channel: Channel) -> None:
        self.peers.append(channel)
        async with channel:
            await channel.send(Ping(1))
            while True:
                await channel.receive()

    async def on_joiner(self, channel: Channel, time: trio.CancelScope) -> None:
        self.joined.append(await channel.receive())
        await channel.send(Refused("no"))

    async def call(self, me: Identity, **who: str | bytes) -> Channel:
        if not who:
            who = {"certificate": identity("desk").certificate}
        return await dial(self.addresses, me, counters=WireCounters(), name="desk", **who)  # type: ignore[arg-type]

    async def raw(self) -> trio.SocketStream:
        return await trio.open_tcp_stream(*parse_address(self.addresses[0]))


@asynccontextmanager
async def open_house(*known: Identity) -> AsyncIterator[House]:
    house = House(known=[each.certificate for each in known])
    async with trio.open_nursery() as nursery:
        house.addresses = await nursery.start(
            listen,
            ["localhost:0"],
            identity("desk"),
            lambda: house.known,
            house.on_peer,
            house.on_joiner,
            house.counters,
        )
        yield house
        nursery.cancel_scope.cancel()


async def test_a_known_peer_gets_in() -> None:
    lap = identity("lap")
    async with open_house(lap) as house:
        channel = await house.call(lap)
        async with channel:
            assert await channel.receive() == Ping(1)
            assert channel.certificate == identity("desk").certificate
            assert house.peers[0].certificate == lap.certificate
            assert house.counters.bytes_in > 0
            assert house.counters.bytes_out > 0


async def test_the_roster_is_asked_at_each_connection() -> None:
    lap = identity("lap")
    async with open_house() as house:
        with pytest.raises(PeerFault, match="it was not invited, or was removed"):
            await house.call(lap)
        house.known.append(lap.certificate)
        await (await house.call(lap)).aclose()
        house.known.clear()
        with pytest.raises(PeerFault, match="it was not invited, or was removed"):
            await house.call(lap)


async def test_a_stranger_is_refused_and_told_so(caplog: pytest.LogCaptureFixture) -> None:
    async with open_house(identity("lap")) as house:
        with pytest.raises(PeerFault, match=r"desk at .* does not accept this machine's"):
            await house.call(identity("stranger"))
        assert house.peers == []
    (record,) = caplog.records
    assert "is not in the roster." in record.message


async def test_the_wrong_machine_at_an_address_is_told() -> None:
    lap = identity("lap")
    async with open_house(lap) as house:
        with pytest.raises(PeerFault, match="not who it should be"):
            await house.call(lap, certificate=identity("stranger").certificate)
        assert house.peers == []


async def test_the_right_machine_is_found_behind_a_wrong_one() -> None:
    lap = identity("lap")
    async with open_house(lap) as house, open_wrong() as wrong:
        house.addresses = [wrong, "localhost:1", *house.addresses]
        await (await house.call(lap)).aclose()


@asynccontextmanager
async def open_wrong() -> AsyncIterator[str]:
    """The address of a machine that isn't the desk."""

    async def never(channel: Channel, *_: object) -> None:
        raise AssertionError(channel)

    async with trio.open_nursery() as nursery:
        (address, *_) = await nursery.start(
            listen,
            ["127.0.0.1:0"],
            identity("stranger"),
            lambda: [identity("lap").certificate],
            never,
            never,
            WireCounters(),
        )
        yield address
        nursery.cancel_scope.cancel()


async def test_a_joiner_gets_to_the_door_only() -> None:
    stranger = identity("stranger")
    desk = fingerprint(identity("desk").certificate)
    join = Join(b"secret", PeerCard(stranger.peer, "stranger", stranger.certificate))
    async with open_house() as house:
        channel = await house.call(stranger, fingerprint=desk.upper())
        await channel.send(join)
        assert await channel.receive() == Refused("no")
        await channel.aclose()
        assert house.joined == [join]
        assert house.peers == []


async def test_a_joiner_sends_nothing_to_another_than_the_inviter() -> None:
    async with open_house() as house:
        with pytest.raises(PeerFault, match="not who it should be"):
            await house.call(identity("stranger"), fingerprint="0" * 64)
        assert house.joined == []


async def test_a_joiner_may_send_one_small_message_only() -> None:
    async with open_house() as house:
        channel = await house.call(
            identity("stranger"), fingerprint=fingerprint(identity("desk").certificate)
        )
        await channel.send(Data(1, bytes(JOIN_MESSAGE_BYTES_MAX)))
        with pytest.raises(ConnectionLost):
            await channel.receive()
        await channel.aclose()
        assert house.joined == []


@pytest.mark.parametrize(
    "garbage", [b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\xff\xff" + bytes(600), b"x", b""]
)
async def test_garbage_costs_one_line(garbage: bytes, caplog: pytest.LogCaptureFixture) -> None:
    lap = identity("lap")
    async with open_house(lap) as house:
        stream = await house.raw()
        await stream.send_all(garbage)
        await stream.send_eof()
        while await stream.receive_some():
            pass
        await stream.aclose()
        await (await house.call(lap)).aclose()  # the rest goes on
    assert [record.levelname for record in caplog.records] == ["WARNING"]


async def test_an_older_tls_is_refused() -> None:
    async with open_house(identity("lap")) as house:
        context = joiner_context()
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        tls = TlsStream(await house.raw(), context, False, "desk", WireCounters())
        with pytest.raises(ProtocolFault):
            await tls.handshake()
        await tls.aclose(politely=False)


async def test_what_tls_lets_through_must_still_stand_in_the_roster() -> None:
    """The certificate is taken out between the start of the handshake and its end."""
    lap = identity("lap")
    async with open_house(lap) as house:
        answers = [[lap.certificate], []]

        class Known(Sequence[bytes]):
            def __len__(self) -> int:
                return 1

            def __getitem__(self, index: int) -> bytes:  # type: ignore[override]
                return [lap.certificate][index]

            def __contains__(self, value: object) -> bool:
                return bool(answers.pop())

        house.known = Known()  # type: ignore[assignment]
        with pytest.raises(Unreachable, match="closed the connection at once"):
            await house.call(lap)
        assert house.peers == []


async def test_a_damaged_certificate_in_the_roster_shuts_nobody_out(
    caplog: pytest.LogCaptureFixture,
) -> None:
    lap = identity("lap")
    async with open_house(lap) as house:
        house.known.insert(0, b"no certificate")
        await (await house.call(lap)).aclose()
    assert "damaged certificate" in caplog.text


async def test_one_peer_has_a_bounded_number_of_connections() -> None:
    lap = identity("lap")
    async with open_house(lap) as house:
        channels = [await house.call(lap) for _ in range(CONNECTIONS_PER_PEER_MAX)]
        with pytest.raises(Unreachable):
            await house.call(lap)
        for channel in channels:
            await channel.aclose()


async def test_nobody_there_is_one_sentence_with_all_addresses() -> None:
    with pytest.raises(Unreachable, match=r"desk does not answer at localhost:1, 127\.0\.0\.1:1\."):
        await dial(
            ["localhost:1", "127.0.0.1:1"],
            identity("lap"),
            certificate=identity("desk").certificate,
            counters=WireCounters(),
            name="desk",
        )


async def test_localhost_listens_on_all_families_at_one_port() -> None:
    async with open_house() as house:
        assert len({parse_address(address)[1] for address in house.addresses}) == 1


async def test_an_address_that_cannot_be_bound_is_told() -> None:
    async with open_house() as house:
        with pytest.raises(Misuse, match="Can't listen at"):
            await listen_at(house.addresses[0])
    with pytest.raises(Misuse, match="can't be found"):
        await listen_at("no.such.host.invalid:1")


async def listen_at(address: str) -> None:
    await listen([address], identity("desk"), list, nobody, nobody, WireCounters())


async def nobody(channel: Channel, *_: object) -> None:
    raise AssertionError(channel)


async def test_a_handshake_that_stalls_ends(autojump_clock: trio.testing.MockClock) -> None:
    """A machine that connects and says nothing, seen from both sides."""
    left, right = trio.testing.memory_stream_pair()
    context = listener_context(identity("desk"), [])
    tls = TlsStream(left, context, True, "lap:1", WireCounters())
    with trio.move_on_after(HANDSHAKE_SECONDS) as scope:
        await tls.handshake()
    assert scope.cancelled_caught
    await tls.aclose(politely=False)
    assert await right.receive_some() == b""


async def test_pending_connections_are_bounded(caplog: pytest.LogCaptureFixture) -> None:
    async with open_house() as house:
        streams = [await house.raw() for _ in range(CONNECTIONS_PENDING_MAX + 1)]
        assert await streams[-1].receive_some() == b""
        for stream in streams:
            await trio.aclose_forcefully(stream)
    assert "too many at once" in caplog.text
