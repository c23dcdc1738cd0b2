"""How long a link has brought nothing, as one request counts it.

What counts as progress of a link is any piece of an answer and any message but those that only say
that the other side lives: a holder whose disk hangs still sends its pings, and says of what was
cancelled that it is. Bounded: a holder takes up what it was asked in order, so once more messages
than can have been before the answer came without it, the link's progress is no longer this
request's.

Only time counts in which our own loop ran. One that was kept from running for seconds finds the
deadline passed and the answer in its socket at the same moment; so waiting is done in short turns,
each counts as no more than it was to last, and before the last one counts the reader gets a turn.
"""

from collections.abc import Awaitable, Callable
from math import inf

import trio

from realizefs.model.limits import PROGRESS_SECONDS, REQUESTS_IN_FLIGHT_MAX
from realizefs.model.messages import Failure, Message, Ping, Pong
from realizefs.net.channel import Channel

TURN_SECONDS = 0.25
"""Seconds of one turn of waiting: a twentieth of the deadline is what a starved loop counts for."""

OTHERS_MAX = 2 * REQUESTS_IN_FLIGHT_MAX
"""Messages that may come before an answer: those to all that was asked before, and as many Rows."""


class Progress:
    """What a link has brought."""

    def __init__(self, channel: Channel) -> None:
        self.messages = 0
        self._channel = channel
        self._at = -inf

    @property
    def at(self) -> float:
        """The trio time of the last progress."""
        return max(self._at, self._channel.payload_at)

    def heard(self, message: Message) -> None:
        """A message came."""
        cancelled = isinstance(message, Failure) and message.code == "cancelled"
        if not cancelled and not isinstance(message, Ping | Pong):
            self._at = trio.current_time()
            self.messages += 1


class Silence:
    """The silence that one request met."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._first = progress.messages
        self._seconds = 0.0

    @property
    def is_over(self) -> bool:
        """Whether it has lasted for PROGRESS_SECONDS."""
        return self._seconds >= PROGRESS_SECONDS

    def in_flight(self) -> None:
        """From now on the other side knows of the request."""
        self._first = self._progress.messages

    async def during(self, wait: Callable[[], Awaitable[None]]) -> None:
        """Wait for a turn at most, and count it."""
        began = trio.current_time()
        with trio.move_on_after(min(TURN_SECONDS, PROGRESS_SECONDS - self._seconds)) as turn:
            await wait()
        if turn.cancelled_caught:
            await trio.lowlevel.checkpoint()
        ended = trio.current_time()
        if self._progress.at >= began and self._progress.messages - self._first <= OTHERS_MAX:
            began, self._seconds = self._progress.at, 0.0
        self._seconds += min(ended - began, TURN_SECONDS)
