"""What is too much, and which deletions belong together."""

import pytest

from realizefs.core.guard import WAVE_NS, Wave, is_many, is_too_much

NOW = 10**18


@pytest.mark.parametrize(
    ("pending", "folders", "removed", "left", "percent", "asked"),
    [
        (100, 0, 0, 100, 50, False),  # few, be it everything
        (101, 0, 0, 101, 50, True),
        (150, 0, 0, 300, 50, False),  # half isn't more than half
        (151, 0, 0, 300, 50, True),
        (50, 0, 110, 210, 50, False),  # 160 of 320
        (51, 0, 110, 210, 50, True),  # those that were removed count on both sides
        (1000, 0, 0, 1000, 100, False),
        (101, 0, 0, 10**6, 0, True),
        (1000, 900, 0, 1000, 50, False),  # folders alone are nothing
        (1000, 899, 0, 1000, 50, True),
    ],
)
def test_more_than_a_part_and_more_than_a_few(
    pending: int, folders: int, removed: int, left: int, percent: float, asked: bool
) -> None:
    assert is_too_much(pending, folders, removed, left, percent) is asked


def test_a_wave_lasts_as_long_as_something_is_removed_now_and_then() -> None:
    wave = Wave().after(NOW).after(NOW + WAVE_NS).after(NOW + 2 * WAVE_NS)
    assert wave.removed == 3
    assert wave.since_ns < NOW
    assert wave.after(NOW + 3 * WAVE_NS + 1).removed == 1
    assert wave.is_over(NOW - WAVE_NS)  # the clock was set back
    assert Wave().is_over(NOW)
    assert not is_many(60, 40)
    assert is_many(60, 41)
