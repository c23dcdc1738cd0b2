"""The exit status of a command: what shells and programs go by."""

import re
from pathlib import Path
from typing import Any

import pytest

from realizefs.cli import main
from realizefs.cli.client import Client
from realizefs.cli.main import run
from realizefs.cli.manual import page, pages
from realizefs.model.control import HOME_VARIABLE, Failed
from tests.fakes.control import FakeDaemon

README = Path(__file__).parents[3] / "README.md"

FAR = {"files": 1, "bytes": 1, "total_files": 1, "total_bytes": 1, "failed": 0, "failures": []}
NO_ROOM = {
    "arena": "a",
    "fits": False,
    "disk_free": 0,
    "left_free": 0,
    "cache_free": 0,
    **{
        name: {"files": 0, "bytes": 0}
        for name in [
            "real_fetched",
            "real_here",
            "cached",
            "leaves",
            "stays",
            "loosened",
            "nothing",
            "unavailable",
        ]
    },
}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.mark.parametrize(
    ("words", "answer", "status"),
    [
        ("limit", {"down": None, "up": None, "peers": {}}, 0),
        ("fetch a", FAR, 0),
        ("fetch a", {**FAR, "failed": 1}, 1),
        ("evict a", {**FAR, "failed": 1}, 1),
        ("move a --to b", {**FAR, "failed": 1}, 1),
        ("check", {"clean": True, "reports": []}, 0),
        ("check", {"clean": False, "reports": []}, 1),
        ("doctor", {"well": True, "checks": []}, 0),
        ("doctor", {"well": False, "checks": []}, 1),
        ("mark set own a --dry-run", [{**NO_ROOM, "fits": True}], 0),
        ("mark set own a --dry-run", [NO_ROOM], 1),
        ("mark clear a --dry-run", [NO_ROOM], 1),
    ],
)
def test_what_was_done_in_part_or_is_wrong_is_1(
    home: Path, words: str, answer: Any, status: int
) -> None:
    for asked in (words.split(), [*words.split(), "--json"]):
        with FakeDaemon(home, lambda _: answer):
            assert run(asked) == status


@pytest.mark.parametrize("status", [1, 2])
def test_what_the_daemon_refuses_has_the_status_that_it_says(home: Path, status: int) -> None:
    def refuse(_request: object) -> object:
        raise Failed("It can't be.", status=status)

    with FakeDaemon(home, refuse):
        assert run(["limit"]) == status


@pytest.mark.parametrize(
    "words", ["jobs", "no-such", "mark set", "limit --no-such", "schema mount", "arena set a"]
)
def test_what_cant_be_is_2(words: str) -> None:
    assert run(words.split()) == 2


def test_ctrl_c_is_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_arguments: object, **_more: object) -> object:
        raise KeyboardInterrupt

    for way in ("ask", "ask_running"):
        monkeypatch.setattr(Client, way, interrupted)
    assert run(["limit"]) == run(["fetch", "a"]) == run(["limit", "--json"]) == 130


def test_all_of_them_are_in_the_readme_and_on_every_page_of_the_manual() -> None:
    listed = README.read_text().partition("| exit status |")[2].partition("\n\n")[0]
    assert re.findall(r"^\| (\d+) \|", listed, re.MULTILINE) == ["0", "1", "2", "130"]
    for found in pages(main.cli):
        section = page(found).partition(".SH EXIT STATUS")[2].partition(".SH ")[0]
        assert re.findall(r"fB(\d+)", section) == ["0", "1", "2", "130"], found.command_path
