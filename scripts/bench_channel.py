"""How fast is the wire? Payloads and small messages over loopback, against trio.SSLStream.

    .venv/bin/python scripts/bench_channel.py [SECONDS]

The sender is a process of its own. Both ways use the same certificates and the same TLS, one after
the other in each round, so the ratio means something on a busy machine, too; the best round counts.
"""

import multiprocessing
import ssl
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from multiprocessing.connection import Connection
from pathlib import Path

import trio

from realizefs.codec.frames import FrameReader, pack
from realizefs.codec.peer_messages import decode, encode
from realizefs.model.errors import ConnectionLost
from realizefs.model.limits import KIB, MIB
from realizefs.model.messages import Data, Message, Ping
from realizefs.net.channel import Channel, WireCounters
from realizefs.net.identity import Identity, load_or_create_identity
from realizefs.net.tls import dialler_context, listener_context
from realizefs.net.tls_stream import TlsStream

ROUNDS = 3
CASES: list[tuple[str, int]] = [("8 MiB", 8 * MIB), ("256 KiB", 256 * KIB), ("ping", 0)]


def message_of(size: int) -> Message:
    """A message that carries `size` bytes."""
    return Data(1, bytes(size)) if size else Ping(1)


async def send_channel(stream: trio.SocketStream, context: ssl.SSLContext, size: int) -> None:
    """Send over our channel until the receiver leaves."""
    tls = TlsStream(stream, context, True, "receiver", WireCounters())
    await tls.handshake()
    message = message_of(size)
    async with Channel(tls) as channel:
        while True:
            await channel.send(message)


async def send_trio(stream: trio.SocketStream, context: ssl.SSLContext, size: int) -> None:
    """The same over trio.SSLStream, each message sent by itself."""
    over = trio.SSLStream(stream, context, server_side=True)
    message = message_of(size)
    while True:
        await over.send_all(b"".join(pack(*encode(message))))


def run_sender(me: Identity, other: bytes, port: Connection) -> None:
    """The process of the sender: asked for a way and a size by the first five bytes."""
    context = listener_context(me, [other])

    async def serve(stream: trio.SocketStream) -> None:
        order = await stream.receive_some(5)
        way = send_trio if order[:1] == b"t" else send_channel
        try:
            await way(stream, context, int.from_bytes(order[1:], "big"))
        except (trio.BrokenResourceError, ConnectionLost):
            return  # the receiver has seen enough

    async def listen() -> None:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        port.send(listeners[0].socket.getsockname()[1])
        await trio.serve_listeners(serve, listeners)

    trio.run(listen)


async def receive_channel(
    stream: trio.SocketStream, context: ssl.SSLContext, until: float
) -> tuple[int, float]:
    """(messages, seconds) over our channel."""
    tls = TlsStream(stream, context, False, "sender", WireCounters())
    await tls.handshake()
    channel = Channel(tls)
    await channel.receive()
    count, began = 0, time.perf_counter()
    while time.perf_counter() - began < until:
        await channel.receive()
        count += 1
    return count, time.perf_counter() - began


async def receive_trio(
    stream: trio.SocketStream, context: ssl.SSLContext, until: float
) -> tuple[int, float]:
    """(messages, seconds) over trio.SSLStream."""
    over = trio.SSLStream(stream, context, server_hostname="x")
    reader = FrameReader()
    count, began = 0, time.perf_counter()
    while time.perf_counter() - began < until:
        for frame in reader.feed(bytes(await over.receive_some(512 * KIB))):
            decode(*frame)
            count += 1
    return count, time.perf_counter() - began


async def measure(
    port: int, context: ssl.SSLContext, letter: bytes, size: int, seconds: float
) -> float:
    """Messages a second."""
    ways: dict[bytes, Callable[..., Awaitable[tuple[int, float]]]] = {
        b"t": receive_trio,
        b"c": receive_channel,
    }
    stream = await trio.open_tcp_stream("127.0.0.1", port)
    await stream.send_all(letter + size.to_bytes(4, "big"))
    count, took = await ways[letter](stream, context, seconds)
    await trio.aclose_forcefully(stream)
    return count / took


def main(seconds: float) -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as home:
        sender = load_or_create_identity(Path(home) / "sender", "sender")
        receiver = load_or_create_identity(Path(home) / "receiver", "receiver")
        spawn = multiprocessing.get_context("spawn")
        here, there = spawn.Pipe()
        child = spawn.Process(target=run_sender, args=(sender, receiver.certificate, there))
        child.start()
        try:
            port = here.recv()
            context = dialler_context(receiver, sender.certificate)
            print(f"{'message':>10} {'channel':>16} {'trio.SSLStream':>16} {'ratio':>6}")
            for name, size in CASES:
                best = dict.fromkeys((b"c", b"t"), 0.0)
                for _ in range(ROUNDS):
                    for letter in (b"c", b"t"):
                        rate = trio.run(measure, port, context, letter, size, seconds)
                        best[letter] = max(best[letter], rate)
                shown = [shown_rate(best[letter], size) for letter in (b"c", b"t")]
                ratio = best[b"c"] / best[b"t"]
                print(f"{name:>10} {shown[0]:>16} {shown[1]:>16} {ratio:>6.2f}")
        finally:
            child.terminate()
            child.join()


def shown_rate(rate: float, size: int) -> str:
    """MB/s for payloads, messages/s for small messages."""
    return f"{rate * size / 1e6:,.0f} MB/s" if size else f"{rate:,.0f} /s"


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 1.0)
