"""When to try again to reach a peer: exponential, bounded, with jitter, so that a household that
comes back after a power cut doesn't knock in step. Pure: chance is passed in.
"""

from realizefs.model.limits import RECONNECT_SECONDS_FIRST, RECONNECT_SECONDS_MAX


def delay(failures: int, chance: float) -> float:
    """Seconds before the next try after `failures` (from 1) in a row; `chance` in [0, 1).

    Between half of the doubling delay and all of it.
    """
    doublings = min(max(failures, 1) - 1, 32)  # beyond it the bound below holds anyway
    seconds = min(RECONNECT_SECONDS_MAX, RECONNECT_SECONDS_FIRST * float(1 << doublings))
    return seconds * (0.5 + chance / 2)
