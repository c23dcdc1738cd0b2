"""The machine's clock, for tests that run against real time."""

import time


class SystemClock:
    def now(self) -> float:
        return time.monotonic()

    def wall_ns(self) -> int:
        return time.time_ns()
