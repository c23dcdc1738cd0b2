"""Commands with which machines join: invite, join; by a code that is carried over, or by a short one that
is compared (`--lan`)."""

import os
from collections.abc import Mapping
from typing import Any

import click

from realizefs.cli.conversation import Exchange, Person, converse
from realizefs.cli.options import Command, Session, json_option, mark_option, pass_session
from realizefs.cli.qr import drawable, fits, qr_lines, wants_colours
from realizefs.cli.render import printable, show_json, show_json_line, show_line, show_table
from realizefs.model.errors import Misuse, NoDaemon, NotFound


@click.command(cls=Command)
@click.argument("arenas", metavar="ARENA...", nargs=-1, required=True)
@click.option(
    "--lan", is_flag=True, help="Let a machine on this network pair, without a code to carry over."
)
@click.option(
    "--qr/--no-qr",
    "wants_qr",
    default=None,
    help="Draw the code as a QR code, too; by itself on a terminal where it fits.",
)
@json_option
@pass_session
def invite(
    session: Session, arenas: tuple[str, ...], lan: bool, wants_qr: bool | None, as_json: bool
) -> None:
    """Print a code with which one other peer can join the arenas named.

    The code is good once, for a day. Whoever has it can join: hand it over in private. The other
    machine runs `realizefs join CODE`, while a daemon runs here to answer it.

    With --lan there is no code to carry over: for five minutes machines on this network see this one
    by its name, one of them runs `realizefs join`, and both show a short code. Compare the two, and
    say on both whether they are the same.

    \b
    Examples:
        realizefs invite photos
        realizefs invite photos --lan
    """
    if lan:
        _open_for_pairing(session, arenas, as_json=as_json)
        return
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


def _open_for_pairing(session: Session, arenas: tuple[str, ...], *, as_json: bool) -> None:
    client = session.client()
    if (connection := client.connect()) is None:
        raise NoDaemon(
            "No daemon is running here to answer the other machine: start `realizefs serve` or "
            "`realizefs mount DIR` first."
        )
    connection.close()

    def hear(told: Mapping[str, Any], exchange: Exchange) -> None:
        if as_json:
            show_json_line(told)
        elif "open_seconds" in told:
            show_line(
                f'Open for pairing for {told["open_seconds"] // 60} minutes, as "{told["name"]}".'
                " On the other machine: realizefs join"
            )
        elif "note" in told:
            show_line(told["note"])
        if "ask" in told:
            _compare(
                told,
                exchange,
                f"{told['peer']} wants to join {', '.join(arenas)}. Compare this code:",
            )

    done: Any = converse(client, "invite-lan", {"arenas": list(arenas)}, Person(), hear)
    if as_json:
        show_json_line(done)
    else:
        show_line(f"{done['joined']} has joined {', '.join(done['arenas'])}.")


def _compare(told: Mapping[str, Any], exchange: Exchange, what: str) -> None:
    """Have a person look at both machines."""
    click.echo(f"{printable(what)}\n\n    {printable(told['code'])}\n", err=True)
    if exchange.put(told["ask"], f"Does {told['peer']} show the same code? [y/N]"):
        click.echo("Waiting until its user says so, too …", err=True)


@click.command(cls=Command)
@click.argument("code", required=False)
@click.argument("directory", metavar="[DIR]", required=False)
@click.option("--lan", is_flag=True, help="Pair on this network; the only argument then is DIR.")
@mark_option("What this peer stores of it; watch unless said otherwise.")
@json_option
@pass_session
def join(
    session: Session,
    /,
    code: str | None,
    directory: str | None,
    lan: bool,
    mark: str | None,
    as_json: bool,
) -> None:
    """Join the arenas that an invitation CODE opens; without one, pair with a machine on this network.

    DIR is where this machine's own files of the arena will be, ./NAME unless given; where several
    arenas are opened, each gets a folder in DIR.

    Without a code those machines are looked for where somebody has said `realizefs invite ARENA
    --lan`. Both show a short code then: compare the two, and say on both whether they are the same.

    \b
    Examples:
        realizefs join realizefs-… ~/.photos
        realizefs join --lan ~/.photos
    """
    if lan and directory is not None:
        raise click.UsageError("With --lan there is no CODE: name DIR only.")
    if lan:
        code, directory = None, code
    where = {
        "directory": None if directory is None else os.path.abspath(directory),
        "parent": os.getcwd(),
        "mark": mark,
    }
    joined: Any
    if code is None:
        joined = _pair(session, where, as_json=as_json)
    else:
        joined = session.client().ask("join", {"code": code, **where})
    if as_json:
        (show_json_line if code is None else show_json)(joined)
        return
    for each in joined["arenas"]:
        show_line(
            f'Joined "{each["name"]}" of {joined["inviter"]}; its root is {each["root"]}, '
            f"marked {each['mark']}."
        )


def _pair(session: Session, where: Mapping[str, object], *, as_json: bool) -> Any:
    client, person = session.client(), Person()
    click.echo(
        "Looking for machines on this network that are open for pairing; on the other one say "
        "`realizefs invite ARENA --lan` …",
        err=True,
    )
    found: Any = client.ask("neighbours", {})
    if as_json:
        show_json_line({"found": found})
    chosen = _chosen(found, person, as_json=as_json)

    def hear(told: Mapping[str, Any], exchange: Exchange) -> None:
        if as_json:
            show_json_line(told)
        _compare(told, exchange, f"{told['peer']} is there. Compare this code:")

    return converse(client, "pair", {"addresses": chosen["addresses"], **where}, person, hear)


def _chosen(found: list[dict[str, Any]], person: Person, *, as_json: bool) -> dict[str, Any]:
    """The one machine that there is, or which a person wants."""
    if not found:
        raise NotFound(
            "No machine on this network is open for pairing: say `realizefs invite ARENA --lan` on"
            " the other one, or carry a code over from `realizefs invite ARENA`."
        )
    if len(found) == 1:
        return found[0]
    numbers = range(1, len(found) + 1)
    if not as_json:
        rows = [
            (str(number), one["name"], ", ".join(one["addresses"]))
            for number, one in zip(numbers, found, strict=True)
        ]
        show_table(("", "NAME", "ADDRESSES"), rows, "")
    typed = person.answers(f"Which one? [1-{len(found)}]")
    if not typed.isascii() or not typed.isdecimal() or int(typed[:9]) not in numbers:
        raise Misuse("That is the number of none; nothing was done.")
    return found[int(typed) - 1]
