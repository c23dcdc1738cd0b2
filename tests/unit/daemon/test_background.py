"""Pauses, hours and metered networks in the configuration, and as commands set them."""

from pathlib import Path
from typing import Any

import pytest

from realizefs.daemon.background_config import parse_hours, show_hours
from realizefs.daemon.config_reading import read_config
from realizefs.daemon.home import Home
from realizefs.model.background import Hours, Pause
from realizefs.model.errors import BadConfig, Misuse, NotFound
from tests.fakes.daemon import FakeShells, alone, fake_home, running


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return fake_home(tmp_path)


def background(tmp_path: Path, lines: str) -> Any:
    path = tmp_path / "config.toml"
    path.write_text(f'name = "desk"\n[background]\n{lines}\n')
    return read_config(path).background


def test_hours_are_read(tmp_path: Path) -> None:
    assert background(tmp_path, 'hours = "22:00-06:00"').hours == (Hours(1320, 360),)
    two = background(tmp_path, 'hours = ["Mon-Fri 20:00-7:00", "sat 00:00-24:00"]').hours
    assert two == (Hours(1200, 420, frozenset(range(5))), Hours(0, 1440, frozenset({5})))


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ('hours = "at night"', "are no hours"),
        ('hours = "25:00-26:00"', "no time of a day"),
        ('hours = "8:00-8:00"', "end when they begin"),
        ('hours = "Foo 8:00-9:00"', "names no day"),
        ("hours = 22", "must be such as"),
        ('metered = "yes"', '"wait" or "ignore"'),
        ('paused = "2h"', "a date and time"),
        ("hour = 1", "is not known"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path: Path, lines: str, says: str) -> None:
    with pytest.raises(BadConfig, match=f"line 3: .*{says}"):
        background(tmp_path, lines)


@pytest.mark.parametrize("text", ["22:00-06:00", "Sat 00:00-24:00", "Fri-Mon 20:30-07:00"])
def test_hours_are_shown_as_they_are_read(text: str) -> None:
    assert show_hours(parse_hours(text)) == text


async def test_a_pause_is_kept_in_the_configuration(home: Home, tmp_path: Path) -> None:
    home.config.write_text('# mine\nname = "desk"\n')
    async with running(home, FakeShells()) as ask:
        await ask("arena-add", name="photos", directory=str(tmp_path / "photos"))
        await ask("arena-add", name="taxes", directory=str(tmp_path / "taxes"))
        photos, taxes = await ask("pause", arena="photos")
        assert (photos["waits"], taxes["waits"]) == ("somebody has paused this arena", None)
        photos, taxes = await ask("pause", **{"for": "2h"})
        assert photos["waits"] == "somebody has paused this arena"
        assert taxes["until_ns"] is not None
        assert taxes["waits"].startswith("somebody has paused it, until 20")
        lines = (await ask("status"))["arenas"]
        assert [line["waits"] for line in lines] == [photos["waits"], taxes["waits"]]
    config = read_config(home.config)
    assert config.arenas[0].paused == Pause()
    assert config.background.pause is not None
    async with alone(home, FakeShells()) as ask:
        photos, taxes = await ask("resume")
    assert (photos["waits"], taxes["waits"]) == (None, None)
    text = home.config.read_text()
    assert text.startswith("# mine\n")
    assert "paused" not in text
    assert "background" not in text


async def test_a_pause_that_cannot_be(home: Home) -> None:
    async with alone(home, FakeShells()) as ask:
        with pytest.raises(NotFound, match="no arena"):
            await ask("pause", arena="nothing")
        for length in ("soon", "0"):
            with pytest.raises(Misuse):
                await ask("pause", **{"for": length})
