"""A session: what two peers say to each other on one connection, without I/O.

Messages, bytes heard and time come in; effects go out, to be carried out in order. Theory:

- The first message of each side is Hello. The id in it must be that of the certificate which
  TLS has seen, so that nobody speaks for somebody else.
- Life. Each side sends something at least every PING_IDLE_SECONDS (a Ping if there is nothing
  else) and gives up after DEAD_LINK_SECONDS in which not one byte came. Silence is counted in
  bytes, not in messages: 8 MiB on a slow line are a minute without a message, not a dead peer.
  A side that is busy sending still hears the other's pings, so neither direction starves.
- Requests: see `core.calls`. Rows are limited by acknowledgements (RowWindow), so that the
  answer to a read never queues behind a long catch-up.
- A protocol fault is told to the other side (Refused) and ends the session; nothing is raised.
"""

from collections.abc import Callable
from typing import Any

from realizefs.core.calls import Answer, Asked, Request, RowWindow, Served
from realizefs.core.effects import (
    Abandon,
    Closed,
    Deliver,
    Effect,
    Gossip,
    Opened,
    Resolved,
    Retract,
    RowsWanted,
    Send,
    Serve,
    SlotFree,
    WakeAt,
)
from realizefs.core.session_table import TABLE, Rule, State
from realizefs.model.errors import ProtocolFault
from realizefs.model.ids import ArenaId, PeerId
from realizefs.model.limits import (
    DEAD_LINK_SECONDS,
    HANDSHAKE_SECONDS,
    PING_IDLE_SECONDS,
    ROWS_UNACKED_MAX,
)
from realizefs.model.messages import (
    Ack,
    Cancel,
    Failure,
    Hello,
    Message,
    Ping,
    Pong,
    Refused,
    Roster,
    Rows,
    Subscribe,
)

PROTOCOL = 2
"""The version of the protocol that this program speaks: 2 since a path has heads."""


