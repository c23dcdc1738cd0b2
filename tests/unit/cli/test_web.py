"""Who may ask the local page, and what it passes on to the daemon."""

import json
import time
from collections.abc import Mapping
from typing import Any

import pytest

from realizefs.cli.web_access import Access
from realizefs.cli.web_page import COMMANDS, FILES, Page
from realizefs.cli.web_slices import SLICE_SECONDS, Told, slice_of
from realizefs.daemon.dispatch import COMMANDS as OF_THE_DAEMON
from realizefs.daemon.dispatch import LONG_COMMANDS
from realizefs.model.control import Failed
from realizefs.net.http_server import Request, Response

PORT = 4711
HOST = f"127.0.0.1:{PORT}"


class Daemon:
    """Remembers what it was asked."""

    def __init__(self, answer: object = None) -> None:
        self.asked: list[tuple[str, Mapping[str, object]]] = []
        self.answer = answer

    def ask(
        self, command: str, arguments: Mapping[str, object], *, told: Told | None = None
    ) -> object:
        self.asked.append((command, arguments))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


async def entered(daemon: Daemon) -> tuple[Page, str]:
    """A page, and the cookie of whoever has opened the link."""
    access = Access(PORT)
    page = Page(access, daemon.ask)
    answer = await page.answer(get("/", query=f"token={access.token}"))
    assert answer.status == 200
    return page, answer.headers["set-cookie"].partition(";")[0]


def get(path: str, *, query: str = "", host: str = HOST, cookie: str = "") -> Request:
    return Request("GET", path, query, {"host": host, "cookie": cookie})


def post(cookie: str, said: object, **headers: str) -> Request:
    usual = {"host": HOST, "origin": f"http://{HOST}", "content-type": "application/json"}
    body = said if isinstance(said, bytes) else json.dumps(said).encode()
    return Request("POST", "/api/ask", "", {**usual, "cookie": cookie, **headers}, body)


def said(answer: Response) -> Any:
    return json.loads(answer.body)


async def test_a_link_is_good_once_and_gives_a_cookie_for_this_site_alone() -> None:
    access = Access(PORT)
    page, link = Page(access, Daemon().ask), f"token={access.token}"
    answer = await page.answer(get("/", query=link))
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert access.token not in cookie
    assert b'url=/"' in answer.body, "it leads on, as a page of this very site"
    assert (await page.answer(get("/", query=link))).status == 403
    assert (await page.answer(get("/", cookie=cookie.partition(";")[0]))).status == 200


async def test_a_used_link_leads_who_is_in_already_to_the_page() -> None:
    access = Access(PORT)
    page, link = Page(access, Daemon().ask), f"token={access.token}"
    assert not page.entered.is_set()
    cookie = (await page.answer(get("/", query=link))).headers["set-cookie"].partition(";")[0]
    assert page.entered.is_set()
    again = await page.answer(get("/", query=link, cookie=cookie))
    assert (again.status, b'url=/"' in again.body) == (200, True)
    assert "set-cookie" not in again.headers
    assert access.token not in again.body.decode()


@pytest.mark.parametrize("query", ["token=", "token=wrong", "x=1", "token=%ff"])
async def test_another_token_opens_nothing(query: str) -> None:
    page = Page(Access(PORT), Daemon().ask)
    assert (await page.answer(get("/", query=query))).status == 403


@pytest.mark.parametrize("host", ["", "evil.example", f"evil.example:{PORT}", "127.0.0.1:1"])
async def test_a_name_that_was_pointed_here_gets_nothing(host: str) -> None:
    page, cookie = await entered(Daemon())
    assert (await page.answer(get("/", host=host, cookie=cookie))).status == 421


