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
        """The points of an undisturbed run, and the state after it."""
        if scenario not in self._recorded:
            with self.place() as directory:
                run = self.order(do="act", scenario=scenario, directory=directory)
                assert "points" in run, run
                after = self.order(do="go on", scenario=scenario, directory=directory)
                assert not after["problems"], "\n".join([scenario, *after["problems"]])
            self._recorded[scenario] = (run["points"], after["state"])
        return self._recorded[scenario]

    def order_of(self, scenario: str, failing: str = "") -> dict[str, Any]:
        """What of its order of steps a power failure would punish; the step at the point `failing`
        fails with EIO."""
        with self.place() as directory:
            return self.order(do="order", scenario=scenario, directory=directory, point=failing)

    def killed_at(self, scenario: str, point: str, *, after: bool) -> list[str]:
        """What is wrong with a start after the process died at a point."""
        with self.place() as directory:
            died = self.order(
                do="act", scenario=scenario, directory=directory, point=point, after=after
            )
            if died["killed"] != SIGKILL:
                return [f"it didn't come to the point, but to this: {died}"]
            return self._goes_on(scenario, directory, loosely=SCENARIOS[scenario].counts_up)

    def failed_at(self, scenario: str, point: str, code: int, times: int, again: bool) -> list[str]:
        """What is wrong after a fault at a point."""
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
            if run["killed"] or not run.get("failed"):
                return [f"the fault didn't come about: {run}"]
            return [*run["problems"], *self._goes_on(scenario, directory, loosely=True)]

    def _goes_on(self, scenario: str, directory: str, *, loosely: bool = False) -> list[str]:
        after = self.order(do="go on", scenario=scenario, directory=directory)
        problems: list[str] = after.get("problems", [f"it can't start: {after}"])
        if "state" in after:
            wanted, found = self.recorded(scenario)[1], after["state"]
            if loosely and found:
                wanted, found = _loosely(wanted, found), _loosely(found, found)
            problems += _differences(wanted, found)
        return problems


def _differences(wanted: Any, found: Any) -> list[str]:
    return [
        f"{key} ends as {found[key]}, not as {wanted[key]}"
        for key in wanted
        if found[key] != wanted[key]
    ]


def _loosely(state: Any, found: Any) -> Any:
    """What must be the same after a fault: files, and names told. In what was tried in vain
    meanwhile, versions were counted up, and the trash may have what could have been moved."""
    told = {path: "deleted=True" in version for path, version in state["told"].items()}
    trash = sorted({*state["trash"], *found["trash"]})
    return {"natives": state["natives"], "cached": state["cached"], "told": told, "trash": trash}


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
