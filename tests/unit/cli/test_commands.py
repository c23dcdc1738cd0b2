"""What commands ask, what they print, and how errors end them."""

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from realizefs.cli.main import run
from realizefs.model.control import HOME_VARIABLE, Failed, Request
from tests.fakes.control import FakeDaemon

INFO = {
    "arena": "photos",
    "path": "holiday/a.jpg",
    "kind": "file",
    "mark": "keep",
    "explicit": False,
    "mark_from": "holiday",
    "rule": None,
    "sentence": '"holiday/\x1ba.jpg" is to be complete here.',
    "status": "partial 37%",
    "hash": "ab" * 32,
    "size": 1536,
    "version": {"desk": 2},
    "holders": [{"peer": "desk", "state": "own"}, {"peer": "lap", "state": "cached"}],
    "decision": "UpdateCache",
    "why": "The mark keep asks for it.",
    "lately": [
        {
            "arena": "photos",
            "when_ns": 1,
            "peer": "lap",
            "what": "renamed",
            "kind": "file",
            "path": "holiday/a.jpg",
            "old": "b\x1b",
            "count": 1,
            "mtime_ns": None,
        }
    ],
}
STATUS = {
    "name": "desk",
    "pid": 7,
    "up": True,
    "listen": ["localhost:1"],
    "problems": ['Arena "films": gone.'],
    "peers": [{"name": "lap", "connected": True}],
    "arenas": [
        {
            "name": "photos",
            "root": "/srv/" + "deep/" * 30,
            "mount": None,
            "mark": "own",
            "files": 3,
            "real_bytes": 1536,
            "cached_bytes": 0,
            "cache_limit": 2**30,
            "kept_bytes": 5,
            "pending": 1,
            "jobs": 0,
            "problem": None,
            "notice": "What is kept takes 1 MiB more than the cache may.",
            "queues": {"backoff": 1},
            "waits": None,
            "failure": "There is no room on the disk.",
        }
    ],
    "wire": {"bytes_in": 1, "bytes_out": 2},
}

Answers = Callable[[Request], object]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Deeper than a socket's path may be."""
    deep = tmp_path / ("deep" * 30)
    monkeypatch.setenv(HOME_VARIABLE, str(deep))
    return deep


