"""Every command says how it is used, by an example that the command line itself takes."""

import re
import shlex
from collections.abc import Iterator

import click
import pytest

from realizefs.cli import main
from realizefs.cli.manual import pages

COMMANDS = {
    found.command_path: found
    for found in pages(main.cli)
    if not isinstance(found.command, click.Group) or found.command.invoke_without_command
}


def examples(command: click.Command) -> Iterator[str]:
    """The lines of its help that are examples."""
    _, found, after = re.sub("\b", "", command.help or "").partition("Example")
    if found:
        yield from (line.strip() for line in after.splitlines()[1:] if line.strip())


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_has_an_example_that_is_right(
    name: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """An option that there isn't, or a word too many, is refused before anything is done."""
    monkeypatch.setattr(click.Command, "invoke", lambda *_: 0)
    found = list(examples(COMMANDS[name].command))
    assert found, f"`{name} --help` shows no example"
    assert any(line.startswith(f"{name} ") or line == name for line in found)
    for line in found:
        for words in _commands(line):
            assert main.run(words) == 0, capfd.readouterr().err


def _commands(line: str) -> Iterator[list[str]]:
    """What of a shell's line is a call of the program, without its name."""
    for part in re.split(r"&&|\||;|>|\$\(", line.rstrip("&)")):
        words = shlex.split(part)
        if words[:1] == ["realizefs"]:
            yield words[1:]
