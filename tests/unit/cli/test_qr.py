"""The QR code of an invitation, as a camera sees it: what is printed is drawn as a terminal would draw
it, and read by a decoder that shares nothing with what made it."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zxingcpp

from realizefs.cli import qr
from realizefs.cli.main import run
from realizefs.cli.qr import BLACK_ON_WHITE, PLAIN, qr_lines
from realizefs.model.control import HOME_VARIABLE
from realizefs.model.ids import ArenaId
from realizefs.model.invitation import Invitation, decode, encode, encode_short
from realizefs.model.messages import SharedArena
from tests.fakes.control import FakeDaemon

INVITATION = Invitation(
    addresses=("192.168.178.20:4331", "[2001:db8::7]:4331", "desk:4331", "localhost:4331"),
    fingerprint="5c" * 32,
    secret=bytes(range(32)),
    arenas=(SharedArena(ArenaId(b"p" * 16), "photos"),),
)
SHORT = encode_short(INVITATION) or ""
MADE: dict[str, Any] = {
    "code": encode(INVITATION),
    "short": SHORT,
    "addresses": [],
    "expires_seconds": 9,
    "serving": True,
}
CELL = 4
"""Pixels of a module."""

BLACK, WHITE, LIGHT_GREY, DARK_GREY = 0, 255, 200, 40
THEMES = {"light on dark": (LIGHT_GREY, DARK_GREY), "dark on light": (DARK_GREY, LIGHT_GREY)}
HALVES = {" ": (0, 0), "▄": (0, 1), "▀": (1, 0), "█": (1, 1)}


def drawn(line: str, theme: tuple[int, int]) -> Iterator[tuple[int, int]]:
    """The upper and lower pixel of each character of a line, for one terminal's colours."""
    ink, paper = theme
    for escape, char in re.findall(r"(\x1b\[[0-9;]*m)|(.)", line):
        if escape == BLACK_ON_WHITE:
            ink, paper = BLACK, WHITE
        elif escape:
            assert escape == PLAIN
            ink, paper = theme
        else:
            upper, lower = HALVES[char]
            yield (ink if upper else paper), (ink if lower else paper)


def read(lines: list[str], theme: tuple[int, int]) -> str:
    """What a camera in front of the terminal makes of it; some of the terminal's own is around."""
    cells = [list(drawn(f"    {line}    ", theme)) for line in ["", "", *lines, "", ""]]
    width = max(map(len, cells))
    rows: list[bytes] = []
    for line in cells:
        whole = line + [(theme[1], theme[1])] * (width - len(line))
        for half in range(2):
            row = b"".join(bytes([cell[half]]) * CELL for cell in whole)
            rows += [row] * CELL
    picture = memoryview(b"".join(rows)).cast("B", shape=(len(rows), width * CELL))
    found = zxingcpp.read_barcodes(picture)
    assert len(found) == 1
    return found[0].text


@pytest.mark.parametrize("coloured", [True, False])
@pytest.mark.parametrize("theme", THEMES.values(), ids=list(THEMES))
def test_a_camera_reads_the_code_off_dark_and_light_terminals(
    theme: tuple[int, int], coloured: bool
) -> None:
    assert decode(read(qr_lines(SHORT, coloured=coloured), theme)) == INVITATION


def test_with_colours_it_is_black_on_white_whatever_the_terminal_has() -> None:
    lines = qr_lines(SHORT, coloured=True)
    pictures = [[list(drawn(line, theme)) for line in lines] for theme in THEMES.values()]
    assert pictures[0] == pictures[1]
    assert {pixel for line in pictures[0] for cell in line for pixel in cell} == {BLACK, WHITE}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path))
    return tmp_path


def invited(home: Path, capsys: pytest.CaptureFixture[str], *options: str) -> str:
    """What `realizefs invite` prints."""
    with FakeDaemon(home, lambda _: MADE):
        assert run(["invite", "photos", *options]) == 0
    return capsys.readouterr().out


def picture_of(printed: str) -> list[str]:
    return [line for line in printed.splitlines() if set(line) & set("▄▀█")]


def test_a_program_gets_the_code_alone(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert invited(home, capsys) == MADE["code"] + "\n"
    assert json.loads(invited(home, capsys, "--json")) == MADE


def test_asked_for_it_is_printed_wherever(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    printed = invited(home, capsys, "--qr")
    assert printed.startswith(MADE["code"] + "\n")
    assert "\x1b" not in printed
    assert decode(read(picture_of(printed), THEMES["light on dark"])) == INVITATION


@pytest.mark.parametrize(
    ("columns", "lines", "shown"), [(80, 50, True), (40, 50, False), (80, 24, False)]
)
def test_on_a_terminal_it_is_there_by_itself_where_it_fits(
    home: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    columns: int,
    lines: int,
    shown: bool,
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("LINES", str(lines))
    assert bool(picture_of(invited(home, capsys))) is shown
    assert not picture_of(invited(home, capsys, "--no-qr"))


def test_what_is_too_long_is_refused_with_a_sentence(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with FakeDaemon(home, lambda _: {**MADE, "short": None}):
        assert run(["invite", "photos", "--qr"]) == 2
        assert "name fewer arenas" in capsys.readouterr().err
        assert run(["invite", "photos"]) == 0


def test_where_the_characters_are_missing_a_sentence_says_so(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(qr, "drawable", lambda: False)
    monkeypatch.setattr("realizefs.cli.commands_joining.drawable", lambda: False)
    with FakeDaemon(home, lambda _: MADE):
        assert run(["invite", "photos", "--qr"]) == 2
    assert "locale" in capsys.readouterr().err
