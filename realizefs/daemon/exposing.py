"""Metrics for Prometheus at a loopback address, where the configuration names one.

Whoever is on this machine may ask: the answer has names and numbers, and changes nothing. A page of the
network that a browser here was made to believe at home (DNS rebinding) may not: Host must be one of
this machine's own names. A port that is taken is tried again, and `status` says so meanwhile.
"""

import ipaddress
import logging
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

import trio

from realizefs.daemon.failures import first_of
from realizefs.model.errors import Misuse, RealizeError
from realizefs.model.limits import LISTEN_RETRY_SECONDS
from realizefs.net.address import parse_address, show_socket_address
from realizefs.net.http_server import Request, Response, loopback_socket, serve_http

log = logging.getLogger(__name__)

PATH = "/metrics"

Tell = Callable[[], Awaitable[Mapping[str, Any]]]
"""Gives what the command `metrics` answers."""


def parse_metrics_address(text: str) -> tuple[str, int]:
    """(host, port) of this machine. Raises ValueError."""
    try:
        host, port = parse_address(text)
        is_ours = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except (Misuse, ValueError) as error:
        raise ValueError(f'"{text[:60]}" is no 127.0.0.1:PORT') from error
    if not is_ours:
        raise ValueError(f"{host} is reached from outside; write 127.0.0.1:{port}")
    return host, port


class Exposing:
    """One daemon's part in it."""

    def __init__(self) -> None:
        self.bound = ""
        """the address in use; "" for none"""
        self.problems: list[str] = []
        """a sentence where nothing can listen there"""

    async def run(self, address: str | None, tell: Tell) -> None:
        """Until cancelled; nothing where there is no address."""
        while address is not None:
            try:
                listening = loopback_socket(*parse_address(address))
                self.bound, self.problems = show_socket_address(listening.getsockname()), []
                log.info("Metrics are at http://%s%s.", self.bound, PATH)
                await serve_http(listening, partial(_answer, tell))
            except* (RealizeError, OSError) as errors:
                self._failed(first_of(errors))
            await trio.sleep(LISTEN_RETRY_SECONDS)

    def _failed(self, error: BaseException) -> None:
        problem = f"Metrics can't be asked for yet, which is tried again: {error}"
        if problem not in self.problems:
            log.warning("%s", problem)
        self.bound, self.problems = "", [problem]


async def _answer(tell: Tell, request: Request) -> Response:
    if not _is_ours(request.headers.get("host", "")):
        return Response(403, b"Ask for this machine by an address of its own.\n")
    if request.path != PATH:
        return Response(404, f"What there is, is at {PATH}.\n".encode())
    if request.method != "GET":
        return Response(405, b"This can only be read.\n", {"allow": "GET"})
    # Imported here: few have it on, and the library takes as long to load as a tenth of the start.
    from realizefs.daemon.exposition import CONTENT_TYPE, exposition  # noqa: PLC0415

    told = await tell()
    # Some hundred lines for a household: a few milliseconds, and so in a thread.
    text = await trio.to_thread.run_sync(exposition, told)
    return Response(200, text, {"content-type": CONTENT_TYPE})


def _is_ours(host: str) -> bool:
    """Whether a Host header names this machine as nobody else can be named."""
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdecimal() else host
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False
