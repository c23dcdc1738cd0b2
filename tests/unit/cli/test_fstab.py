"""The form in which mount.fuse calls the program."""

import pytest

from realizefs.cli.fstab import as_command
from realizefs.cli.main import cli
from realizefs.model.errors import Misuse


def _meant(*arguments: str) -> list[str]:
    return as_command(arguments, cli.commands)


@pytest.mark.parametrize("source", ["photos", "realizefs:photos"])
def test_a_source_is_the_name_of_an_arena(source: str) -> None:
    assert _meant(source, "/mnt/photos", "-o", "rw,dev,suid") == [
        *("mount", "--arena", "photos", "-o", "rw,dev,suid", "--", "/mnt/photos")
    ]


@pytest.mark.parametrize("source", ["realizefs", "none"])
def test_a_source_that_names_no_arena_mounts_what_there_is(source: str) -> None:
    words = _meant(source, "/mnt/all", "-o", "home=/srv/home,ro")
    assert words == ["mount", "--home", "/srv/home", "-o", "home=/srv/home,ro", "--", "/mnt/all"]


def test_commands_are_left_as_they_are() -> None:
    for line in ("mount /mnt -o ro", "status --json", "mark set own -o", "--home /srv -o x"):
        assert _meant(*line.split()) == line.split()


def test_a_wrong_option_is_one_sentence() -> None:
    with pytest.raises(Misuse, match="nonsense"):
        _meant("photos", "/mnt/photos", "-o", "nonsense")
