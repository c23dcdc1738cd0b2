"""Who may ask the local page for something: whoever was given the link, from that very page.

Theory of operation. The link holds a token that is good once. It is exchanged for a cookie that scripts
can't read (HttpOnly) and that no other site's page makes the browser send (SameSite=Strict). What changes
something is asked with POST and JSON, which a foreign page can't send without asking the server first
(CORS), and is refused unless its Origin is ours. A name that somebody points at 127.0.0.1 (DNS
rebinding) doesn't get through, since the Host must be an address of ours. So neither another user of
this machine, who doesn't know the token, nor a page of the web, which runs in the same browser, gets in.
"""

import secrets
from collections.abc import Mapping
from hmac import compare_digest

TOKEN_BYTES = 32
HOSTS = ("127.0.0.1", "localhost", "[::1]")


class Access:
    """Of one server on a port."""

    def __init__(self, port: int) -> None:
        self._hosts = {f"{host}:{port}" for host in HOSTS}
        # Browsers send a cookie to every port of a host: the page of another home has its own.
        self._cookie = f"realizefs-{port}"
        self._token = secrets.token_urlsafe(TOKEN_BYTES)
        self._session = secrets.token_urlsafe(TOKEN_BYTES)

    @property
    def token(self) -> str:
        """What the link holds."""
        return self._token

    def redeem(self, token: str) -> str | None:
        """The cookie to set, and the token is used up; None where it isn't the one."""
        if not token or not compare_digest(token.encode(), self._token.encode()):
            return None
        self._token = secrets.token_urlsafe(TOKEN_BYTES)
        return f"{self._cookie}={self._session}; Path=/; HttpOnly; SameSite=Strict"

    def is_ours(self, headers: Mapping[str, str]) -> bool:
        """Whether the request names us as the server."""
        return headers.get("host", "") in self._hosts

    def knows(self, headers: Mapping[str, str]) -> bool:
        """Whether the request carries the cookie."""
        # Taken apart by hand: a strange cookie of another program at this host must not hide ours.
        for cookie in headers.get("cookie", "").split(";"):
            name, _, value = cookie.strip().partition("=")
            if name == self._cookie:
                return compare_digest(value.encode(), self._session.encode())
        return False

    def may_change(self, headers: Mapping[str, str]) -> bool:
        """Whether a request that may change something comes from our own page."""
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        host = headers.get("origin", "").removeprefix("http://")
        return kind == "application/json" and host in self._hosts
