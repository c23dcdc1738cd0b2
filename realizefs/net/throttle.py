"""Holding one direction of a connection to the rates of some buckets (`core.throttle`)."""

from collections.abc import Sequence

import trio

from realizefs.core.throttle import Bucket
from realizefs.model.limits import RATE_PIECE_BYTES_MIN, RATE_PIECE_SECONDS


class Throttle:
    """Bytes that pass count in all of `buckets`; without any, they pass freely."""

    def __init__(self, buckets: Sequence[Bucket] = ()) -> None:
        self._buckets = buckets

    def piece(self, most: int) -> int:
        """Bytes to pass at once, at most `most`: few enough that a slow line trickles, since what
        comes in bursts looks like silence between them."""
        rates = [bucket.rate for bucket in self._buckets if bucket.rate is not None]
        if not rates:
            return most
        return min(most, max(RATE_PIECE_BYTES_MIN, int(min(rates) * RATE_PIECE_SECONDS)))

    async def passed(self, count: int) -> None:
        """So many bytes passed; wait until more may. What was let go before a rate was set counts as
        what may pass at once now: a megabyte would be a minute of silence on a line of 16 KiB/s."""
        now, count = trio.current_time(), self.piece(count)
        seconds = max((bucket.take(count, now) for bucket in self._buckets), default=0.0)
        if seconds > 0:
            await trio.sleep(seconds)
