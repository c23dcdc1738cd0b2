"""The command that shows the household in a browser: web."""

import signal
import sys

import click
import trio

from realizefs.cli.options import Command, Session, pass_session
from realizefs.cli.render import show_json_line, show_line, show_note
from realizefs.cli.web_access import Access
from realizefs.cli.web_page import Page
from realizefs.cli.web_way_in import show_in_browser
from realizefs.model.errors import NoDaemon
from realizefs.net.http_server import loopback_socket, serve_http

HOST = "127.0.0.1"

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


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
    client = session.client()
    if (connection := client.connect()) is None:
        raise NoDaemon("No daemon is running here; start one with `realizefs mount DIR`.")
    connection.close()
    listening = loopback_socket(HOST, port)
    access = Access(listening.getsockname()[1])
    link = f"http://{HOST}:{listening.getsockname()[1]}/?token={access.token}"
    page = Page(access, client.ask_running)

    ended_by: list[int] = []

    async def run() -> None:
        async with trio.open_nursery() as nursery:
            await nursery.start(serve_http, listening, page.answer)
            if as_json:
                show_json_line({"link": link})
            else:
                show_line(f"The household is shown at {link} until Ctrl-C.")
            if not no_open:
                nursery.start_soon(show_in_browser, link, page.entered, show_note)
            with trio.open_signal_receiver(*ENDING) as signals:
                async for number in signals:  # ended in order: nothing is left behind
                    ended_by.append(number)
                    nursery.cancel_scope.cancel()

    trio.run(run)
    sys.exit(128 + ended_by[0])  # as the shell says of a signal
