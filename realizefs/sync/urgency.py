"""Who goes first: those that somebody waits for, then what a reader will want next, then downloads.

A piece goes up, never down: a reader comes for what a download was fetching, or for what was fetched
ahead of him. What isn't urgent has little on its way (see `asking`), so whoever comes now isn't kept
waiting by megabytes that nobody may ever want.
"""

from enum import IntEnum

from realizefs.sync.bell import Bell


class Need(IntEnum):
    """Why bytes are fetched; the smaller goes first."""

    READ = 0
    AHEAD = 1
    DOWNLOAD = 2


class Urgency:
    """Of one piece, while it waits its turn; `bell` rings when the turn may have come."""

    def __init__(self, need: Need) -> None:
        self.need = need
        self.bell = Bell()

    @property
    def urgent(self) -> bool:
        """Whether somebody waits for it."""
        return self.need is Need.READ

    def hurry(self, need: Need = Need.READ) -> None:
        """It is needed for this, too."""
        if need < self.need:
            self.need = need
            self.bell.ring()
