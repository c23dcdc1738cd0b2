"""The command limit: what it asks and prints, and what status shows of it."""

import json
from pathlib import Path

import pytest

from realizefs.cli.commands_daemon import _limit_fields
from realizefs.cli.main import run
from realizefs.model.control import HOME_VARIABLE, Request
from tests.fakes.control import FakeDaemon

LIMITS = {"down": 2_000_000, "up": None, "peers": {"lap": {"down": None, "up": 102_400}}}


def test_limit_asks_and_shows_what_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    with FakeDaemon(tmp_path / "home", lambda request: LIMITS) as daemon:
        assert run(["limit", "--up", "100KiB", "--peer", "lap"]) == 0
        shown = capsys.readouterr().out
        assert run(["limit", "--json"]) == 0
        assert json.loads(capsys.readouterr().out) == LIMITS
    assert daemon.asked == [
        Request("limit", {"down": None, "up": "100KiB", "peer": "lap"}),
        Request("limit", {"down": None, "up": None, "peer": None}),
    ]
    assert [line.split() for line in shown.splitlines()[1:]] == [
        ["all", "together", "1.9", "MiB/s", "no", "limit"],
        ["lap", "no", "limit", "100.0", "KiB/s"],
    ]


def test_status_names_the_limits_that_there_are() -> None:
    assert _limit_fields(LIMITS) == [("limit", "down 1.9 MiB/s"), ("limit", "lap up 100.0 KiB/s")]
    assert _limit_fields(None) == []
