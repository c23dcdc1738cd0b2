"""How long a link has brought nothing, as one request counts it.

What counts as progress of a link is any piece of an answer and any message but those that only say
that the other side lives: a holder whose disk hangs still sends its pings, and says of what was
cancelled that it is. Bounded: a holder takes up what it was asked in order, so once more messages
than can have been before the answer came without it, the link's progress is no longer this
request's. But what isn't urgent waits as long as readers keep the link busy, who go first; and what
isn't asked yet as long as the link brings anything: of a large download a thousand pieces may be
before it.

Only time counts in which our own loop ran. One that was kept from running for seconds finds the
deadline passed and the answer in its socket at the same moment; so waiting is done in short turns,
each counts as little more than it was to last, and before the last one counts the reader gets a
turn. The turns of requests that began together end at different moments: hundreds that wake at once
would hold up whoever asks for what is here.
"""

from collections.abc import Awaitable, Callable
from math import inf

import trio

from realizefs.model.limits import PROGRESS_SECONDS, REQUESTS_IN_FLIGHT_MAX
from realizefs.model.messages import Failure, Message, Ping, Pong
from realizefs.net.channel import Channel

TURN_SECONDS = 0.25
"""Seconds of one turn of waiting."""

COUNTED_SECONDS_MAX = 2 * TURN_SECONDS
"""Seconds that a turn counts for at most: a tenth of the deadline where our loop was starved, and
all of it where it was only busy, so that nobody waits much longer than the deadline."""

SPREAD = 0.618
"""Each request's first turn is longer than that of the one before it by this part of a turn, modulo
one: multiples of the golden ratio never come close to each other."""

OTHERS_MAX = 2 * REQUESTS_IN_FLIGHT_MAX
"""Messages that may come before an answer: those to all that was asked before, and as many Rows."""


class Progress:
    """What a link has brought."""

    def __init__(self, channel: Channel) -> None:
        self.messages = 0
        self.urgent = 0
        self._channel = channel
        self._phase = 0.0
        self._at = -inf

    @property
    def at(self) -> float:
        """The trio time of the last progress."""
        return max(self._at, self._channel.payload_at)

    def first_turn(self) -> float:
        """Seconds of the first turn of the next request."""
        self._phase = (self._phase + SPREAD) % 1
        return self._phase * TURN_SECONDS

    def heard(self, message: Message, *, urgent: bool) -> None:
        """A message came; `urgent`: an answer that somebody waits for."""
        cancelled = isinstance(message, Failure) and message.code == "cancelled"
        if not cancelled and not isinstance(message, Ping | Pong):
            self._at = trio.current_time()
            self.messages += 1
            self.urgent += urgent

    def bounded(self, *, urgent: bool) -> int:
        """Messages so far of which only so many can come before the answer to such a request."""
        return self.messages if urgent else self.messages - self.urgent


class Silence:
    """The silence that one request met."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._first: int | None = None
        self._urgent = True
        self._turn = progress.first_turn()
        self._seconds = 0.0

    @property
    def is_over(self) -> bool:
        """Whether it has lasted for PROGRESS_SECONDS."""
        return self._seconds >= PROGRESS_SECONDS

    @property
    def _others(self) -> int:
        """Messages that came since the other side knows of the request."""
        if self._first is None:
            return 0
        return self._progress.bounded(urgent=self._urgent) - self._first

    def in_flight(self, *, urgent: bool) -> None:
        """From now on the other side knows of the request."""
        self._urgent = urgent
        self._first = self._progress.bounded(urgent=urgent)

    async def during(self, wait: Callable[[], Awaitable[None]]) -> None:
        """Wait for a turn at most, and count it."""
        began = trio.current_time()
        with trio.move_on_after(min(self._turn, PROGRESS_SECONDS - self._seconds)) as turn:
            await wait()
        self._turn = TURN_SECONDS
        if turn.cancelled_caught:
            await trio.lowlevel.checkpoint()
        ended = trio.current_time()
        if self._progress.at >= began and self._others <= OTHERS_MAX:
            began, self._seconds = self._progress.at, 0.0
        self._seconds += min(ended - began, COUNTED_SECONDS_MAX)
