"""kill -9 before each durable step of what moves and stores content, and after the last (R5, R8).

The points are found by the code (`points`). After each death the arena is opened as the daemon
opens it: every path is wholly real or wholly cached, its content is one that somebody made,
nothing is lost, nothing lies about in tmp/, the store's own check finds nothing, and peers hear of no
deletion. Then the arena goes on, and ends as if nothing had happened.

Between two steps nothing durable happens, so that dying after one is dying before the next.
"""

import pytest

from tests.crash.runner import Runner
from tests.crash.scenarios import NAMES


@pytest.mark.parametrize("scenario", NAMES)
def test_killed_before_each_step_and_after_the_last(runner: Runner, scenario: str) -> None:
    points, _ = runner.recorded(scenario)
    problems = {point: runner.killed_at(scenario, point, after=False) for point in points}
    problems["the end"] = runner.killed_at(scenario, points[-1], after=True)
    assert not {point: found for point, found in problems.items() if found}


@pytest.mark.big
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("scenario", NAMES)
def test_killed_after_each_step(runner: Runner, scenario: str) -> None:
    points, _ = runner.recorded(scenario)
    problems = {point: runner.killed_at(scenario, point, after=True) for point in points}
    assert not {point: found for point, found in problems.items() if found}


def test_every_kind_of_step_is_a_point(runner: Runner) -> None:
    """What the scenarios go through together: a step that is missing here is not tested at all."""
    operations = {
        point.rpartition(":")[2].partition("#")[0]
        for scenario in NAMES
        for point in runner.recorded(scenario)[0]
    }
    assert operations >= {
        *("chmod", "commit", "fallocate64", "fdatasync", "fsync", "ftruncate", "link", "mkdir"),
        *("open", "openat2", "pwrite", "renameat2", "rmdir", "symlink", "unlink", "utime"),
        *("removexattr", "setxattr", "xattr.set"),
    }
