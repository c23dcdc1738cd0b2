"""A token bucket: how long to wait so that bytes pass at a bounded rate. Pure: time is passed in.

What passes may overdraw the bucket; whoever overdrew it waits until it is level again before the
next bytes. So several takers of one bucket share it in turns, and the rate holds whatever the
size of the pieces is. The debt is kept in bytes, and so is paid at once where the rate is raised; it
becomes less where that is lowered, so that nobody waits longer for what passed when more might.
"""

from realizefs.model.limits import RATE_CREDIT_SECONDS


class Bucket:
    """Lets `rate` bytes a second pass, None: any number; the rate may be changed at any time."""

    def __init__(self, rate: int | None = None) -> None:
        self._rate = rate
        self._level = 0.0
        self._at = 0.0

    @property
    def rate(self) -> int | None:
        """Bytes a second; None: any number."""
        return self._rate

    @rate.setter
    def rate(self, rate: int | None) -> None:
        if rate is not None and self._rate is not None and rate < self._rate:
            self._level *= rate / self._rate
        self._rate = rate

    def take(self, count: int, now: float) -> float:
        """`count` bytes pass now; seconds until the next ones may."""
        if self.rate is None:
            self._level, self._at = 0.0, now
            return 0.0
        # What wasn't used a moment ago is made up for: sleeping too long would cost rate otherwise.
        credit = self.rate * RATE_CREDIT_SECONDS
        self._level = min(self._level + (now - self._at) * self.rate, credit) - count
        self._at = now
        return max(0.0, -self._level / self.rate)
