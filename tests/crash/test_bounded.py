"""However often it crashes at the same place, what it leaves behind doesn't add up (R6)."""

from collections import Counter
from pathlib import Path

import pytest

from tests.crash.runner import Runner
from tests.crash.scenarios import NAMES, SCENARIOS

CRASHES = 3
"""In a row at the same point: if each leaves something, it is there more than once."""
LEFT = ("trash", "lost+found", "tmp")

REPEATABLE = [
    name for name in NAMES if SCENARIOS[name].meddle is None and name != "purge the trash"
]
TRASHING = [name for name in REPEATABLE if SCENARIOS[name].kept and "real" in name]
"""What moves a user's content, which must go somewhere."""


@pytest.mark.parametrize("scenario", TRASHING)
def test_crashing_again_at_the_same_point_leaves_no_content_twice(
    runner: Runner, scenario: str
) -> None:
    assert _left_twice(runner, scenario) == {}


@pytest.mark.big
@pytest.mark.timeout(600)
@pytest.mark.parametrize("scenario", [name for name in REPEATABLE if name not in TRASHING])
def test_no_other_crash_leaves_content_twice_either(runner: Runner, scenario: str) -> None:
    assert _left_twice(runner, scenario) == {}


def _left_twice(runner: Runner, scenario: str) -> dict[str, list[str]]:
    """By point; also what is wrong in the end."""
    problems = {}
    for point in runner.recorded(scenario)[0]:
        with runner.place() as directory:
            what = {"scenario": scenario, "directory": directory}
            for day in range(CRASHES):
                runner.order(do="again", point=point, day=day, **what)
            after = runner.order(do="go on", **what)
            found = [*after["problems"], *_twice(Path(directory, "root/.realize"))]
        if found:
            problems[point] = found
    return problems


def _twice(state: Path) -> list[str]:
    """Contents of which there is more than one copy where nobody looks."""
    files = [one for place in LEFT for one in (state / place).rglob("*") if one.is_file()]
    contents = Counter(one.read_bytes() for one in files)
    return [f"{one[:30]!r} is left {times} times" for one, times in contents.items() if times > 1]
