"""The orders of steps that hold through a power failure (DESIGN 7.1); see `durability`."""

import pytest

from tests.crash.runner import Runner
from tests.crash.scenarios import NAMES

WITHOUT_COMMIT = {"purge the trash"}


@pytest.mark.parametrize("scenario", NAMES)
def test_nothing_is_committed_that_a_power_failure_could_take_back(
    runner: Runner, scenario: str
) -> None:
    run = runner.order_of(scenario)
    assert run["problems"] == []
    assert bool(run["commits"]) == (scenario not in WITHOUT_COMMIT)


@pytest.mark.parametrize("scenario", ["realize a new file", "read on demand and flush"])
def test_nothing_counts_as_stored_after_a_sync_that_failed(runner: Runner, scenario: str) -> None:
    """The kernel forgets what it couldn't write, and the next sync succeeds without it."""
    points, _ = runner.recorded(scenario)
    failing = [point for point in points if "sync.rootwork" not in point and ":fdatasync#" in point]
    assert failing
    for point in failing:
        run = runner.order_of(scenario, point)
        assert run["failed"] == 1
        assert run["problems"] == []
