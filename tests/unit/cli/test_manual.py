"""Pages of the manual: groff and man read each of them without a complaint."""

import subprocess
from pathlib import Path

import click
import pytest

from realizefs.cli import main
from realizefs.cli.manual import page, page_name, pages
from realizefs.model.errors import Misuse


@pytest.fixture(scope="module")
def all_pages(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    directory = tmp_path_factory.mktemp("man1")
    for found in pages(main.cli):
        (directory / page_name(found)).write_text(page(found))
    return sorted(directory.iterdir())


def test_every_command_has_a_page() -> None:
    names = {page_name(found) for found in pages(main.cli)}
    assert {"realizefs.1", "realizefs-mark.1", "realizefs-mark-set.1"} <= names
    assert len(names) == sum(1 for one in _commands(main.cli) if not one.hidden)


def test_the_page_of_every_command_has_its_examples() -> None:
    without = [
        page_name(found)
        for found in pages(main.cli)
        if not isinstance(found.command, click.Group) and ".SH EXAMPLES" not in page(found)
    ]
    assert not without


def _commands(command: click.Command) -> list[click.Command]:
    below = command.commands.values() if isinstance(command, click.Group) else ()
    return [command, *(found for each in below for found in _commands(each))]


def test_groff_has_nothing_to_complain_of(all_pages: list[Path]) -> None:
    command = ["groff", "-man", "-Kutf8", "-Tutf8", "-ww", "-z", *map(str, all_pages)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_apropos_finds_each_by_its_name(all_pages: list[Path]) -> None:
    done = subprocess.run(
        ["lexgrog", *map(str, all_pages)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.count("\n")) == (0, len(all_pages))


def shown(source: str) -> str:
    """As a terminal of 80 columns shows it."""
    done = subprocess.run(
        ["groff", "-man", "-Tascii", "-P-cbou", "-rLL=78n"],
        input=source,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_a_page_says_what_the_help_says() -> None:
    @click.command()
    @click.option("--many", metavar="N", help="How many.")
    @click.argument("path", metavar="PATH...")
    def odd() -> None:
        """Do the odd thing.

        A path such as \\n or
        .hidden stays what it is.

        \b
        Examples:
            realizefs odd --many 3 a\\b '~/*' `x` ^
        """

    lines = [
        line.rstrip() for line in shown(page(click.Context(odd, info_name="odd"))).splitlines()
    ]
    text = " ".join(" ".join(lines).split())
    assert "A path such as \\n or .hidden stays what it is." in text
    assert "--many N How many." in text
    assert lines[lines.index("EXAMPLES") + 1].strip() == ("realizefs odd --many 3 a\\b '~/*' `x` ^")
    assert "odd [OPTIONS] PATH..." in text


def test_pages_are_installed_and_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    directory = tmp_path / "man" / "man1"
    assert main.run(["manual", "install"]) == 0
    (directory / "realizefs-gone.1").write_text((directory / "realizefs.1").read_text())
    (directory / "other.1").write_text("mine")
    assert main.run(["manual", "install"]) == 0
    assert not (directory / "realizefs-gone.1").exists()  # of a command that there is no more
    assert main.run(["manual", "remove"]) == 0
    assert [path.name for path in directory.iterdir()] == ["other.1"]
    assert main.run(["manual", "remove"]) == Misuse.exit_status
    assert main.run(["manual", "show", "no", "such"]) == Misuse.exit_status
    assert "There is no command" in capfd.readouterr().err
