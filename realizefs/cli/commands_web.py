"""The command that shows the household in a browser: web."""

import sys

import click

from realizefs.cli.options import Command, Session, pass_session
from realizefs.cli.render import show_json_line, show_line, show_note
from realizefs.model.errors import NoDaemon


@click.command(cls=Command)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, help="0, any free one, unless said."
)
@click.option("--no-open", is_flag=True, help="Don't open a browser; print the link alone.")
@click.option("--json", "as_json", is_flag=True, help="Print the link as JSON, for programs.")
@pass_session
def web(session: Session, port: int, no_open: bool, as_json: bool) -> None:
    """Show the household in a browser on this machine, until Ctrl-C.

    Who is connected, what is where, marks, conflicts, trash. Only this machine can open it, and only with
    the link that is printed, which is good once.

    \b
    Example:
        realizefs web
    """
    # Not above: trio is as much to load as all other commands together.
    from realizefs.cli.web_serving import serve_page  # noqa: PLC0415

    client = session.client()
    if (connection := client.connect()) is None:
        raise NoDaemon("No daemon is running here; start one with `realizefs mount DIR`.")
    connection.close()

    def shown(link: str) -> None:
        if as_json:
            show_json_line({"link": link})
        else:
            show_line(f"The household is shown at {link} until Ctrl-C.")

    ended_by = serve_page(client.ask_running, port, shown, show_note if not no_open else None)
    sys.exit(128 + ended_by)  # as the shell says of a signal
