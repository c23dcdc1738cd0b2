"""The command log."""

import os
from collections.abc import Mapping
from typing import Any

import click

from realizefs.cli.log_lines import COLOURS, line
from realizefs.cli.options import Command, Session, json_option, pass_session
from realizefs.cli.render import coloured, printable, show_json, show_line
from realizefs.model.journal import JOURNAL_TOLD_MAX

SHOWN = 50
"""Events that are printed, unless others are wanted."""


@click.command(cls=Command)
@click.argument("path", metavar="[PATH]", required=False)
@click.option("--since", metavar="TIME", help="Only of that time, such as 2d or 12h.")
@click.option("--peer", metavar="PEER", help="Only what this machine did.")
@click.option(
    *("-n", "--last"),
    metavar="N",
    type=click.IntRange(min=0),
    help="Only the last N (50, with --since all).",
)
@json_option
@pass_session
def log(
    session: Session,
    path: str | None,
    since: str | None,
    peer: str | None,
    last: int | None,
    as_json: bool,
) -> None:
    """Tell what happened to files, the latest last: who added, changed, deleted or renamed what, and when.

    Of PATH and all below it, under former names, too; PATH may be gone. The time is when this machine
    did it or heard of it.

    \b
    Examples:
        realizefs log ~/Photos/2024 --since 2d
        realizefs log --peer laptop --last 10
    """
    wanted = {
        "path": os.path.abspath(path) if path is not None else None,
        "since": since,
        "peer": peer,
        "last": last if last is not None else JOURNAL_TOLD_MAX if since is not None else SHOWN,
    }
    found: Any = session.client().ask("log", wanted)
    if as_json:
        show_json(found)
        return
    several = len({each["arena"] for each in found}) > 1
    for each in found:
        show_event(each, arena=several)
    if not found:
        show_line("Nothing of that is known to have happened.")


def show_event(event: Mapping[str, Any], *, arena: bool) -> None:
    """Print its line."""
    text = printable(line(event, arena=arena))
    colour = COLOURS.get(event["what"])
    click.echo(coloured(text, colour) if colour is not None else text)
