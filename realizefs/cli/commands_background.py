"""Commands about fetching what nobody waits for: pause and resume."""

from typing import Any

import click

from realizefs.cli.options import Command, Session, json_option, pass_session
from realizefs.cli.render import show_json, show_line


@click.command(cls=Command)
@click.argument("arena", required=False)
@click.option("--for", "length", metavar="TIME", help="Such as 90m or 2h; else until `resume`.")
@json_option
@pass_session
def pause(session: Session, arena: str | None, length: str | None, as_json: bool) -> None:
    """Fetch nothing in the background, in ARENA or in all arenas.

    What a program reads, and `fetch`, go on; changes are still told and heard. It holds over restarts.

    \b
    Example:
        realizefs pause --for 2h
    """
    _show(session.client().ask("pause", {"arena": arena, "for": length}), as_json=as_json)


@click.command(cls=Command)
@click.argument("arena", required=False)
@json_option
@pass_session
def resume(session: Session, arena: str | None, as_json: bool) -> None:
    """Fetch in the background again, in ARENA or in all arenas.

    \b
    Example:
        realizefs resume
    """
    _show(session.client().ask("resume", {"arena": arena}), as_json=as_json)


def _show(found: Any, *, as_json: bool) -> None:
    if as_json:
        show_json(found)
        return
    for each in found:
        if each["waits"] is None:
            show_line(f'Arena "{each["arena"]}" fetches in the background.')
        else:
            show_line(f'Arena "{each["arena"]}" waits, since {each["waits"]}.')
