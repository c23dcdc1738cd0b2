"""What a session does with a message, by its state: the whole protocol on one page.

    AWAIT_HELLO --Hello--> OPEN --Refused, fault, silence, loss--> CLOSED
    AWAIT_HELLO --anything else, too late--> CLOSED

A message that has no rule in a state is a protocol fault; a closed session ignores everything.
Join and Welcome have no rule at all: invitations have a connection of their own.
"""

from enum import Enum, auto
from typing import Any

from realizefs.model.messages import (
    Ack,
    Cancel,
    Data,
    Delta,
    Failure,
    Hello,
    Packed,
    Pin,
    Ping,
    Pong,
    Read,
    ReadBlocks,
    ReadDelta,
    ReadSeveral,
    Refused,
    Roster,
    Rows,
    Subscribe,
    Take,
)


class State(Enum):
    """Where a session stands."""

    AWAIT_HELLO = auto()
    OPEN = auto()
    CLOSED = auto()


class Rule(Enum):
    """What to do with a message."""

    OPEN = auto()
    """check the hello; then the session is open"""
    DELIVER = auto()
    """hand it to the household"""
    ACKNOWLEDGE = auto()
    """make room for more rows, then hand it on"""
    RESTART = auto()
    """a stream of rows begins anew; hand it on"""
    SERVE = auto()
    """a request of theirs"""
    ANSWER = auto()
    """the answer to a request of ours"""
    CANCEL = auto()
    """a request of theirs that they no longer want"""
    PING = auto()
    """answer at once"""
    PONG = auto()
    """that bytes came is all it says"""
    REFUSED = auto()
    """they end it"""


TABLE: dict[State, dict[type[Any], Rule]] = {
    State.AWAIT_HELLO: {
        Hello: Rule.OPEN,
        Refused: Rule.REFUSED,
    },
    State.OPEN: {
        Roster: Rule.DELIVER,
        Subscribe: Rule.RESTART,
        Rows: Rule.DELIVER,
        Ack: Rule.ACKNOWLEDGE,
        Read: Rule.SERVE,
        ReadBlocks: Rule.SERVE,
        ReadSeveral: Rule.SERVE,
        Pin: Rule.SERVE,
        Take: Rule.SERVE,
        ReadDelta: Rule.SERVE,
        Data: Rule.ANSWER,
        Packed: Rule.ANSWER,
        Delta: Rule.ANSWER,
        Failure: Rule.ANSWER,
        Cancel: Rule.CANCEL,
        Ping: Rule.PING,
        Pong: Rule.PONG,
        Refused: Rule.REFUSED,
    },
    State.CLOSED: {},
}
