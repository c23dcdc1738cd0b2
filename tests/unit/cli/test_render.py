"""Names can't play with the terminal that they are shown on."""

import io
import sys

import pytest

from realizefs.cli import render
from realizefs.cli.render import printable, show_table

DECEIVING = (
    *(range(0x20), range(0x7F, 0xA0), range(0x200B, 0x2010), range(0x2028, 0x202F)),
    *(range(0x2066, 0x206A), range(0xFEFF, 0xFF00), range(0xDC80, 0xDD00), range(0xE0001, 0xE0080)),
)
"""Controls, what has no width, ends of lines, what turns the direction, bytes that are no UTF-8, tags."""


@pytest.mark.parametrize("codes", DECEIVING, ids=lambda codes: hex(codes[0]))
def test_what_could_deceive_is_shown_escaped(codes: range) -> None:
    for code in codes:
        said = printable(f"a{chr(code)}b")
        assert said.isascii(), hex(code)
        assert said.startswith("a\\"), hex(code)


@pytest.mark.parametrize("name", ["café", "été 2024.jpg", "写真", "😀", "a  b", "a\\b", "ß'\"<>"])
def test_what_is_seen_as_it_is_stays(name: str) -> None:
    assert printable(name) == name


class Terminal(io.StringIO):
    """A terminal, as far as `isatty` tells."""

    def isatty(self) -> bool:
        return True


def table_at(columns: int, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a table of two rows with two long paths prints on a terminal so wide."""
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    for name, value in {"COLUMNS": str(columns), "TERM": "xterm", "NO_COLOR": "1"}.items():
        monkeypatch.setenv(name, value)
    rows = [(name, "1.0 GiB of 2.0 GiB", f"/home/me/{name}", "/home/me/arenas") for name in "ab"]
    show_table(("ARENA", "CACHED", "ROOT", "MOUNT"), rows, "")
    # Headings may be bold all the same.
    shown = terminal.getvalue().replace("\x1b[1m", "").replace("\x1b[0m", "")
    return [line.rstrip() for line in shown.splitlines()]


def test_a_table_too_wide_for_its_terminal_is_told_row_by_row(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`status` was folded on 80 columns until neither paths nor headings could be read."""
    first, second = (
        [f"arena   {name}", "cached  1.0 GiB of 2.0 GiB", f"root    /home/me/{name}"]
        for name in "ab"
    )
    mount = "mount   /home/me/arenas"
    assert table_at(40, monkeypatch) == [*first, mount, "", *second, mount]


def test_a_cell_is_folded_where_it_can_still_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    told = table_at(56, monkeypatch)
    assert told[0].split() == ["ARENA", "CACHED", "ROOT", "MOUNT"]
    assert "2.0 GiB" in told[2]


def test_what_needs_no_folding_looks_as_if_it_were_folded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Folding takes a second for some thousands of rows: a folder of 30,000 took eleven."""
    wide = table_at(100, monkeypatch)
    folded = render._show_folded
    monkeypatch.setattr(render, "_show_unfolded", lambda columns, rows, _: folded(columns, rows))
    assert table_at(100, monkeypatch) == wide
    assert wide[1] == "a      1.0 GiB of 2.0 GiB  /home/me/a  /home/me/arenas"
