"""Commands with which machines join: invite, join."""

import os
from typing import Any

import click

from realizefs.cli.options import Command, Session, json_option, mark_option, pass_session
from realizefs.cli.qr import drawable, fits, qr_lines, wants_colours
from realizefs.cli.render import show_json, show_line
from realizefs.model.errors import Misuse


@click.command(cls=Command)
@click.argument("arenas", metavar="ARENA...", nargs=-1, required=True)
@click.option(
    "--qr/--no-qr",
    "wants_qr",
    default=None,
    help="Draw the code as a QR code, too; by itself on a terminal where it fits.",
)
@json_option
@pass_session
def invite(session: Session, arenas: tuple[str, ...], wants_qr: bool | None, as_json: bool) -> None:
    """Print a code with which one other peer can join the arenas named.

    The code is good once, for a day. Whoever has it can join: hand it over in private. The other
    machine runs `realizefs join CODE`, while a daemon runs here to answer it. Example:

        realizefs invite photos
    """
    made: Any = session.client().ask("invite", {"arenas": list(arenas)})
    if as_json:
        show_json(made)
        return
    click.echo(made["code"])
    _draw(made.get("short"), wants_qr)  # an older daemon makes none
    if not made["serving"]:
        click.echo(
            "No daemon is running here: start `realizefs serve` or `realizefs mount DIR` before "
            "the code is used.",
            err=True,
        )


def _draw(code: str | None, wanted: bool | None) -> None:
    """The code as a picture, if it is wanted, or where nobody said and it fits."""
    if wanted is False or (wanted is None and (code is None or not fits(code))):
        return
    if code is None:
        raise Misuse("This invitation is too long for a QR code: name fewer arenas.")
    if not drawable():
        raise Misuse("A QR code can't be printed here: the locale has no characters for it.")
    for line in qr_lines(code, coloured=wants_colours()):
        click.echo(line)
    click.echo("A camera reads the same code from this picture: `realizefs join` takes it, too.")


@click.command(cls=Command)
@click.argument("code")
@click.argument("directory", metavar="[DIR]", required=False)
@mark_option("What this peer stores of it; watch unless said otherwise.")
@json_option
@pass_session
def join(
    session: Session, code: str, directory: str | None, mark: str | None, as_json: bool
) -> None:
    """Join the arenas that an invitation CODE opens.

    DIR is where this machine's own files of the arena will be, ./NAME unless given; where CODE
    opens several arenas, each gets a folder in DIR.
    """
    joined: Any = session.client().ask(
        "join",
        {
            "code": code,
            "directory": None if directory is None else os.path.abspath(directory),
            "parent": os.getcwd(),
            "mark": mark,
        },
    )
    if as_json:
        show_json(joined)
        return
    for each in joined["arenas"]:
        show_line(
            f'Joined "{each["name"]}" of {joined["inviter"]}; its root is {each["root"]}, '
            f"marked {each['mark']}."
        )
