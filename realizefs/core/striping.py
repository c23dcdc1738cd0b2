"""Which of several holders is asked for the next piece, and when another is asked beside it. Pure.

Each piece goes to whoever is likely to have it here first: what it was asked for already, and how
fast it has been, decide. So a holder twice as fast gets twice the pieces, one that is new is tried
as if it were as fast as the best, and one that sent wrong bytes only where nobody else can.
"""

from math import inf

from realizefs.model.limits import (
    BULK_BYTES_MIN,
    BULK_SECONDS,
    HEDGE_SECONDS,
    MIB,
    PROGRESS_SECONDS,
)

PIECE_BYTES = 8 * MIB
"""Bytes asked for in one request where the line is fast: large enough to hide what a request costs,
one to two milliseconds at both ends together."""

_FIRST_PIECE_BYTES = MIB // 4
"""Bytes of the first requests, as long as nobody knows how fast the line is."""

PIECES_MIN = 16
"""Pieces that a cache should be able to hold: what doesn't fit it as a whole isn't kept at all."""

PIECE_SECONDS = 0.02
"""Seconds that one piece takes the line: the least that anybody waits behind it, and where the line
becomes slow just then, a multiple of that. With 0.05 downloads were as fast."""

_LATE = 4
"""Times as long as expected: then it isn't as fast as it was."""


def rank(busy: int, rate: float, best: float, *, distrusted: bool) -> tuple[bool, float]:
    """The smallest is asked. `busy` pieces are on their way from it, `rate` is its bytes per second
    and `best` that of the fastest, each 0.0 where unknown."""
    return distrusted, (busy + 1) / (rate or best or 1.0)


def is_late(waited: float, silent: float, ahead: int, rate: float, elsewhere: float = inf) -> bool:
    """Whether to ask another holder, too: for `waited` seconds an answer has been awaited, for
    `silent` of these not a byte came, `ahead` bytes were to come until it is here, and another one
    would take `elsewhere` seconds: of what was asked for before anybody knew how fast they are most
    may be with the slow one."""
    if silent >= HEDGE_SECONDS:
        return True
    expected = ahead / rate if rate else PROGRESS_SECONDS
    if waited >= HEDGE_SECONDS and expected > _LATE * elsewhere:
        return True
    return waited >= HEDGE_SECONDS + _LATE * expected


def piece_bytes(rate: float, block: int, room: int, seconds: float = PIECE_SECONDS) -> int:
    """Bytes to ask for in one request, whole blocks, from who sends `rate` bytes per second (0.0:
    unknown): what comes in `seconds`, so few on a slow line that a person's read isn't kept behind
    them, and that a cache of `room` bytes takes PIECES_MIN of them."""
    size = min(PIECE_BYTES, int(rate * seconds)) if rate else _FIRST_PIECE_BYTES
    size = min(size, room // PIECES_MIN)
    return max(size - size % block, block)


def bulk_bytes(rate: float) -> int:
    """Bytes that downloads may have on their way from who sends `rate` bytes per second."""
    return max(int(rate * BULK_SECONDS), BULK_BYTES_MIN)
