"""Commands about what goes on: what they ask and print."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from realizefs.cli.commands_daemon import connection
from realizefs.cli.main import run
from realizefs.model.control import HOME_VARIABLE, Request
from tests.fakes.control import FakeDaemon

QUEUES = {
    "dirty": 0,
    "decisions": 12,
    "running": 1,
    "due": 1,
    "for_peer": 9,
    "held": 0,
    "backoff": 1,
}


def job(path: str, state: str, why: str, **more: object) -> dict[str, object]:
    base = {"path": path, "action": "UpdateCache", "size": 4096, "here": 1024, "state": state}
    return {**base, "why": why, "attempts": 0, "retry_ns": None, **more}


def answer(request: Request) -> Any:
    assert request == Request("jobs", {})
    later = time.time_ns() + 3 * 3600 * 10**9
    failed = "since it failed: The disk is full."
    listed = [
        job("a film.mkv", "running", ""),
        job("evil\x1b[2J", "ready", "for its turn"),
        job("b", "backoff", failed, attempts=3, retry_ns=later + 60 * 10**9),
        job("c", "peer", "for laptop or nas", action="Unrealize"),
    ]
    return [{"arena": "photos", "waits": None, "queues": QUEUES, "jobs": listed}]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    return tmp_path / "home"


def test_jobs_say_what_runs_and_what_waits_for_what(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with FakeDaemon(home, answer):
        assert run(["jobs"]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert run(["jobs", "--json"]) == 0
        assert json.loads(capsys.readouterr().out)[0]["queues"] == QUEUES
        assert run(["jobs", "--lines", "1"]) == 0
        assert "b" not in capsys.readouterr().out.splitlines()[-1].split()
    said = "1 running, 1 waiting for a turn, 9 waiting for another machine, "
    assert lines[0] == f'Arena "photos": {said}1 to be tried again after a failure.'
    assert lines[2].split() == ["ARENA", "JOB", "SIZE", "HERE", "STATE", "PATH"]
    rows = [" ".join(line.split()) for line in lines[3:]]
    assert rows == [
        "photos cache 4.0 KiB 25% runs a film.mkv",
        "photos cache 4.0 KiB 25% waits for its turn evil\\x1b[2J",
        "photos cache 4.0 KiB 25% tried 3 times, again in 3 h: The disk is full. b",
        "photos give up 4.0 KiB - waits for laptop or nas c",
    ]


def test_without_a_daemon_nothing_goes_on(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["jobs"]) == 2
    assert "daemon" in capsys.readouterr().err


def test_a_connection_is_told_by_how_long_or_how_long_ago() -> None:
    second = 10**9
    assert connection({"connected": True, "since_ns": second}, 91 * second) == "for 1 min"
    assert connection({"connected": True}, 0) == "yes"  # an older daemon's
    seen = {"connected": False, "seen_ns": second}
    assert connection(seen, 5 * second) == "no, 4 s ago"
    assert connection({**seen, "seen_ns": None}, 5 * second) == "no, not since the start"
