"""What takes long, asked by the page in slices, each of them one request with an answer in time.

The daemon carries a long command out for as long as somebody waits, and the same command goes on from
where the last one ended. So a request asks for a while, hangs up and says how far it is; the page
asks again until all is done, and a page that was closed leaves nothing running.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

LONG = frozenset({"fetch", "evict"})
"""Commands that are asked in slices."""

SLICE_SECONDS = 2.0
"""Of work in a request, so that a person sees it going on."""

BEGIN_SHARE = 4
"""The work is at least so many times what counting what is to be done took."""

SLICE_SECONDS_MAX = 60.0
"""Less than a request may take (`ANSWER_SECONDS`)."""

FAILURES_MAX = 5
"""Failures that are told with their reasons; of the others only how many."""

Told = Callable[[object], None]


class Ask(Protocol):
    """Asks the daemon a command; blocking. Raises Failed or RealizeError."""

    def __call__(
        self, command: str, arguments: Mapping[str, object], *, told: Told | None = None
    ) -> object:
        """Its result."""


class _Enough(Exception):
    """The slice is over."""


class _Slice:
    """Hears how far it is; raises _Enough once that is enough for one request."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._end: float | None = None
        self._failures: list[object] = []
        self.value: dict[str, Any] = {}

    def hear(self, value: object) -> None:
        """So far by now."""
        self.take(value)
        now = time.monotonic()
        if self._end is None:
            work = max(SLICE_SECONDS, BEGIN_SHARE * (now - self._began))
            self._end = now + min(work, SLICE_SECONDS_MAX)
        elif now > self._end:
            raise _Enough

    def take(self, value: Any) -> None:
        """What was told; failures are told once each."""
        self._failures += value["failures"]
        self.value = {**value, "failures": self._failures[:FAILURES_MAX]}


def slice_of(ask: Ask, command: str, arguments: Mapping[str, object]) -> object:
    """The daemon's result; of a long command how far it is, with `done`."""
    if command not in LONG:
        return ask(command, arguments)
    part = _Slice()
    try:
        part.take(ask(command, arguments, told=part.hear))
    except _Enough:
        return {**part.value, "done": False}
    return {**part.value, "done": True}
