"""Commands about the other machines of the household: peer list, set, remove."""

from typing import Any

import click

from realizefs.cli.options import Group, Session, json_option, pass_session
from realizefs.cli.render import show_json, show_line, show_table


@click.group(cls=Group)
def peer() -> None:
    """Peers: the machines of the household."""


@peer.command("list")
@click.option("--keys", is_flag=True, help="Show the fingerprint of each one's certificate, too.")
@json_option
@pass_session
def peer_list(session: Session, keys: bool, as_json: bool) -> None:
    """List the peers that this one knows; with -v or --keys their fingerprints, too.

    \b
    Example:
        realizefs peer list
    """
    peers: Any = session.client().ask("peer-list", {})
    if as_json:
        show_json(peers)
        return
    keys = keys or session.verbose
    show_table(
        ("NAME", "CONNECTED", "ARENAS", "ADDRESSES", *(["FINGERPRINT"] if keys else [])),
        [
            (
                each["name"],
                "yes" if each["connected"] else "no",
                _arenas(each),
                ", ".join(each["addresses"]),
                *([each["fingerprint"]] if keys else []),
            )
            for each in peers
        ],
        "No other peer is known; see `realizefs invite --help`.",
    )


@peer.command("set")
@click.argument("name")
@click.option(
    "--arena",
    "arenas",
    multiple=True,
    metavar="ARENA",
    help="In which arena; may be repeated. Else in all that it is in.",
)
@click.option("--read-only", "read", is_flag=True, help="It sees and reads everything there.")
@click.option("--read-write", "write", is_flag=True, help="It changes things there, too.")
@click.option("--no-access", "none", is_flag=True, help="For it the arena doesn't exist.")
@json_option
@pass_session
def peer_set(
    session: Session, /, name: str, arenas: tuple[str, ...], as_json: bool, **may: bool
) -> None:
    """Say what the peer NAME may do; all machines of the household heed it.

    NAME is a peer's name or the beginning of its fingerprint. What it has already stays with it.

    \b
    Examples:
        realizefs peer set tablet --read-only
        realizefs peer set tablet --arena taxes --no-access
    """
    said = [access for access, is_said in may.items() if is_said]
    if len(said) != 1:
        raise click.UsageError("Say what it may do: --read-only, --read-write or --no-access.")
    changed: Any = session.client().ask(
        "peer-set", {"peer": name, "arenas": list(arenas), "access": said[0]}
    )
    if as_json:
        show_json(changed)
    else:
        show_line(f"{changed['name']} is in {_arenas(changed) or 'no arena of this machine'}.")


@peer.command("remove")
@click.argument("name")
@json_option
@pass_session
def peer_remove(session: Session, name: str, as_json: bool) -> None:
    """Remove the peer NAME from the household, for a machine that is lost or given away.

    Every machine refuses it as soon as it hears of this, those that are off now as soon as they
    are on. What it has stays with it. Only a new invitation brings it back.

    \b
    Example:
        realizefs peer remove tablet
    """
    removed: Any = session.client().ask("peer-remove", {"peer": name})
    if as_json:
        show_json(removed)
    else:
        show_line(f"{removed['name']} no longer belongs to the household.")


def _arenas(shown: Any) -> str:
    return ", ".join(
        f"{arena} (read-only)" if arena in shown["read_only"] else arena
        for arena in shown["arenas"]
    )
