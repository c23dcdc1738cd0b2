"""The command that shows what --json prints: a JSON Schema (draft 2020-12) for each command that has it.

The schemas are in schemas/, a file for each command. Nothing else is in an answer: a field that its schema
doesn't have is a fault of the command.
"""

import json
from pathlib import Path
from typing import Any

import click

from realizefs.cli.options import Command
from realizefs.cli.render import show_json, show_table
from realizefs.model.errors import NotFound

SCHEMAS = Path(__file__).with_name("schemas")


@click.command(cls=Command)
@click.argument("words", metavar="[COMMAND]...", nargs=-1)
def schema(words: tuple[str, ...]) -> None:
    """Print the JSON Schema of what COMMAND prints with --json; without one, list those that have it.

    \b
    Examples:
        realizefs schema
        realizefs schema mark set
    """
    known = schemas()
    if not words:
        rows = [(command, found["description"]) for command, found in known.items()]
        show_table(("COMMAND", "WHAT IT PRINTS WITH --json"), rows, "")
        return
    wanted = " ".join(words)
    if wanted not in known:
        raise NotFound(f'"{wanted}" is no command that has --json; see `realizefs schema`.')
    show_json(known[wanted])


def schemas() -> dict[str, Any]:
    """All schemas, by the commands that they are for."""
    read = (json.loads(path.read_text(encoding="utf-8")) for path in SCHEMAS.glob("*.json"))
    found = {one["title"].removeprefix("realizefs ").removesuffix(" --json"): one for one in read}
    return dict(sorted(found.items()))
