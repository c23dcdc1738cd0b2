"""The names that open directories remember, all together: bounded (R6).

An open directory is answered from a snapshot of its names, so that a cookie, which is a position
in it, stays good while the directory changes. That takes some 400 bytes a name, and programs may
hold as many directories open as they like. So beyond LISTED_NAMES_MAX names the snapshot that was
used the longest ago is let go, but for the names around where it was being read. When it is read
on there, the directory is read anew, and since names are in order, what comes behind the last name
that was answered goes on there: none comes twice, and none that was there all the time is missed.
"""

from bisect import bisect_right
from dataclasses import dataclass, field

from realizefs.model.entries import Dirent
from realizefs.model.ids import Inode
from realizefs.model.limits import LISTED_NAMES_MAX

MARGIN = 2048
"""Names that are kept around the place of reading: more than one answer to the kernel holds, whose
end a program may not have taken."""


@dataclass(slots=True)
class Snapshot:
    """Names in order, from position `first` on; `dirents` what the index says of them, `native`
    those that are files in the root, `cached` bytes of those that aren't."""

    names: list[bytes] = field(default_factory=list)
    dirents: dict[bytes, Dirent] = field(default_factory=dict)
    native: set[bytes] = field(default_factory=set)
    cached: dict[Inode, int] = field(default_factory=dict)
    first: int = 0


@dataclass(slots=True, eq=False)
class Reading:
    """Where one open directory is read: positions count from 0, without the dots.

    `snapshot` is None before the first and after it was let go; then `kept` are names from
    position `start` on, with the one before it.
    """

    snapshot: Snapshot | None = None
    at: int = 0
    start: int = 0
    kept: list[bytes] = field(default_factory=list)

    def take(self, snapshot: Snapshot) -> None:
        """Go on in a new snapshot, in which what is kept keeps its position."""
        wanted = self.at - self.start
        if 0 <= wanted < len(self.kept):
            index = bisect_right(snapshot.names, self.kept[wanted])
            snapshot.first = self.at - index
        self.snapshot, self.kept = snapshot, []

    def rewind(self) -> None:
        """From the beginning, as the directory is now."""
        self.snapshot, self.kept, self.at, self.start = None, [], 0, 0

    def let_go(self) -> None:
        """Remember what is needed to go on."""
        if self.snapshot is None:
            return
        before = self.at - self.snapshot.first - 1
        names = self.snapshot.names
        self.start = self.at
        self.kept = [b"" if before < 0 else names[before], *names[before + 1 : before + MARGIN]]
        self.snapshot = None


class Snapshots:
    """Who remembers how much, the longest unused first. Trio thread only."""

    def __init__(self, limit: int = LISTED_NAMES_MAX) -> None:
        self.limit = limit
        self.names = 0
        self._readings: dict[Reading, int] = {}

    def used(self, reading: Reading) -> None:
        """It has its snapshot and is being read; others may lose theirs."""
        self.closed(reading)
        count = len(reading.snapshot.names) if reading.snapshot is not None else 0
        self._readings[reading] = count
        self.names += count
        while self.names > self.limit and len(self._readings) > 1:
            longest = next(iter(self._readings))
            self.closed(longest)
            longest.let_go()

    def closed(self, reading: Reading) -> None:
        """It remembers nothing any more."""
        self.names -= self._readings.pop(reading, 0)
