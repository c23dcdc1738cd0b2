"""The page of `realizefs web`, while it is served."""

import signal
from collections.abc import Callable

import trio

from realizefs.cli.web_access import Access
from realizefs.cli.web_page import Page
from realizefs.cli.web_slices import Ask
from realizefs.cli.web_way_in import show_in_browser
from realizefs.net.http_server import loopback_socket, serve_http

HOST = "127.0.0.1"

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def serve_page(
    ask: Ask, port: int, shown: Callable[[str], None], note: Callable[[str], None] | None
) -> int:
    """Serve it on `port` (0: any) until a signal, whose number is returned. `shown` is told the link,
    which a browser is led to, and `note` what there is to say of that; None: no browser is opened."""
    listening = loopback_socket(HOST, port)
    access = Access(listening.getsockname()[1])
    link = f"http://{HOST}:{listening.getsockname()[1]}/?token={access.token}"
    page = Page(access, ask)

    ended_by: list[int] = []

    async def run() -> None:
        async with trio.open_nursery() as nursery:
            await nursery.start(serve_http, listening, page.answer)
            shown(link)
            if note is not None:
                nursery.start_soon(show_in_browser, link, page.entered, note)
            with trio.open_signal_receiver(*ENDING) as signals:
                ended_by.append(await anext(signals))
            nursery.cancel_scope.cancel()  # ended in order: nothing is left behind

    trio.run(run)
    return ended_by[0]
