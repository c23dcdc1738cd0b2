"""Counters: latencies in buckets, programs in a bounded table."""

from itertools import pairwise

from realizefs.core.counting import BOUNDS_SECONDS, OTHERS, READERS_MAX, Latency, MountCounts


def test_a_latency_stands_in_the_first_bucket_that_is_long_enough() -> None:
    latency = Latency()
    took = (0.0, 1e-6, 20e-6, 100e-6, 0.5, 33.0, 1000.0)
    for seconds in took:
        latency.took(seconds)
    assert latency.count == len(took)
    assert latency.seconds == sum(took)
    for bound, count in latency.cumulated():
        # A bucket counts whole microseconds: one more or less at its bound is as good.
        assert count == sum(seconds <= bound for seconds in took), bound


def test_bounds_double_and_the_last_is_longer_than_any_deadline() -> None:
    assert all(second == 2 * first for first, second in pairwise(BOUNDS_SECONDS))
    assert BOUNDS_SECONDS[0] == 16e-6
    assert BOUNDS_SECONDS[-1] > 15


def test_the_table_of_programs_is_bounded() -> None:
    counts = MountCounts()
    for number in range(10 * READERS_MAX):
        counts.reader(b"program %d" % number).bytes += 1
    assert len(counts.readers) == READERS_MAX + 1
    assert counts.readers[OTHERS].bytes == 9 * READERS_MAX
    assert counts.reader(b"program 1") is counts.readers[b"program 1"]
