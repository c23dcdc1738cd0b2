"""Paths that wait to be indexed: each until it is quiet, all of them while there is a storm.

Every batch costs a look at each path, a transaction and its fsync, and takes the interpreter from
the mount meanwhile. A program that unpacks a tree makes a batch ready every few milliseconds. So
only what comes after a rest is indexed at once; after that, batches are STORM_SECONDS apart, and
twice as long as the last one took, so that two thirds of the time are the mount's. They begin as
soon as nothing has been touched for CALM_SECONDS, too, or as a peer's reader waits for one.
"""

from collections.abc import Callable
from math import ceil, inf

from realizefs.model.paths import is_within
from realizefs.model.ports import Clock

TICK_SECONDS = 0.01
"""Paths become due in such steps: both names of a rename in the same one."""

CALM_SECONDS = 0.05
"""Seconds without anything touched that end a storm: a pause no unpacking program makes."""

STORM_SECONDS = 0.5
"""Seconds from the end of a batch to the next at least: what peers hear later in a storm."""

REST = 2
"""Times that a batch took until the next."""

REST_SECONDS_MAX = 5.0
"""Seconds of rest at most: as much of a storm as may be left to do when it ends, and what peers hear
later of a program that goes on writing."""

TOGETHER_MAX = 4096
"""Paths that are looked at before any of them is recorded as gone, so that both names of what
was renamed are seen together: a folder of photos moved file by file."""


class Due:
    """Paths and when each is due; trio thread, but `in` may be asked by any."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._due: dict[bytes, float] = {}
        self._hurried: set[bytes] = set()
        self._added = self._began = self._ended = -inf
        self._rest = STORM_SECONDS
        self._taken = False

    def __len__(self) -> int:
        return len(self._due)

    def __contains__(self, path: bytes) -> bool:
        return path in self._due

    def some(self) -> list[bytes]:
        """All of them, where they are so few that they are looked at together; else none."""
        return list(self._due) if len(self._due) <= TOGETHER_MAX else []

    def within(self, directory: bytes) -> list[bytes]:
        """Those below a directory."""
        return [path for path in self._due if path != directory and is_within(path, directory)]

    def clear(self) -> None:
        """Nothing waits any more."""
        self._due.clear()
        self._hurried.clear()

    def add(self, path: bytes, delay: float) -> None:
        """Due after `delay` quiet seconds."""
        self._added = self._clock.now()
        self._due[path] = ceil((self._added + delay) / TICK_SECONDS) * TICK_SECONDS

    def hurry(self, path: bytes, delay: float) -> None:
        """Somebody waits for it: due after `delay`, or as it is already, and with all that is due
        then, so that both names of a rename stay together; storm or not."""
        if path not in self._due:
            self.add(path, delay)
        self._hurried.add(path)

    def take(self, is_held: Callable[[bytes], bool]) -> tuple[list[bytes], float]:
        """Those that are due and not held, parents before what is in them, and seconds until it is
        worth asking again. Whoever asks again is done with those of the last time."""
        now = self._clock.now()
        if self._taken:
            self._taken, self._ended = False, now
            self._rest = min(max(STORM_SECONDS, REST * (now - self._began)), REST_SECONDS_MAX)
        storm = min(self._added + CALM_SECONDS, self._ended + self._rest) - now
        hurry = min((self._due[path] for path in self._hurried if not is_held(path)), default=inf)
        if storm > 0 and hurry > now:
            return [], min(storm, hurry - now)
        # Who touched both names of a rename may have been interrupted between the two: with what is
        # due goes what is in the same tick after it.
        soon = now + TICK_SECONDS
        ready = [path for path, due in self._due.items() if due <= soon and not is_held(path)]
        if all(self._due[path] > now for path in ready):
            ready = []
        ready = sorted(ready)[:TOGETHER_MAX]
        for path in ready:
            del self._due[path]
        self._hurried.difference_update(ready)
        self._taken = bool(ready)
        if ready:
            self._began = now
        later = (due for due in self._due.values() if due > now)
        return ready, min(later, default=now + 3600.0) - now
