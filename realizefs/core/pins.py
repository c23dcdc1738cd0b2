"""Promises between owners, so that two never give up the same file at once (R1).

Who wants to give its copy up asks other owners to *pin* theirs. A pin is a lease: for PIN_SECONDS its
owner gives the file up to nobody's order. Who is giving the same file up itself refuses. Why no copy
too many goes, whatever is delayed and whoever crashes: whoever gives up has, at that moment, the
word of an owner that isn't giving up. A crash makes an owner forget what it has promised; but then it
needs the word of another one itself, and will not have that of the peer which relied on it: that is
giving up, or has no file any more.

    we are               asked by a peer      answer
    keeping it           any                  yes, for PIN_SECONDS
    asking for promises  with a smaller id    yes; we try again later
    asking for promises  with a larger id     no
    giving it up         any                  no

The third and the second row let one of two go on who want the same at the same moment.
"""

from realizefs.model.ids import Inode, PeerId
from realizefs.model.limits import PIN_SECONDS, PINS_MAX


class Pins:
    """What one peer has promised, and what it is giving up; times are monotonic seconds."""

    def __init__(self, me: PeerId) -> None:
        self._me = me
        self._promised: dict[Inode, float] = {}
        self._certain: dict[Inode, bool] = {}

    def begin(self, ino: Inode, now: float) -> bool:
        """We would like to give this file up; whether we may ask others."""
        self._prune(now)
        if ino in self._promised or ino in self._certain:
            return False
        self._certain[ino] = False
        return True

    def seconds_left(self, ino: Inode, now: float) -> float | None:
        """For which we still have promised to keep it; None where we haven't."""
        until = self._promised.get(ino)
        return None if until is None else max(until - now, 0.0)

    def asked(self, ino: Inode, peer: PeerId, now: float) -> bool:
        """Whether we promise a peer to keep this file, which is here, for PIN_SECONDS."""
        self._prune(now)
        if self._certain.get(ino, False) or (ino in self._certain and peer > self._me):
            return False
        if ino not in self._promised and len(self._promised) >= PINS_MAX:
            return False
        self._promised.pop(ino, None)  # in the order of time
        self._promised[ino] = now + PIN_SECONDS
        return True

    def certain(self, ino: Inode) -> bool:
        """Others have promised; whether we may give it up, having promised nothing meanwhile."""
        if ino in self._promised:
            return False
        self._certain[ino] = True
        return True

    def end(self, ino: Inode) -> None:
        """It is given up, or not."""
        self._certain.pop(ino, None)

    def _prune(self, now: float) -> None:
        while self._promised:
            ino, until = next(iter(self._promised.items()))
            if until > now:
                return
            del self._promised[ino]
