"""check and arena accept-loss: what they ask, what they print, and how they end."""

import json
from pathlib import Path
from typing import Any

import pytest

from realizefs.cli.main import run
from realizefs.model.control import HOME_VARIABLE, Request
from tests.fakes.control import FakeDaemon

SOUND: dict[str, Any] = {
    "name": None,
    "findings": [],
    "found": 0,
    "repaired": [],
    "repaired_count": 0,
    "looked_at": {"peers": 2, "inode ranges": 1},
    "notes": [],
}
BROKEN: dict[str, Any] = {
    **SOUND,
    "name": "photos",
    "findings": [{"kind": "orphan", "sentence": 'The file "x\udcff" belongs to no blob.'}],
    "found": 3,
    "repaired": [{"kind": "total", "sentence": "The total is wrong; --repair corrects it."}],
    "repaired_count": 1,
    "notes": ["One file is indexed at the next start."],
}
LOSS: dict[str, Any] = {
    "name": "photos",
    "root": "/srv/photos",
    "files": 12,
    "bytes": 2048,
    "alone": 2,
    "alone_bytes": 1024,
    "alone_paths": ["a"],
    "state_lost": False,
    "accepted": False,
}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path))
    return tmp_path


def test_a_sound_home(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with FakeDaemon(home, lambda _: {"clean": True, "reports": [SOUND]}) as daemon:
        assert run(["check"]) == 0
        assert daemon.asked == [Request("check", {"names": [], "repair": False, "deep": False})]
    assert capsys.readouterr().out == "home: nothing is wrong (2 peers, 1 inode ranges).\n"


def test_findings_are_one_sentence_each(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with FakeDaemon(home, lambda _: {"clean": False, "reports": [BROKEN]}) as daemon:
        assert run(["check", "photos", "--repair", "--deep"]) == 1
        wanted = {"names": ["photos"], "repair": True, "deep": True}
        assert daemon.asked == [Request("check", wanted)]
    assert capsys.readouterr().out.splitlines() == [
        "photos: repaired: The total is wrong; --repair corrects it.",
        'photos: The file "x\\xff" belongs to no blob.',
        "photos: … and 2 more found.",
        "photos: One file is indexed at the next start.",
        "photos: 3 findings, 1 repaired (2 peers, 1 inode ranges).",
    ]


def test_a_check_as_json(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answer = {"clean": False, "reports": [BROKEN]}
    with FakeDaemon(home, lambda _: answer):
        assert run(["check", "--json"]) == 1
    assert json.loads(capsys.readouterr().out) == answer


def test_a_loss_isnt_accepted_unasked(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with FakeDaemon(home, lambda _: LOSS) as daemon:
        assert run(["arena", "accept-loss", "photos"]) == 2
        assert daemon.asked == [Request("arena-accept-loss", {"name": "photos", "yes": False})]
    said = capsys.readouterr()
    assert said.out.splitlines() == [
        '"photos" had 12 files of 2.0 KiB in /srv/photos.',
        "Nobody else is known to have 2 files of them, 1.0 KiB:",
        "  a",
        "  … and 1 more",
    ]
    assert said.err == "realizefs: Nothing was changed; say --yes to accept the loss.\n"


def test_a_loss_is_accepted_with_yes(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with FakeDaemon(home, lambda _: {**LOSS, "alone": 0}) as daemon:
        assert run(["arena", "accept-loss", "photos", "--yes"]) == 0
        assert [request.arguments["yes"] for request in daemon.asked] == [False, True]
    assert capsys.readouterr().out.splitlines()[1:] == [
        "Other peers, or the cache here, are known to have all of them.",
        'The loss is accepted; "photos" goes on without these files.',
    ]


def test_a_loss_with_the_database(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with FakeDaemon(home, lambda _: {**LOSS, "state_lost": True}):
        assert run(["arena", "accept-loss", "photos", "--yes", "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["state_lost"]
        assert run(["arena", "accept-loss", "photos", "--yes"]) == 0
    assert "it isn't known here which files that were" in capsys.readouterr().out


def test_on_a_terminal_it_says_how_far_it_is(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    told = [{"name": "photos", "looked_at": {"files": 1234}}]
    with FakeDaemon(home, lambda _: {"clean": True, "reports": [SOUND]}, told):
        assert run(["check", "--deep"]) == 0
    shown = capsys.readouterr()
    assert "photos: 1234 files" in shown.err
    assert shown.err.endswith("\r\x1b[K"), "and it is gone at the end"
    assert shown.out == "home: nothing is wrong (2 peers, 1 inode ranges).\n"
