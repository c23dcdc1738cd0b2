"""Waiting for what other processes do: bounded, and it says what didn't happen."""

import threading
import time
from collections.abc import Callable

SECONDS = 60.0
"""After which something isn't going to happen any more."""

_POLL_SECONDS = 0.02
_NEVER = threading.Event()


def until(
    condition: Callable[[], object], what: str, seconds: float = SECONDS, *, every: float = 0.0
) -> None:
    """Return once `condition` holds; AssertionError saying `what` if that takes too long.

    What other processes do can't be waited for, only asked about: hence the polling. A condition
    that finds a file missing doesn't hold yet: files come, and move while they are looked at.
    """
    deadline = time.monotonic() + seconds
    while missing := _lacks(condition):
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}; {missing}"
        _NEVER.wait(every or _POLL_SECONDS)


def _lacks(condition: Callable[[], object]) -> str:
    """Why `condition` doesn't hold; empty where it does."""
    try:
        return "" if condition() else "it doesn't hold"
    except (FileNotFoundError, NotADirectoryError) as error:
        return str(error)
