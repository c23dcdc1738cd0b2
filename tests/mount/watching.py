"""A program that watches the mount with inotify, as file managers do."""

import os
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from inotify_simple import INotify, flags

from tests.household.waiting import until

EVENTS = (
    flags.CREATE
    | flags.DELETE
    | flags.DELETE_SELF
    | flags.MOVED_FROM
    | flags.MOVED_TO
    | flags.MODIFY
    | flags.CLOSE_WRITE
    | flags.ATTRIB
)
_NAMES = {
    flags.CREATE: "create",
    flags.DELETE: "delete",
    flags.DELETE_SELF: "delete self",
    flags.MOVED_FROM: "moved from",
    flags.MOVED_TO: "moved to",
    flags.MODIFY: "modify",
    flags.CLOSE_WRITE: "close write",
    flags.ATTRIB: "attrib",
}


class Watcher:
    """What happens to `path` and directly in it, as ("create", "name") pairs, in order.

    `look` is called at every event, as a program does that looks at what it hears of.
    """

    def __init__(self, path: Path, look: Callable[[str, str], None] | None = None) -> None:
        self._inotify = INotify(nonblocking=True)
        self._inotify.add_watch(path, EVENTS)
        self._look = look
        self.heard: list[tuple[str, str]] = []

    def __enter__(self) -> "Watcher":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._inotify.close()

    def read(self) -> list[tuple[str, str]]:
        """All that was heard so far."""
        for event in self._inotify.read(timeout=0):
            for flag in flags.from_mask(event.mask & EVENTS):
                told = (_NAMES[flag], os.fspath(event.name))
                self.heard.append(told)
                if self._look is not None:
                    self._look(*told)
        return self.heard

    def hears(self, *events: tuple[str, str]) -> None:
        """Wait until all of these, in this order among themselves, have been heard."""
        until(lambda: _is_in_order(events, self.read()), f"{events} in {self.heard}")


def _is_in_order(wanted: tuple[tuple[str, str], ...], heard: list[tuple[str, str]]) -> bool:
    rest = iter(heard)
    return all(one in rest for one in wanted)
