"""Noticing that the machine slept: its connections are dead more often than not, and who wakes it
up doesn't want to wait until silence tells.

The clock of the time since boot goes on while the machine sleeps and the monotonic one doesn't:
what they differ by jumps. It is looked at every LOOK_SECONDS, by the monotonic clock: soon after a
machine woke up.
"""

import logging
import time
from collections.abc import Callable

import trio

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
"""Seconds between looks: as long as a network takes to come back anyway."""

SLEPT_SECONDS = 5.0
"""Seconds of sleep after which connections are made anew; shorter ones no peer noticed."""


def seconds_slept() -> float:
    """Seconds that this machine has slept since it was booted."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) - time.clock_gettime(time.CLOCK_MONOTONIC)


async def whenever_resumed(
    wake: Callable[[], None], slept: Callable[[], float] = seconds_slept
) -> None:
    """Until cancelled: call `wake` each time that the machine has slept."""
    before = slept()
    while True:
        await trio.sleep(LOOK_SECONDS)
        now = slept()
        if now - before >= SLEPT_SECONDS:
            log.info("The machine slept for %.0f s: all peers are connected anew.", now - before)
            wake()
        before = now