@pytest.mark.parametrize(
    "cookie", ["", f"realizefs-{PORT}=wrong", "other=1", f"realizefs-{PORT}=\xff", ";=;"]
)
async def test_without_the_cookie_nothing_is_shown(cookie: str) -> None:
    daemon = Daemon()
    page, _ = await entered(daemon)
    for path in ("/", "/page.js"):
        assert (await page.answer(get(path, cookie=cookie))).status == 403
    question = {"command": "status", "arguments": {}}
    assert (await page.answer(post(cookie, question))).status == 403
    assert not daemon.asked


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": ""},
        {"origin": "http://evil.example"},
        {"origin": f"https://{HOST}"},
        {"origin": "null"},
        {"content-type": "text/plain"},
        {"content-type": ""},
    ],
)
async def test_a_foreign_page_changes_nothing(headers: dict[str, str]) -> None:
    daemon = Daemon()
    page, cookie = await entered(daemon)
    question = {"command": "mark-set", "arguments": {}}
    assert (await page.answer(post(cookie, question, **headers))).status == 403
    assert not daemon.asked


async def test_what_is_asked_reaches_the_daemon_in_any_bytes() -> None:
    name = "odd \udcff \x1b <b>"
    daemon = Daemon({"path": name})
    page, cookie = await entered(daemon)
    answer = await page.answer(post(cookie, {"command": "info", "arguments": {"path": name}}))
    assert answer.status == 200
    assert said(answer) == {"result": {"path": name}}
    assert answer.body.isascii()
    assert daemon.asked == [("info", {"path": name})]


@pytest.mark.parametrize("command", ["peer-remove", "arena-remove", "invite", "join", "init", "x"])
async def test_what_a_page_has_no_business_with_is_not_asked(command: str) -> None:
    daemon = Daemon()
    page, cookie = await entered(daemon)
    answer = await page.answer(post(cookie, {"command": command, "arguments": {}}))
    assert answer.status == 403
    assert not daemon.asked


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"command": 1}', b"\xff", b'{"command":"status","arguments":3}']
)
async def test_what_is_no_question_is_refused(body: bytes) -> None:
    page, cookie = await entered(Daemon())
    assert (await page.answer(post(cookie, body))).status == 400


async def test_a_refusal_is_the_daemons_sentence() -> None:
    page, cookie = await entered(Daemon(Failed("There is no such arena.")))
    answer = await page.answer(post(cookie, {"command": "status", "arguments": {}}))
    assert (answer.status, said(answer)) == (409, {"error": "There is no such arena."})


async def test_files_are_those_of_the_page_and_forbid_all_others() -> None:
    page, cookie = await entered(Daemon())
    for name in FILES:
        answer = await page.answer(get(f"/{name}", cookie=cookie))
        assert answer.status == 200, name
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "require-trusted-types-for 'script'; trusted-types 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
    for path in ("/../web_page.py", "/page/", "/%2e%2e/main.py", "//page.js"):
        assert (await page.answer(get(path, cookie=cookie))).status == 404


def test_all_that_it_asks_exists() -> None:
    assert OF_THE_DAEMON.keys() | LONG_COMMANDS.keys() >= COMMANDS


async def test_cookies_of_other_programs_at_this_address_hide_nothing() -> None:
    page, cookie = await entered(Daemon())
    for others in ("odd[1]={x}; ", "realizefs-1=another home's; ", '"; '):
        assert (await page.answer(get("/", cookie=others + cookie))).status == 200


def told(**more: object) -> dict[str, object]:
    return {"files": 1, "bytes": 10, "total_files": 2, "total_bytes": 20, "failures": [], **more}


def test_a_long_command_is_left_after_a_while_and_says_how_far_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    heard = []

    def ask(command: str, arguments: Mapping[str, object], *, told: Told | None = None) -> object:
        assert told is not None
        while True:
            heard.append(now[0])
            told(_so_far(len(heard)))
            now[0] += SLICE_SECONDS / 2

    def _so_far(number: int) -> dict[str, object]:
        return told(files=number, failures=[{"path": "a", "why": "b"}] if number == 1 else [])

    answer: Any = slice_of(ask, "fetch", {})
    assert not answer["done"]
    assert answer["files"] == len(heard) == 4
    assert answer["failures"] == [{"path": "a", "why": "b"}], "what was told once is not lost"


def test_counting_for_long_leaves_time_for_work(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])

    def ask(command: str, arguments: Mapping[str, object], *, told: Told | None = None) -> object:
        assert told is not None
        now[0] += 5
        told(_nothing())
        now[0] += 15
        told(_nothing())
        return _nothing()

    def _nothing() -> dict[str, object]:
        return told()

    answer: Any = slice_of(ask, "fetch", {})
    assert answer["done"]
