"""A disk that is full, fails or is read-only at each step of each scenario (R1, R5).

Whatever fails, once or from there on until somebody mends it: what comes of it is a sentence and no
accident, the store is sound at once and after a restart, no content is lost, and what failed works
when it is done again.
"""

import errno

import pytest

from tests.crash.runner import CODES, FOR_EVER, Runner
from tests.crash.scenarios import NAMES


@pytest.mark.parametrize("scenario", NAMES)
def test_each_step_fails_in_one_way(runner: Runner, scenario: str) -> None:
    """The ways in turn: which error, once or for ever, tried again or started again."""
    problems = {}
    for number, point in enumerate(runner.recorded(scenario)[0]):
        code = CODES[number % len(CODES)]
        times = FOR_EVER if number % 2 else 1
        found = runner.failed_at(scenario, point, code, times, again=number // 2 % 2 == 0)
        if found:
            problems[f"{point} {errno.errorcode[code]} {times}"] = found
    assert not problems


@pytest.mark.big
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("again", [True, False])
@pytest.mark.parametrize("times", [1, FOR_EVER])
@pytest.mark.parametrize("code", CODES)
def test_every_error_at_every_step(runner: Runner, code: int, times: int, again: bool) -> None:
    problems = {}
    for scenario in NAMES:
        for point in runner.recorded(scenario)[0]:
            found = runner.failed_at(scenario, point, code, times, again=again)
            if found:
                problems[f"{scenario}: {point}"] = found
    assert not problems
