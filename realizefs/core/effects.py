"""What a session wants done: effects as data, to be carried out in the order given."""

from dataclasses import dataclass

from realizefs.core.calls import Answer, Request
from realizefs.model.messages import Ack, Hello, Message, Roster, Rows, Subscribe

Gossip = Roster | Subscribe | Rows | Ack
"""What goes to the household, in order."""


@dataclass(frozen=True, slots=True)
class Send:
    """Write this message."""

    message: Message


@dataclass(frozen=True, slots=True)
class Opened:
    """The other side's hello was good."""

    hello: Hello


@dataclass(frozen=True, slots=True)
class Deliver:
    """Hand this to the household."""

    message: Gossip


@dataclass(frozen=True, slots=True)
class Serve:
    """Answer this request."""

    request: Request


@dataclass(frozen=True, slots=True)
class Abandon:
    """Stop answering this request of theirs."""

    request: int


@dataclass(frozen=True, slots=True)
class Retract:
    """They no longer want the answer to this request of theirs; if it is still here, say so."""

    request: int


@dataclass(frozen=True, slots=True)
class Resolved:
    """Our request has this answer."""

    request: int
    answer: Answer


@dataclass(frozen=True, slots=True)
class SlotFree:
    """A cancelled request of ours was answered: another may be made."""


@dataclass(frozen=True, slots=True)
class RowsWanted:
    """The other side acknowledged rows: more may be sent."""


@dataclass(frozen=True, slots=True)
class WakeAt:
    """Call `tick` at this time."""

    time: float


@dataclass(frozen=True, slots=True)
class Closed:
    """The session is over; `fault` if the other side broke the protocol."""

    reason: str
    fault: bool


Effect = (
    Send
    | Opened
    | Deliver
    | Serve
    | Abandon
    | Retract
    | Resolved
    | SlotFree
    | RowsWanted
    | WakeAt
    | Closed
)
