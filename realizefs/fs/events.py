"""What watchers of the mount should hear, waiting by name.

Several changes of one thing become what they come to: made and deleted is deleted; deleted under
one name, and made with the same content under another, is moved. The queue is as long as the
kernel's own for a watcher; beyond it events are dropped, as they would be there.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from realizefs.fs.inodes import Place
from realizefs.fs.views import Spot
from realizefs.model.ids import NO_DIGEST, Digest
from realizefs.model.limits import LIVE_EVENTS_MAX

EventKind = Literal["create", "remove", "rename", "modify", "attributes"]
"""As the hand calls them."""

NAME_EVENTS_MAX = 4
"""Events of one name: a move away, a move in, and what is there now; older ones are history."""

_COUNTERPART: dict[EventKind, EventKind] = {"create": "remove", "remove": "create"}


@dataclass(frozen=True, slots=True)
class Event:
    """Of `name` in `directory`, which the kernel calls `place` and the thing there `ino`.

    `mode` has the type of the thing, `content` what came or went, `source` the removal under the
    old name that a rename stands for. `ticket` is the notifier's: after that it may be told.
    """

    kind: EventKind
    directory: Spot
    name: bytes
    place: Place
    ino: int
    mode: int
    content: Digest = NO_DIGEST
    source: "Event | None" = None
    ticket: int = 0
    tries: int = 0

    @property
    def inodes(self) -> set[int]:
        """Those of which one must be watched for anybody to hear of it."""
        above = {self.source.place[0]} if self.source else set()
        return {self.place[0], self.ino} | above


class Events:
    """The queue. Trio thread only."""

    def __init__(self, limit: int = LIVE_EVENTS_MAX) -> None:
        self._limit = limit
        self._waiting: dict[Place, list[Event]] = {}
        self._by_content: dict[tuple[EventKind, Digest], Place] = {}
        self._sources: dict[Place, Place] = {}

    def __len__(self) -> int:
        """Names of which something is to be told."""
        return len(self._waiting)

    def add(self, event: Event) -> None:
        """Put it behind, or together with, what waits for the same name."""
        if event.kind == "remove" and event.place in self._sources:
            return  # that is the other half of a rename
        half = self._other_half(event)
        if half is not None:
            self._drop(half)
            come, gone = (event, half) if event.kind == "create" else (half, event)
            event = replace(come, kind="rename", source=gone, ticket=event.ticket)
        waiting = self._waiting.get(event.place, [])
        if not waiting and len(self._waiting) >= self._limit:
            return  # not to be heard of
        self._put(event.place, _merged(waiting, event))
        if event.source is not None:
            self._sources[event.source.place] = event.place
        if event.content and event.kind in _COUNTERPART:
            self._by_content[event.kind, event.content] = event.place

    def take(
        self, ticket: int, wanted: Callable[[Event], bool] = lambda event: True
    ) -> list[Event]:
        """What is wanted and waits for no later ticket."""
        waiting = [one for each in self._waiting.values() for one in each]
        taken = [one for one in waiting if one.ticket <= ticket and wanted(one)]
        for event in taken:
            self._drop(event)
        return taken

    def _put(self, place: Place, events: list[Event]) -> None:
        if events:
            self._waiting[place] = events
        else:
            self._waiting.pop(place, None)

    def _drop(self, event: Event) -> None:
        waiting = self._waiting.get(event.place, [])
        self._put(event.place, [one for one in waiting if one is not event])
        if event.source is not None:
            self._sources.pop(event.source.place, None)
        key = event.kind, event.content
        if self._by_content.get(key) == event.place:
            del self._by_content[key]

    def _other_half(self, event: Event) -> Event | None:
        """The removal of what is created, or the creation of what is removed, elsewhere."""
        wanted = _COUNTERPART.get(event.kind)
        place = self._by_content.get((wanted, event.content)) if wanted else None
        if place is None or place == event.place:
            return None
        for one in self._waiting.get(place, []):
            same = one.kind == wanted and one.content == event.content
            if same and one.directory.arena is event.directory.arena:
                return one
        return None


def _merged(waiting: list[Event], event: Event) -> list[Event]:
    """What one name's events come to.

    What was created and has gone may have been seen by who came to watch since: the removal stays.
    """
    last = waiting[-1].kind if waiting else None
    if event.kind in ("create", "rename", "remove"):
        ends = [one for one in waiting if one.kind in ("rename", "remove")]
        told = event.kind == "remove" and ends and ends[-1].kind == "remove"
        return ends if told else [*ends, event][-NAME_EVENTS_MAX:]
    if last == event.kind or (last, event.kind) == ("modify", "attributes"):
        return waiting
    return [*waiting, event]
