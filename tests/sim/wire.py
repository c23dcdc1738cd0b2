"""Simulated connections: messages as values, delivered after a while, or not, or otherwise.

A `SimChannel` is what `net.Channel` is to a link. On a faulty wire a message may be lost, come
twice, or come after later ones. A cut loses what is on its way, and each end hears of it.
"""

from collections.abc import Callable
from math import inf
from random import Random
from typing import Self

import trio

from realizefs.model.errors import ConnectionLost
from realizefs.model.messages import Data, Hello, Message
from tests.sim.process import Process

LATENCY_SECONDS = (0.0005, 0.03)
LATE_SECONDS = 0.3
"""A message that is overtaken comes so much later."""

WAITING_MAX = 100_000
"""Messages on their way in one direction; the windows of the session bound them long before."""


class SimChannel:
    """One end of a connection; `certificate` is that of the other side."""

    def __init__(self, certificate: bytes, process: Process, wire: "Wire") -> None:
        self.certificate = certificate
        self.address = "sim"
        self.payload_at = -inf
        self._process = process
        self._wire = wire
        self._came, self._inbox = trio.open_memory_channel[Message](WAITING_MAX)
        self.other: SimChannel | None = None

    def throttle(self, *_: object, **__: object) -> None:
        """Simulated wires have no rate."""

    def count(self, *_: object) -> None:
        """Nor is anything on them counted in bytes."""

    def retract(self, request: int) -> bool:
        return False

    @property
    def heard_at(self) -> float:
        """A wire that is there is never silent: what ends it is a cut."""
        return trio.current_time()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._wire.cut()

    async def room(self, **_: object) -> None:
        await trio.lowlevel.checkpoint()

    def put(self, message: Message, **_: object) -> None:
        try:
            self._process.effect()
        except OSError:
            self._wire.cut()
        if self._wire.is_cut:
            raise ConnectionLost("The wire is cut.")
        assert self.other is not None
        self._wire.carry(message, self.other)

    async def receive(self) -> Message:
        try:
            message = await self._inbox.receive()
        except trio.EndOfChannel:
            raise ConnectionLost("The wire is cut.") from None
        if isinstance(message, Data):
            self.payload_at = trio.current_time()
        return message

    def deliver(self, message: Message) -> None:
        self._came.send_nowait(message)

    def close(self) -> None:
        self._came.close()


class Wire:
    """Between two processes; `faults` is the chance of each fault of each message."""

    def __init__(self, chance: Random, faults: Callable[[], float], nursery: trio.Nursery) -> None:
        self.is_cut = False
        self._chance = chance
        self._faults = faults
        self._nursery = nursery
        self._last: dict[SimChannel, float] = {}
        self._ends: tuple[SimChannel, ...] = ()

    def ends(self, left: tuple[bytes, Process], right: tuple[bytes, Process]) -> list[SimChannel]:
        """The channel of each process; given are their certificates."""
        here = SimChannel(right[0], left[1], self)
        there = SimChannel(left[0], right[1], self)
        here.other, there.other = there, here
        self._ends = (here, there)
        return [here, there]

    def cut(self) -> None:
        self.is_cut = True
        for end in self._ends:
            end.close()

    def carry(self, message: Message, to: SimChannel) -> None:
        now, faults = trio.current_time(), self._faults()
        if isinstance(message, Hello):
            faults = 0.0
        if self._chance.random() < faults:
            return
        copies = 2 if self._chance.random() < faults else 1
        for _ in range(copies):
            at = max(now + self._chance.uniform(*LATENCY_SECONDS), self._last.get(to, 0.0) + 1e-6)
            if self._chance.random() < faults:
                at = now + self._chance.uniform(0.0, LATE_SECONDS)
            else:
                self._last[to] = at
            self._nursery.start_soon(self._deliver, message, to, at)

    async def _deliver(self, message: Message, to: SimChannel, at: float) -> None:
        await trio.sleep_until(at)
        if not self.is_cut:
            to.deliver(message)
