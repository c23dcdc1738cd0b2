"""The local page: its files, and what it may ask of the daemon."""

import json
import logging
import mimetypes
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import parse_qs

import trio

from realizefs.cli.web_access import Access
from realizefs.cli.web_slices import LONG, Ask, slice_of
from realizefs.model.control import Failed
from realizefs.model.errors import RealizeError
from realizefs.net.http_server import Request, Response

log = logging.getLogger(__name__)

COMMANDS = frozenset(
    {
        *("status", "peer-list", "ls-span", "info", "mark-set", "mark-clear", "mark-foresee"),
        *("conflicts", "conflicts-resolve", "trash-list", "trash-restore", "trash-empty"),
        *("approve", "pause", "resume", "doctor", "jobs", *LONG),
    }
)
"""What a page may ask: nothing that lets anybody in, or takes an arena or a peer away."""

ASKING_MAX = 8
"""Commands asked at once: a page asks two."""

FILES = frozenset(
    {
        *("index.html", "page.css", "icon.svg", "page.js", "daemon.js"),
        *("deeds.js", "folder.js", "items.js", "map.js", "peers.js", "settle.js", "tree.js"),
    }
)

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
ONWARD = (
    b'<!doctype html><html lang="en"><meta http-equiv="refresh" content="0; url=/">'
    b'<link rel="icon" href="/icon.svg"><title>RealizeFS</title><p><a href="/">Show the household</a></p></html>'
)
SAFE = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


class Page:
    """Answers the requests of one server."""

    def __init__(self, access: Access, ask: Ask) -> None:
        self._access = access
        self._ask = ask
        self._several = trio.CapacityLimiter(ASKING_MAX)
        self.entered = trio.Event()
        """Set once somebody has come in by the link."""

    async def answer(self, request: Request) -> Response:
        """Any request."""
        if not self._access.is_ours(request.headers):
            return _said(421, "This page is at 127.0.0.1 only.")
        if request.path == "/" and request.query:
            return self._entered(request)
        if not self._access.knows(request.headers):
            return _said(403, "Open the link that `realizefs web` printed; each is good once.")
        if request.path == "/api/ask":
            return await self._asked(request)
        if request.method != "GET":
            return _said(405, "There is nothing to be changed here.")
        return _file(request.path.removeprefix("/") or "index.html")

    def _entered(self, request: Request) -> Response:
        cookie = self._access.redeem(parse_qs(request.query).get("token", [""])[0])
        if cookie is None and not self._access.knows(request.headers):
            return _said(403, "This link was used already; run `realizefs web` again for another.")
        self.entered.set()
        # Who came from elsewhere sends the cookie (SameSite=Strict) only where our own page leads on.
        headers = {**SAFE, "content-type": "text/html; charset=utf-8"}
        return Response(200, ONWARD, {**headers, "set-cookie": cookie} if cookie else headers)

    async def _asked(self, request: Request) -> Response:
        if request.method != "POST" or not self._access.may_change(request.headers):
            return _said(403, "Only the page itself may ask.")
        try:
            asked = json.loads(request.body)
            command, arguments = str(asked["command"]), dict(asked["arguments"])
        except (ValueError, KeyError, TypeError):
            return _json(400, {"error": "This is no question to the daemon."})
        if command not in COMMANDS:
            return _json(403, {"error": f'The page doesn\'t ask for "{command[:40]}".'})
        try:
            result = await trio.to_thread.run_sync(
                slice_of, self._ask, command, arguments, limiter=self._several
            )
        except Failed as failed:
            return _json(409, {"error": failed.sentence})
        except (RealizeError, OSError) as error:
            return _json(409, {"error": str(error)})
        return _json(200, {"result": result})


@cache
def _content(name: str) -> bytes:
    return files("realizefs.cli").joinpath("page", name).read_bytes()


def _file(name: str) -> Response:
    if name not in FILES:
        return _said(404, "There is no such page.")
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    return Response(200, _content(name), {**SAFE, "content-type": f"{kind}; charset=utf-8"})


def _said(status: int, sentence: str) -> Response:
    headers = {**SAFE, "content-type": "text/plain; charset=utf-8"}
    return Response(status, sentence.encode(), headers)


def _json(status: int, value: Any) -> Response:
    """In ASCII, so that a name in any bytes arrives intact."""
    return Response(
        status, json.dumps(value).encode(), {**SAFE, "content-type": "application/json"}
    )
