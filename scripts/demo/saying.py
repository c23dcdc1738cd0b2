"""What the demo says, why it can't go on, and what it waits for."""

import time
from collections.abc import Callable

SETTLE_SECONDS = 60.0
"""Seconds that a check waits for what the daemon does in the background."""

POLL_SECONDS = 0.05
"""Seconds between two looks."""


class DemoError(Exception):
    """Why the demo can't go on; a sentence."""


def say(text: str) -> None:
    """To the terminal, at once."""
    print(text, flush=True)


def expect(truth: bool, otherwise: str) -> None:
    """DemoError unless true."""
    if not truth:
        raise DemoError(otherwise)


def wait_until(condition: Callable[[], bool], seconds: float, otherwise: str) -> None:
    """Until it is true; DemoError after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise DemoError(f"{otherwise}, after {seconds:.0f} s")
        time.sleep(POLL_SECONDS)
