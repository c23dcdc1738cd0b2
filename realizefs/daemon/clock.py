"""The real clock (model.ports.Clock)."""

import time


class SystemClock:
    """What the machine says."""

    def now(self) -> float:
        return time.monotonic()

    def wall_ns(self) -> int:
        return time.time_ns()
