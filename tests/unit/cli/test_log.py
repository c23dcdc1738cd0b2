"""What `log` asks the daemon and how it prints what happened."""

import json
from datetime import datetime
from pathlib import Path

import pytest

from realizefs.cli.log_lines import line
from realizefs.cli.main import run
from realizefs.model.control import HOME_VARIABLE, Request
from tests.fakes.control import FakeDaemon

WHEN_NS = int(datetime(2026, 3, 1, 10, 22).astimezone().timestamp()) * 10**9
DAY_NS = 86400 * 10**9


def event(what: str, path: str, **more: object) -> dict[str, object]:
    base: dict[str, object] = {
        "arena": "photos",
        "when_ns": WHEN_NS,
        "peer": "laptop",
        "what": what,
        "kind": "file",
        "path": path,
        "old": None,
        "count": 1,
        "mtime_ns": WHEN_NS,
    }
    return {**base, **more}


FOLDER = {"kind": "directory"}


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (event("deleted", "2024/a.jpg"), 'laptop deleted "2024/a.jpg"'),
        (event("added", "2024", **FOLDER), 'laptop added the folder "2024"'),
        (event("added", "2024", count=1980), 'laptop added 1,980 files in "2024"'),
        (event("deleted", "", count=3, **FOLDER), "laptop deleted 3 folders at the top"),
        (event("restored", "a"), 'laptop brought back "a"'),
        (event("renamed", "b", old="a"), 'laptop renamed "a" to "b"'),
        (event("renamed", "b", old="a", **FOLDER), 'laptop renamed the folder "a" to "b"'),
        (event("renamed", "b", count=9), 'laptop moved 9 files from the top to "b"'),
        (event("conflict", "b", old="a"), 'laptop kept its own edit of "a" as "b"'),
        (event("heard", "", count=1), "laptop told of 1 thing for the first time"),
        (event("changed", "a", mtime_ns=WHEN_NS - 60 * 10**9), 'laptop changed "a"'),
        (
            event("changed", "a", mtime_ns=WHEN_NS - DAY_NS),
            'laptop changed "a", on 2026-02-28 10:22',
        ),
        (event("added", "a", mtime_ns=WHEN_NS - DAY_NS), 'laptop added "a"'),
    ],
)
def test_what_happened_as_a_line(one: dict[str, object], said: str) -> None:
    assert line(one, arena=False) == f"2026-03-01 10:22  {said}"


def test_of_several_arenas_each_line_says_in_which() -> None:
    assert line(event("added", "a"), arena=True).endswith('laptop added "a" in photos')


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    return tmp_path / "home"


def test_names_of_others_do_not_reach_the_terminal_as_they_are(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evil = event("renamed", "\x1b[2J\udcff\nfake line", old="\u202egpj", peer="lap\rtop")
    with FakeDaemon(home, lambda _: [evil]):
        assert run(["log"]) == 0
        said = capsys.readouterr().out
        assert said == (
            '2026-03-01 10:22  lap\\rtop renamed "\\u202egpj" to "\\x1b[2J\\xff\\nfake line"\n'
        )
        assert run(["log", "--json"]) == 0
        assert json.loads(capsys.readouterr().out) == [evil]


def test_what_is_asked_for(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with FakeDaemon(home, lambda _: []) as daemon:
        assert run(["log"]) == 0
        assert run(["log", "/a/../b", "--since", "2d", "--peer", "laptop"]) == 0
        assert run(["log", "-n", "7", "--since", "2d", "--until", "yesterday"]) == 0
        assert run(["log", "-n", "-1"]) == 2
    nothing = {"path": None, "since": None, "until": None, "peer": None}
    assert daemon.asked == [
        Request("log", {**nothing, "last": 50}),
        Request("log", {**nothing, "path": "/b", "since": "2d", "peer": "laptop", "last": 1000}),
        Request("log", {**nothing, "since": "2d", "until": "yesterday", "last": 7}),
    ]
    assert capsys.readouterr().out == "Nothing of that is known to have happened.\n" * 3


def test_what_happens_is_printed_as_it_is_told(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = [
        {"events": [event("added", "a"), event("added", "b")], "several": False},
        {"events": [], "several": False},
        {"events": [event("deleted", "a\x1b")], "several": True},
    ]
    with FakeDaemon(home, lambda _: {}, told) as daemon:
        assert run(["log", "--follow", "-n", "2"]) == 0
        lines = [line.split("  ", 1)[1] for line in capsys.readouterr().out.splitlines()]
        assert lines == [
            'laptop added "a"',
            'laptop added "b"',
            'laptop deleted "a\\x1b" in photos',
        ]
        assert run(["log", "-f", "--json"]) == 0
        printed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert [one["path"] for one in printed] == ["a", "b", "a\x1b"]
    assert [request.command for request in daemon.asked] == ["log-follow"] * 2


def test_without_a_daemon_nothing_is_followed(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["log", "--follow"]) == 2
    assert "No daemon is running here" in capsys.readouterr().err
