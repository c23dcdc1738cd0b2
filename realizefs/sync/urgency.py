"""Whether somebody waits for bytes: a person's read is urgent, a download isn't, and becomes so when
a reader comes for what it is fetching.
"""

from realizefs.sync.bell import Bell


class Urgency:
    """Of one piece, while it waits its turn; `bell` rings when the turn may have come."""

    def __init__(self, *, urgent: bool) -> None:
        self.urgent = urgent
        self.bell = Bell()

    def hurry(self) -> None:
        """Somebody waits for it now."""
        if not self.urgent:
            self.urgent = True
            self.bell.ring()