class Session:
    """One side of a connection to `peer`; times are monotonic seconds."""

    def __init__(self, hello: Hello, peer: PeerId, now: float) -> None:
        self.state = State.AWAIT_HELLO
        self.asked = Asked()
        self.window = RowWindow(ROWS_UNACKED_MAX)
        self._served = Served()
        self._hello = hello
        self._peer = peer
        self._began = self._heard = self._spoke = now
        self._pings = 0
        self._rules: dict[Rule, Callable[[Any, float], list[Effect]]] = {
            Rule.OPEN: self._open,
            Rule.DELIVER: self._deliver,
            Rule.ACKNOWLEDGE: self._acknowledge,
            Rule.RESTART: self._restart,
            Rule.SERVE: self._serve,
            Rule.ANSWER: self._resolve,
            Rule.CANCEL: self._abandon,
            Rule.PING: self._pong,
            Rule.PONG: self._nothing,
            Rule.REFUSED: self._refused,
        }

    def start(self) -> list[Effect]:
        """The effects to begin with."""
        return [Send(self._hello), WakeAt(self._began + HANDSHAKE_SECONDS)]

    def heard(self, when: float) -> None:
        """Bytes came, of whatever."""
        self._heard = max(self._heard, when)

    def tick(self, now: float, listening: bool = True) -> list[Effect]:
        """Time has passed. Not `listening` means that we don't read just now: their silence is
        our own doing."""
        if self.state is State.CLOSED:
            return []
        if self.state is State.AWAIT_HELLO:
            if now >= self._began + HANDSHAKE_SECONDS:
                return self.close(f"no hello came within {HANDSHAKE_SECONDS:.0f} s", fault=True)
            return [WakeAt(self._began + HANDSHAKE_SECONDS)]
        if listening and now >= self._heard + DEAD_LINK_SECONDS:
            return self.close(f"nothing was heard for {DEAD_LINK_SECONDS:.0f} s", fault=False)
        effects: list[Effect] = []
        if now >= self._spoke + PING_IDLE_SECONDS:
            self._pings += 1
            effects += self._send(Ping(self._pings), now)
        death = self._heard + DEAD_LINK_SECONDS if listening else now + PING_IDLE_SECONDS
        return [*effects, WakeAt(min(self._spoke + PING_IDLE_SECONDS, death))]

    def received(self, message: Message, now: float) -> list[Effect]:
        """A message came."""
        self.heard(now)
        if self.state is State.CLOSED:
            return []
        rule = TABLE[self.state].get(type(message))
        try:
            if rule is None:
                raise ProtocolFault(f"a {type(message).__name__} came out of turn.")
            return self._rules[rule](message, now)
        except ProtocolFault as fault:
            return self.refuse(str(fault), now)

    def _deliver(self, message: Roster | Rows, now: float) -> list[Effect]:
        return [Deliver(message)]

    def _acknowledge(self, message: Ack, now: float) -> list[Effect]:
        self.window.acknowledged(message.arena, message.seq)
        return [RowsWanted(), Deliver(message)]

    def _restart(self, message: Subscribe, now: float) -> list[Effect]:
        self.window.restart(message.arena)
        return [RowsWanted(), Deliver(message)]

    def _serve(self, request: Request, now: float) -> list[Effect]:
        self._served.add(request.request)
        return [Serve(request)]

    def _resolve(self, answer: Answer, now: float) -> list[Effect]:
        waited_for = self.asked.answer(answer)
        return [Resolved(answer.request, answer)] if waited_for else [SlotFree()]

    def _pong(self, message: Ping, now: float) -> list[Effect]:
        return self._send(Pong(message.token), now)

    def _nothing(self, message: Pong, now: float) -> list[Effect]:
        return []

    def _refused(self, message: Refused, now: float) -> list[Effect]:
        return self.close(f"the other side ended it: {message.reason.rstrip('.')}", fault=False)

    def _open(self, hello: Hello, now: float) -> list[Effect]:
        if hello.protocol != self._hello.protocol:
            raise ProtocolFault(
                f"it speaks protocol {hello.protocol}, this program {self._hello.protocol};"
                " update the older of the two."
            )
        if hello.peer != self._peer:
            raise ProtocolFault("its hello names another peer than its certificate.")
        self.state = State.OPEN
        return [Opened(hello), WakeAt(now + PING_IDLE_SECONDS)]

    def _abandon(self, message: Cancel, now: float) -> list[Effect]:
        number = message.request
        if not self._served.take(number):
            return [Retract(number)]  # the answer crossed the Cancel, or is about to
        return [Abandon(number), *self._send(Failure(number, "cancelled", ""), now)]

    def _send(self, message: Message, now: float) -> list[Effect]:
        self._spoke = now
        return [Send(message)]

    def send(self, message: Gossip, now: float) -> list[Effect]:
        """Say this to the other side; for Rows the window must have room."""
        if self.state is not State.OPEN:
            return []
        if isinstance(message, Rows):
            assert self.window.room(message.arena)
            self.window.sent(message.arena, message.last)
        return self._send(message, now)

    def rows_room(self, arena: ArenaId) -> bool:
        """Whether Rows of this arena may be sent now."""
        return self.window.room(arena)

    def call(self, make: Callable[[int], Request], now: float) -> tuple[int, list[Effect]]:
        """Ask the request that `make` makes of an id; `asked` must have room."""
        request = self.asked.add(make)
        return request.request, self._send(request, now)

    def cancel(self, request: int, now: float) -> list[Effect]:
        """Nobody waits for this request any more."""
        if self.state is State.OPEN and self.asked.cancel(request):
            return self._send(Cancel(request), now)
        return []

    def answer(self, answer: Answer, now: float) -> list[Effect]:
        """Answer a request of theirs; does nothing if they cancelled it."""
        if self.state is State.OPEN and self._served.take(answer.request):
            return self._send(answer, now)
        return []

    def refuse(self, reason: str, now: float) -> list[Effect]:
        """End it because the other side broke the protocol, and tell it so."""
        if self.state is State.CLOSED:
            return []
        return [*self._send(Refused(reason), now), *self.close(reason, fault=True)]

    def close(self, reason: str, fault: bool) -> list[Effect]:
        """End it."""
        if self.state is State.CLOSED:
            return []
        self.state = State.CLOSED
        return [Closed(reason, fault)]
