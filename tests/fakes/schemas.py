"""What commands print with --json, held against the schemas that are shown for it."""

import json
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import click
from jsonschema import Draft202012Validator

from realizefs.cli import main
from realizefs.cli.commands_schema import schemas


def commands_with_json() -> list[str]:
    """Of every command that takes it, what is typed after the program's name."""
    return sorted(_below(main.cli, ""))


def check_answers(words: Sequence[str], output: str) -> list[Any]:
    """The JSON values in what a call printed, one or several; AssertionError where one of them isn't as the
    schema of its command says. `words` are those after the program's name."""
    command = command_of(words)
    answers = list(_values(output))
    for answer in answers:
        problems = [
            f"{each.json_path}: {each.message}" for each in _of(command).iter_errors(answer)
        ]
        assert not problems, f"`{command}` printed what its schema doesn't have: {problems}"
    return answers


def _below(command: click.Command, name: str) -> Iterator[str]:
    if any(parameter.name == "as_json" for parameter in command.params):
        yield name
    if isinstance(command, click.Group):
        for word, each in command.commands.items():
            yield from _below(each, f"{name} {word}".strip())


def command_of(words: Sequence[str]) -> str:
    """The command in what is typed after the program's name."""
    command: click.Command = main.cli
    called: list[str] = []
    for word in words:
        if not isinstance(command, click.Group) or word not in command.commands:
            break
        command = command.commands[word]
        called.append(word)
    return " ".join(called)


@cache
def _of(command: str) -> Draft202012Validator:
    return Draft202012Validator(schemas()[command])


def _values(text: str) -> Iterator[Any]:
    decoder, rest = json.JSONDecoder(), text.strip()
    while rest:
        value, end = decoder.raw_decode(rest)
        rest = rest[end:].lstrip()
        yield value
