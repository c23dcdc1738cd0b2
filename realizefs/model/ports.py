"""The narrow interfaces between layers; fakes and real things pass one contract suite."""

from typing import Protocol


class Clock(Protocol):
    """Time as an argument, so that tests and simulations own it."""

    def now(self) -> float:
        """Monotonic seconds from an arbitrary start."""
        ...

    def wall_ns(self) -> int:
        """Nanoseconds since 1970."""
        ...
