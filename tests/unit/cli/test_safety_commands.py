"""approve, trash and conflicts: what they ask and print."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from realizefs.cli.main import run
from realizefs.model.control import HOME_VARIABLE, Request
from tests.fakes.control import FakeDaemon


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path))
    return tmp_path


def test_what_waits_is_told_approved_and_rejected(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    waiting = {"name": "docs", "verdict": None, "count": 3, "paths": ["a", "b\udcff"]}
    with FakeDaemon(home, lambda _: waiting) as daemon:
        assert run(["approve", "docs", "--list"]) == 0
        assert capsys.readouterr().out == "a\nb\\xff\n… and 1 more\n"
        assert run(["approve", "docs"]) == 0
        assert capsys.readouterr().out == "3 files and folders go to the trash.\n"
        assert run(["approve", "docs", "--reject"]) == 0
        assert capsys.readouterr().out == "3 files and folders come back everywhere.\n"
        assert run(["approve", "docs", "--reject", "--list"]) == 2
    verdicts = [request.arguments["verdict"] for request in daemon.asked]
    assert verdicts == [None, "approve", "reject"]


@pytest.fixture
def new_york(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as there:
        there.setenv("TZ", "America/New_York")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("new_york")
def test_the_trash_is_listed_restored_and_emptied(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The times are those of the clock on the wall, as in `log`."""
    file = {"path": "d/a.jpg", "size": 2048, "deleted": "2026-01-02T03:04:05+00:00"}
    answers = {
        "trash-list": [{"name": "docs", "files": [file], "count": 5, "bytes": 4096}],
        "trash-restore": [{"arena": "docs", "path": "d/a.jpg"}],
        "trash-empty": [{"name": "docs", "count": 5, "bytes": 4096}],
    }
    with FakeDaemon(home, lambda request: answers[request.command]) as daemon:
        assert run(["trash", "list", "docs"]) == 0
        shown = capsys.readouterr().out
        assert run(["trash", "restore", "/x/../y"]) == 0
        assert capsys.readouterr().out == "docs: d/a.jpg\n"
        assert run(["trash", "empty", "--older", "7d"]) == 0
        assert capsys.readouterr().out == "docs: 5 files removed, 4.0 KiB.\n"
    for words in ("d/a.jpg", "2.0 KiB", "2026-01-01 22:04", "4 more in docs, 4.0 KiB in all"):
        assert words in shown
    assert daemon.asked[1:] == [
        Request("trash-restore", {"paths": ["/y"]}),
        Request("trash-empty", {"names": [], "older": "7d"}),
    ]


def test_conflicts_are_listed_and_settled(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copy = "plan (conflict desk 2026-01-02 03.04.05).txt"
    found = {
        "arena": "docs",
        "path": copy,
        "original": "plan.txt",
        "peer": "desk",
        "date": "2026-01-02 03.04.05",
        "size": 5,
    }
    with FakeDaemon(home, lambda _: [found]) as daemon:
        assert run(["conflicts", "--arena", "docs"]) == 0
        assert copy in capsys.readouterr().out
        assert run(["conflicts", "resolve", f"/m/{copy}", "--keep", "both"]) == 0
        assert run(["conflicts", "resolve", f"/m/{copy}"]) == 2
    assert daemon.asked == [
        Request("conflicts", {"names": ["docs"]}),
        Request("conflicts-resolve", {"paths": [f"/m/{copy}"], "keep": "both"}),
    ]
