"""Waiting for what other processes do: bounded, and it says what didn't happen."""

import threading
import time
from collections.abc import Callable

SECONDS = 30.0
"""After which something isn't going to happen any more."""

_POLL_SECONDS = 0.02
_NEVER = threading.Event()


def until(
    condition: Callable[[], object], what: str, seconds: float = SECONDS, *, every: float = 0.0
) -> None:
    """Return once `condition` holds; AssertionError saying `what` if that takes too long.

    What other processes do can't be waited for, only asked about: hence the polling.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
        _NEVER.wait(every or _POLL_SECONDS)
