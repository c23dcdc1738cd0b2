"""peer list, set and remove, and arena remove: what they ask and print."""

import json
from pathlib import Path
from typing import Any

import pytest

from realizefs.cli.main import run
from realizefs.model.control import HOME_VARIABLE, Request
from tests.fakes.control import FakeDaemon

LAPTOP: dict[str, Any] = {
    "name": "laptop",
    "connected": True,
    "addresses": ["laptop:4331"],
    "fingerprint": "ab" * 32,
    "arenas": ["docs", "photos"],
    "read_only": ["photos"],
}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path))
    return tmp_path


def test_the_list_says_what_each_may_do(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with FakeDaemon(home, lambda _: [LAPTOP]):
        assert run(["peer", "list"]) == 0
        assert "docs, photos (read-only)" in capsys.readouterr().out
        assert run(["peer", "list", "--json"]) == 0
        assert json.loads(capsys.readouterr().out) == [LAPTOP]


def test_keys_are_shown_only_where_they_are_asked_for(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with FakeDaemon(home, lambda _: [LAPTOP]):
        for options, shown in (([], False), (["--keys"], True), (["-v"], True)):
            assert run(["peer", "list", *options]) == 0
            assert (LAPTOP["fingerprint"] in capsys.readouterr().out) is shown


def test_what_a_peer_may_do_is_set(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with FakeDaemon(home, lambda _: LAPTOP) as daemon:
        assert run(["peer", "set", "laptop", "--arena", "photos", "--read-only"]) == 0
        assert capsys.readouterr().out == "laptop is in docs, photos (read-only).\n"
        assert run(["peer", "set", "laptop", "--no-access", "--json"]) == 0
        assert json.loads(capsys.readouterr().out) == LAPTOP
        assert run(["peer", "set", "laptop"]) == 2
    first = {"peer": "laptop", "arenas": ["photos"], "access": "read"}
    second = {"peer": "laptop", "arenas": [], "access": "none"}
    assert daemon.asked == [Request("peer-set", first), Request("peer-set", second)]


def test_a_peer_is_removed(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with FakeDaemon(home, lambda _: LAPTOP) as daemon:
        assert run(["peer", "remove", "laptop"]) == 0
        assert capsys.readouterr().out == "laptop no longer belongs to the household.\n"
        assert run(["peer", "remove", "laptop", "--json"]) == 0
    assert daemon.asked[0] == Request("peer-remove", {"peer": "laptop"})


def test_an_arena_is_left(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with FakeDaemon(home, lambda _: {"name": "docs", "root": "/srv/docs"}) as daemon:
        assert run(["arena", "remove", "docs"]) == 0
    assert daemon.asked == [Request("arena-remove", {"name": "docs"})]
    assert 'no longer in "docs"; its files are in /srv/docs' in capsys.readouterr().out
