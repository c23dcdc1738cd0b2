"""Ordering runs from the child process, and putting several together."""

import errno
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from signal import SIGKILL
from typing import Any

from tests.crash.scenarios import SCENARIOS

TOP = Path(__file__).parents[2]
CODES = (errno.ENOSPC, errno.EIO, errno.EROFS)
FOR_EVER = 25
"""Steps that fail from a point on, until the disk is well again: more than any operation tries."""

RECORDED = 3
"""Undisturbed runs of a scenario."""

TRIES_MAX = 5
"""Runs until one comes to a point that another one came to."""


class Runner:
    """One child; every run in a directory of its own below `directory`, removed afterwards."""

    def __init__(self, child: "subprocess.Popen[str]", directory: Path) -> None:
        self._child = child
        self._directory = directory
        self._recorded: dict[str, tuple[list[str], Any]] = {}
        self._places = 0
        self.runs = 0

    def order(self, **what: Any) -> dict[str, Any]:
        """Have one run done."""
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._child.stdin.write(json.dumps(what) + "\n")
        self._child.stdin.flush()
        self.runs += 1
        answer: dict[str, Any] = json.loads(self._child.stdout.readline())
        return answer

    @contextmanager
    def place(self) -> Iterator[str]:
        """A directory for one arena."""
        self._places += 1
        directory = self._directory / f"run {self._places}"
        try:
            yield str(directory)
        finally:
            shutil.rmtree(directory, ignore_errors=True)

    def recorded(self, scenario: str) -> tuple[list[str], Any]:
        """The points of an undisturbed run, and the state after it: of several runs the one with the
        fewest, for a busy machine may make two commits of one."""
        if scenario not in self._recorded:
            runs = [self._undisturbed(scenario) for _ in range(RECORDED)]
            self._recorded[scenario] = min(runs, key=lambda run: len(run[0]))
        return self._recorded[scenario]

    def _undisturbed(self, scenario: str) -> tuple[list[str], Any]:
        with self.place() as directory:
            run = self.order(do="act", scenario=scenario, directory=directory)
            assert "points" in run, run
            meddle = SCENARIOS[scenario].meddle
            assert meddle is None or meddle[0] in run["points"], f"nobody meddles in {scenario}"
            after = self.order(do="go on", scenario=scenario, directory=directory)
            assert not after["problems"], "\n".join([scenario, *after["problems"]])
        return run["points"], after["state"]

    def order_of(self, scenario: str, failing: str = "") -> dict[str, Any]:
        """What of its order of steps a power failure would punish; the step at the point `failing`
        fails with EIO."""
        with self.place() as directory:
            return self.order(do="order", scenario=scenario, directory=directory, point=failing)

    def killed_at(self, scenario: str, point: str, *, after: bool) -> list[str]:
        """What is wrong with a start after the process died at a point.

        On a busy machine two commits of the recorded run may be one in this: then there is no last of
        them to die at, and it is run again.
        """
        died: dict[str, Any] = {}
        for _ in range(TRIES_MAX):
            with self.place() as directory:
                died = self.order(
                    do="act", scenario=scenario, directory=directory, point=point, after=after
                )
                if died["killed"] == SIGKILL:
                    how = SCENARIOS[scenario]
                    return self._goes_on(
                        *(scenario, directory),
                        counts_up=how.counts_up,
                        may_trash=how.may_trash,
                        killed=True,
                    )
        return [f"it didn't come to the point, but to this: {died}"]

    def failed_at(self, scenario: str, point: str, code: int, times: int, again: bool) -> list[str]:
        """What is wrong after a fault at a point."""
        run: dict[str, Any] = {}
        for _ in range(TRIES_MAX):
            with self.place() as directory:
                run = self.order(
                    do="fail",
                    scenario=scenario,
                    directory=directory,
                    point=point,
                    code=code,
                    times=times,
                    again=again,
                )
                if run["killed"]:
                    break
                if run.get("failed"):
                    # What was tried in vain meanwhile has counted versions up.
                    after = self._goes_on(scenario, directory, counts_up=True, may_trash=True)
                    return [*run["problems"], *after]
        return [f"the fault didn't come about: {run}"]

    def _goes_on(
        self,
        scenario: str,
        directory: str,
        *,
        counts_up: bool,
        may_trash: bool,
        killed: bool = False,
    ) -> list[str]:
        """`killed`: by nothing but a crash, after which an edit is still in its place."""
        after = self.order(do="go on", scenario=scenario, directory=directory)
        problems: list[str] = after.get("problems", [f"it can't start: {after}"])
        problems += after.get("not in root", []) if killed else []
        if "state" in after:
            wanted, found = self.recorded(scenario)[1], after["state"]
            if found and counts_up:
                wanted, found = _uncounted(wanted), _uncounted(found)
            if found and may_trash:
                found = found | {"trash": [one for one in found["trash"] if one in wanted["trash"]]}
            problems += _differences(wanted, found)
        return problems


def _differences(wanted: Any, found: Any) -> list[str]:
    return [
        f"{key} ends as {found[key]}, not as {wanted[key]}"
        for key in wanted
        if found[key] != wanted[key]
    ]


def _uncounted(state: Any) -> Any:
    """All but how often versions were counted up."""
    told = {path: "deleted=True" in version for path, version in state["told"].items()}
    return state | {"told": told}


@contextmanager
def running(directory: Path) -> Iterator[Runner]:
    """A child process for as long as the `with` lasts."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.crash.child"],
        cwd=TOP,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        try:
            yield Runner(child, directory)
        finally:
            assert child.stdin is not None
            child.stdin.close()
            child.wait()
