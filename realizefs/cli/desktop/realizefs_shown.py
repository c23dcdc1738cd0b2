"""What file managers show at this moment, and what is known of it: emblems follow what becomes of files.

    asked     the file manager asks about a file: it is told what is known, and the file is looked at
    looked    in one of GLib's threads, for no window may wait for a mount; Python's threads get no turn there
    changed   if it is not what was known, the file manager is told to ask again, which it does at once
    followed  what the file manager still holds is looked at again after a rest, as long as it holds it

A file that was looked at because it was asked about, and is asked about because it was looked at, would go
round for ever. So only a change has it asked again, and what is known of a file stays as long as the file
manager holds it: nothing is dropped for want of room, new ones are not taken on.
"""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

HELD_MAX = 20_000
"""Files known at once; those beyond have no emblem. A file manager itself takes 2 KiB and more for each."""

FOLLOWED_MAX = 500
"""Files looked at again, those asked about last: more than windows show at once."""

LOOKS_MAX = 4
"""Looks under way: threads that a mount which hangs takes from the file manager."""

REST_SECONDS = 2
"""Between two rounds of looking again."""

REST = 20
"""Or this many times as long as the round took: of mount and machine no more than 5 % is asked."""

S = TypeVar("S")
S_co = TypeVar("S_co", covariant=True)


class Eyes(Protocol[S_co]):
    """How files are looked at."""

    def look(self, uri: str, then: Callable[[S_co | None], None]) -> None:
        """Find out what is at an address, and say it later, in the file manager's own thread; None
        where it is in no mount of ours."""

    def later(self, seconds: int, then: Callable[[], None]) -> None:
        """Call that then, once."""


@dataclass(slots=True)
class Held(Generic[S]):
    """A file that the file manager holds, until `file` says None; `known` of it; whether it is to be
    looked at; whether it was asked to be asked about."""

    file: Callable[[], Any]
    known: S | None = None
    is_waiting: bool = False
    is_called: bool = False


class Shown(Generic[S]):
    """The files that are shown, by their addresses; those asked about last come last."""

    def __init__(self, eyes: Eyes[S], now: Callable[[], float] = time.monotonic) -> None:
        self._eyes = eyes
        self._now = now
        self._held: dict[str, Held[S]] = {}
        self._waiting: deque[str] = deque()
        self._looks = 0
        self._round: float | None = None  # since when one is under way
        self._is_resting = False

    def asked(self, uri: str, file: Any) -> S | None:
        """What is known of a file that is shown."""
        held = self._held.pop(uri, None)
        if held is None or held.file() is None:
            if len(self._held) >= HELD_MAX:
                return None
            held = Held(file.weak_ref())
        self._held[uri] = held
        if held.is_called:
            held.is_called = False
        else:
            self._want(uri, held, first=True)
            self._look()
        return held.known

    def known(self, uri: str) -> S | None:
        """What was told last; None where nothing was."""
        held = self._held.get(uri)
        return held.known if held else None

    def _want(self, uri: str, held: Held[S], *, first: bool) -> None:
        if held.is_waiting:
            return
        held.is_waiting = True
        if first:
            self._waiting.appendleft(uri)
        else:
            self._waiting.append(uri)

    def _look(self) -> None:
        while self._waiting and self._looks < LOOKS_MAX:
            uri = self._waiting.popleft()
            self._looks += 1
            self._eyes.look(uri, lambda seen, uri=uri: self._looked(uri, seen))  # type: ignore[misc]
        if not self._looks:
            self._end_round()

    def _looked(self, uri: str, seen: S | None) -> None:
        self._looks -= 1
        held = self._held.get(uri)
        if held is not None:
            held.is_waiting = False
            self._compare(uri, held, seen)
        self._look()

    def _compare(self, uri: str, held: Held[S], seen: S | None) -> None:
        file = held.file()
        if file is None or (seen is None and held.known is None):
            del self._held[uri]  # nobody shows it, or it isn't ours
        elif seen != held.known:
            held.known, held.is_called = seen, True
            file.invalidate_extension_info()

    def _end_round(self) -> None:
        """All was looked at: rest, and look again, unless nothing is shown."""
        took = 0.0 if self._round is None else self._now() - self._round
        self._round = None
        if self._held and not self._is_resting:
            self._is_resting = True
            self._eyes.later(max(REST_SECONDS, round(took * REST)), self._begin_round)

    def _begin_round(self) -> None:
        self._is_resting = False
        self._round = self._now()
        self._held = {uri: held for uri, held in self._held.items() if held.file() is not None}
        for uri in list(self._held)[-FOLLOWED_MAX:]:
            self._want(uri, self._held[uri], first=False)
        self._look()
