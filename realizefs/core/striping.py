"""Which of several holders is asked for the next piece, and when another is asked beside it. Pure.

Each piece goes to whoever is likely to have it here first: what it was asked for already, and how
fast it has been, decide. So a holder twice as fast gets twice the pieces, one that is new is tried
as if it were as fast as the best, and one that sent wrong bytes only where nobody else can.
"""

from realizefs.model.limits import HEDGE_SECONDS, PROGRESS_SECONDS

_LATE = 4
"""Times as long as expected: then it isn't as fast as it was."""


def rank(busy: int, rate: float, best: float, *, distrusted: bool) -> tuple[bool, float]:
    """The smallest is asked. `busy` pieces are on their way from it, `rate` is its bytes per second
    and `best` that of the fastest, each 0.0 where unknown."""
    return distrusted, (busy + 1) / (rate or best or 1.0)


def is_late(waited: float, silent: float, ahead: int, rate: float) -> bool:
    """Whether to ask another holder, too: for `waited` seconds an answer has been awaited, for
    `silent` of these not a byte came, `ahead` bytes were to come until it is here."""
    if silent >= HEDGE_SECONDS:
        return True
    expected = ahead / rate if rate else PROGRESS_SECONDS
    return waited >= HEDGE_SECONDS + _LATE * expected