def test_info_for_people_and_for_programs(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with FakeDaemon(home, lambda _: INFO) as daemon:
        assert run(["info", "holiday/../a.jpg"]) == 0
        shown = capsys.readouterr().out
        assert run(["info", "--json", "/x"]) == 0
        assert json.loads(capsys.readouterr().out) == INFO
    assert daemon.asked[0] == Request("info", {"path": os.path.abspath("a.jpg")})
    assert shown.startswith('"holiday/\\x1ba.jpg" is to be complete here.\n\n')
    for words in (
        "keep (set on holiday)",
        "partial 37%",
        "1.5 KiB (1536)",
        "desk own",
        "lap cached",
        'lap renamed "b\\x1b" to "holiday/a.jpg"',
    ):
        assert words in shown


def test_what_is_not_known_yet_is_not_said_to_be_empty(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    note = "The files are still being looked at."
    with FakeDaemon(home, lambda _: {"arena": "a", "more": False, "note": note, "entries": []}):
        assert run(["ls"]) == 0
        said = capsys.readouterr()
        assert run(["ls", "--json"]) == 0
        assert json.loads(capsys.readouterr().out) == []
    with FakeDaemon(home, lambda _: {}, [{"note": note}]):
        assert run(["du"]) == 0
        assert capsys.readouterr() == said
    assert said == ("Nothing is known to be in it yet.\n", f"{note}\n")


def test_status_shows_long_paths_whole_in_a_pipe(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with FakeDaemon(home, lambda _: STATUS):
        assert run(["status"]) == 0
    shown = capsys.readouterr().out
    assert "deep/" * 30 in shown
    assert 'PROBLEM: Arena "films": gone.' in shown
    assert 'Failed: Arena "photos": There is no room on the disk.' in shown


def test_status_waits_for_a_daemon_that_is_starting(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = iter([{**STATUS, "up": False}, STATUS])
    with FakeDaemon(home, lambda _: next(answers)):
        assert run(["status", "--json", "--wait", "30"]) == 0
    assert json.loads(capsys.readouterr().out)["up"]


def test_status_without_daemon_is_a_sentence_and_not_0(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["status"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("realizefs: No daemon is running here")
    assert said.err.count("\n") == 1


def test_status_of_a_daemon_that_is_starting_is_not_0(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with FakeDaemon(home, lambda _: {**STATUS, "up": False}):
        assert run(["status"]) == 2
    assert "is starting" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["keep", "a", "b"], ["a", "b", "keep"]])
def test_the_mark_may_stand_before_or_after_the_paths(
    home: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    def answer(request: Request) -> object:
        paths: Any = request.arguments["paths"]
        return [{**INFO, "path": path, "explicit": True} for path in paths]

    with FakeDaemon(home, answer) as daemon:
        assert run(["mark", "set", *words]) == 0
    asked = {"mark": "keep", "paths": [os.path.abspath("a"), os.path.abspath("b")]}
    assert daemon.asked == [Request("mark-set", asked)]
    assert capsys.readouterr().out.count("keep (set here)\n") == 2


def test_a_mark_that_is_none_is_refused_before_anything_is_asked(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["mark", "set", "nonsense", "a"]) == 2
    assert '"nonsense" is not a mark' in capsys.readouterr().err


def test_many_paths_go_in_several_requests(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def answer(request: Request) -> object:
        paths: Any = request.arguments["paths"]
        return [{**INFO, "path": path, "explicit": True} for path in paths]

    with FakeDaemon(home, answer) as daemon:
        assert run(["mark", "clear", *(f"f{number}" for number in range(250))]) == 0
    assert [request.command for request in daemon.asked] == ["mark-clear"] * 3
    assert capsys.readouterr().out.count("\n") == 250


def test_a_failure_is_one_sentence_and_causes_come_with_v(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_: Request) -> object:
        raise Failed("It broke.", ("the disk", "the cable"), 3, "StoreFault")

    with FakeDaemon(home, fail):
        assert run(["peer", "list"]) == 3
        assert capsys.readouterr().err == "realizefs: It broke.\n"
        assert run(["peer", "list", "-v"]) == 3
        assert run(["-v", "peer", "list"]) == 3
    assert capsys.readouterr().err.count("  because of the cable\n") == 2


def test_a_daemon_that_ends_in_the_middle_is_said_so(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with FakeDaemon(home, lambda _: None):
        assert run(["peer", "list"]) == 2
    assert "ended before it answered" in capsys.readouterr().err


@pytest.mark.parametrize("place", [0, 1, 2])
def test_home_may_be_named_anywhere(
    tmp_path: Path, place: int, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other"
    arguments = ["peer", "list"]
    arguments[place:place] = ["--home", str(other)]
    with FakeDaemon(other, lambda _: []) as daemon:
        assert run(arguments) == 0
    assert daemon.asked == [Request("peer-list", {})]
    assert "No other peer" in capsys.readouterr().out


def test_names_can_not_play_with_the_terminal(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with FakeDaemon(home, lambda _: {**INFO, "path": "\x1b[2J\udcff\n"}):
        assert run(["info", "x"]) == 0
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert "\\x1b[2J\\xff\\n" in shown


def test_invite_prints_the_code_alone(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = {"code": "realizefs-x", "addresses": [], "expires_seconds": 9, "serving": False}
    with FakeDaemon(home, lambda _: made):
        assert run(["invite", "photos"]) == 0
    said = capsys.readouterr()
    assert said.out == "realizefs-x\n"
    assert "No daemon" in said.err


def test_join_says_where_the_arena_is(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    joined = {
        "inviter": "desk",
        "arenas": [{"name": "photos", "root": "/srv/p", "mark": "watch"}],
    }
    with FakeDaemon(home, lambda _: joined) as daemon:
        assert run(["join", "realizefs-x", "dir"]) == 0
    assert daemon.asked[0].arguments["directory"] == os.path.abspath("dir")
    assert '"photos" of desk; its root is /srv/p' in capsys.readouterr().out


def test_mount_asks_the_running_daemon(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with FakeDaemon(home, lambda _: {"sentence": "It is mounted."}) as daemon:
        assert run(["mount", "/mnt", "--arena", "photos"]) == 0
        assert run(["mount", "-f", "/mnt"]) == 2
    assert daemon.asked == [Request("mount", {"directory": "/mnt", "arena": "photos", "flags": []})]
    said = capsys.readouterr()
    assert said.out == "It is mounted.\n"
    assert "leave out -f" in said.err


def test_umount_of_what_is_not_mounted(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def refuse(_: Request) -> object:
        raise Failed("Not by this daemon.", (), 2, "NotFound")

    with FakeDaemon(home, refuse):
        assert run(["umount", str(home)]) == 2
    assert "Nothing is mounted" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["arena", "set", "photos"],
        ["arena", "nonsense"],
        ["mark", "set", "keep"],
        ["mark", "set", "keep", "--nonsense"],
        ["peer", "set", "tablet"],
        ["peer", "set", "tablet", "--read-only", "--no-access"],
        ["nonsense"],
        ["--nonsense"],
        ["info"],
        ["info", "a", "b"],
        ["arena", "add", "x"],
        ["status", "--wait", "-1"],
        ["join", "code", "--mark", "nonsense"],
    ],
)
def test_misuse_ends_with_2_and_says_why_and_where_it_is_told(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == 2
    said = capsys.readouterr().err
    assert said.startswith("realizefs: ")
    assert re.search(r"[.?] See `realizefs.* --help`\.\n$", said)
    assert said.count("\n") == 1  # a sentence, as every other error


@pytest.mark.parametrize(
    "arguments",
    [[], ["arena"], ["arena", "add"], ["mark", "set"], ["mount"], ["join"], ["status"], ["serve"]],
)
def test_every_command_has_help(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*arguments, "--help"]) == 0
    shown = capsys.readouterr().out
    assert "Usage: realizefs" in shown
    assert "--home" in shown
