"""A bucket holds its rate whatever passes, at once when the rate changes, and forgives no debt."""

import pytest

from realizefs.core.throttle import Bucket
from realizefs.model.limits import MIB, RATE_BYTES_MIN


def passed_in(bucket: Bucket, piece: int, seconds: float, oversleep: float = 0.0) -> int:
    """Bytes that one taker gets through in so many seconds; it wakes up late each time."""
    now, passed = 100.0, 0
    while now < 100.0 + seconds:
        wait = bucket.take(piece, now)
        passed += piece
        now += wait + (oversleep if wait else 0.0)
    return passed


@pytest.mark.parametrize("rate", [RATE_BYTES_MIN, 2_000_000, 100 * MIB])
@pytest.mark.parametrize("oversleep", [0.0, 0.004, 0.04])
def test_the_rate_is_held_within_five_percent(rate: int, oversleep: float) -> None:
    passed = passed_in(Bucket(rate), int(rate * 0.05), 10, oversleep)
    assert abs(passed - 10 * rate) <= 10 * rate * 0.05


def test_two_takers_share_it() -> None:
    bucket = Bucket(1000)
    clocks, passed = [0.0, 0.0], [0, 0]
    while min(clocks) < 100:
        who = clocks.index(min(clocks))
        passed[who] += 50
        clocks[who] += bucket.take(50, clocks[who]) or 0.0
    assert abs(sum(passed) - 100_000) <= 5000
    assert abs(passed[0] - passed[1]) <= 100


def test_another_rate_holds_for_the_debt_too() -> None:
    bucket = Bucket(1000)
    bucket.take(100, 10.0)  # the credit of a tenth of a second
    assert bucket.take(10_000, 10.0) == pytest.approx(10.0)
    bucket.rate = 10_000
    assert bucket.take(0, 10.0) == pytest.approx(1.0)
    bucket.rate = None
    assert bucket.take(MIB, 10.0) == 0.0


def test_nobody_waits_longer_for_what_passed_when_more_might() -> None:
    bucket = Bucket(1000)
    bucket.take(1100, 10.0)
    bucket.rate = 10
    assert bucket.take(0, 10.0) == pytest.approx(1.0)


def test_what_was_not_used_is_not_saved_up() -> None:
    bucket = Bucket(1000)
    bucket.take(0, 0.0)
    assert bucket.take(1100, 3600.0) == pytest.approx(1.0)
