"""Two machines and a wire between them: TLS for real, the network in memory."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import trio
import trio.testing

from realizefs.core.session import PROTOCOL
from realizefs.model.ids import ArenaId, Digest, ReplicaId
from realizefs.model.messages import Hello
from realizefs.net.channel import Channel, WireCounters
from realizefs.net.identity import Identity, load_or_create_identity
from realizefs.net.tls import dialler_context, listener_context
from realizefs.net.tls_stream import TlsStream

ARENA = ArenaId(b"arena" + bytes(11))
REPLICA = ReplicaId(b"replica" + bytes(9))
DIGEST = Digest(bytes(range(32)))


@cache
def _home() -> TemporaryDirectory[str]:
    return TemporaryDirectory(prefix="realizefs-test-")


@cache
def identity(name: str) -> Identity:
    """The same machine for all tests of a run; keys take a while to make."""
    return load_or_create_identity(Path(_home().name) / name, name)


def hello_of(me: Identity) -> Hello:
    """What `me` says first."""
    return Hello(PROTOCOL, (), me.peer, me.name, (ARENA,))


class TrioClock:
    """The clock of the test's trio run: MockClock drives it."""

    def now(self) -> float:
        """Monotonic seconds."""
        return trio.current_time()

    def wall_ns(self) -> int:
        """Nanoseconds; no test of the wire looks at them."""
        return 0


@dataclass(frozen=True, slots=True)
class Wire:
    """The channel of each end, and what cuts the wire for the desk's writer."""

    desk: Channel
    lap: Channel
    cut: Callable[[], Awaitable[None]]


async def connected(lockstep: bool = False) -> Wire:
    """`desk` has listened, `lap` has dialled; both are past their handshakes.

    The streams take any amount of bytes; with `lockstep` only what the other side reads.
    """
    desk, lap = identity("desk"), identity("lap")
    pair = trio.testing.lockstep_stream_pair if lockstep else trio.testing.memory_stream_pair
    left, right = pair()
    listening = listener_context(desk, [lap.certificate])
    dialling = dialler_context(lap, desk.certificate)
    here = TlsStream(left, listening, True, "lap:1", WireCounters())
    there = TlsStream(right, dialling, False, "desk:1", WireCounters())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(here.handshake)
        nursery.start_soon(there.handshake)
    return Wire(Channel(here), Channel(there), right.receive_stream.aclose)
