"""The command log."""

import os
from collections.abc import Mapping
from functools import partial
from typing import Any

import click

from realizefs.cli.log_lines import COLOURS, line
from realizefs.cli.options import Command, Session, json_option, pass_session
from realizefs.cli.render import coloured, printable, show_json, show_json_line, show_line
from realizefs.model.journal import JOURNAL_TOLD_MAX

SHOWN = 50
"""Events that are printed, unless others are wanted."""


@click.command(cls=Command)
@click.argument("path", metavar="[PATH]", required=False)
@click.option(
    "--since",
    metavar="TIME",
    help="Only from then on: 2d or 12h ago, 14:00, yesterday, 2026-11-20, '2026-11-20 14:00'.",
)
@click.option("--until", metavar="TIME", help="Only before that; a day with all of it.")
@click.option("--peer", metavar="PEER", help="Only what this machine did.")
@click.option(
    *("-n", "--last"),
    metavar="N",
    type=click.IntRange(min=0),
    help="Only the last N (50, with --since all).",
)
@click.option("-f", "--follow", is_flag=True, help="Go on with what happens from now on.")
@json_option
@pass_session
def log(  # noqa: PLR0913, PLR0917 - one for each option
    session: Session,
    path: str | None,
    since: str | None,
    until: str | None,
    peer: str | None,
    last: int | None,
    follow: bool,
    as_json: bool,
) -> None:
    """Tell what happened to files, the latest last: who added, changed, deleted or renamed what, and when.

    Of PATH and all below it, under former names, too; PATH may be gone. The time is when this machine
    did it or heard of it. --follow needs a running daemon, and ends with Ctrl-C; with --json it prints an
    object a line.

    \b
    Examples:
        realizefs log ~/Photos/2024 --since 2d
        realizefs log --since 2026-11-20 --until yesterday
        realizefs log --peer laptop --last 10
        realizefs log --follow
    """
    wanted = {
        "path": os.path.abspath(path) if path is not None else None,
        "since": since,
        "until": until,
        "peer": peer,
        "last": last if last is not None else SHOWN if since is None else JOURNAL_TOLD_MAX,
    }
    if follow:
        hear = partial(_hear, as_json=as_json)
        session.client().ask_running("log-follow", wanted, seconds=None, told=hear)
        return
    found: Any = session.client().ask("log", wanted)
    if as_json:
        show_json(found)
        return
    several = len({each["arena"] for each in found}) > 1
    for each in found:
        _show(each, arena=several)
    if not found:
        show_line("Nothing of that is known to have happened.")


def _hear(told: Any, *, as_json: bool) -> None:
    """Print what a daemon tells."""
    for event in told["events"]:
        if as_json:
            show_json_line(event)
        else:
            _show(event, arena=told["several"])


def _show(event: Mapping[str, Any], *, arena: bool) -> None:
    """Print its line."""
    text = printable(line(event, arena=arena))
    colour = COLOURS.get(event["what"])
    click.echo(coloured(text, colour) if colour is not None else text)
