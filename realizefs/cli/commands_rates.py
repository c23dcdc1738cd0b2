"""The command about rates: limit."""

from collections.abc import Mapping
from typing import Any

import click

from realizefs.cli.options import Command, Session, json_option, pass_session
from realizefs.cli.render import show_json, show_table, size


@click.command(cls=Command)
@click.option("--down", metavar="RATE", help="Most that comes from others: 2MB, 500KiB or none.")
@click.option("--up", metavar="RATE", help="Most that goes to others.")
@click.option("--peer", metavar="PEER", help="Of this peer alone; both limits hold then.")
@json_option
@pass_session
def limit(
    session: Session, down: str | None, up: str | None, peer: str | None, as_json: bool
) -> None:
    """Limit the bytes a second that come from and go to other peers, from this moment on.

    A RATE is bytes a second, such as 2MB; `none` takes the limit away. Without options: say what
    the limits are. They are kept in the configuration.

    \b
    Examples:
        realizefs limit --down 2MB --up 500KB
        realizefs limit --peer laptop --up none
    """
    found: Any = session.client().ask("limit", {"down": down, "up": up, "peer": peer})
    if as_json:
        show_json(found)
        return
    rows = [("all together", found), *found["peers"].items()]
    show_table(("PEER", "DOWN", "UP"), [(name, *shown_rates(one)) for name, one in rows], "")


def shown_rates(limit_of: Mapping[str, int | None]) -> tuple[str, str]:
    """Down and up as people read them."""
    down, up = (limit_of[way] for way in ("down", "up"))
    return _shown(down), _shown(up)


def _shown(rate: int | None) -> str:
    return "no limit" if rate is None else f"{size(rate)}/s"
