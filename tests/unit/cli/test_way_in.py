"""A browser is led to the link by a file that is its user's alone."""

import stat
import webbrowser
from pathlib import Path

import pytest
import trio
import trio.testing

from realizefs.cli.web_way_in import OPENING_SECONDS, RUNTIME, UNREAD, show_in_browser, way_in

LINK = "http://127.0.0.1:4711/?token=secret&x=<1>"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def left(directory: Path) -> list[Path]:
    return list(directory.iterdir())


def test_the_file_is_for_its_user_alone_and_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(RUNTIME, str(tmp_path))
    with way_in(LINK) as file:
        assert file.is_relative_to(tmp_path)
        assert (mode(file), mode(file.parent)) == (0o600, 0o700)
        assert "http://127.0.0.1:4711/?token=secret&amp;x=&lt;1&gt;" in file.read_text()
        assert "secret" not in file.as_uri()
    assert not left(tmp_path)


@pytest.mark.parametrize("wrong", ["", "/nonexistent", "shared"])
def test_a_runtime_directory_that_others_write_to_is_not_used(
    wrong: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    monkeypatch.setenv(RUNTIME, str(shared) if wrong == "shared" else wrong)
    with way_in(LINK) as file:
        assert not file.is_relative_to(shared)
        assert mode(file.parent) == 0o700


async def test_where_no_browser_comes_the_link_is_to_be_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    monkeypatch.setenv(RUNTIME, str(tmp_path))
    monkeypatch.setattr(webbrowser, "open", lambda _uri: True)
    entered, said = trio.Event(), list[str]()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(show_in_browser, LINK, entered, said.append)
        await trio.sleep(OPENING_SECONDS + 1)
        assert said == [UNREAD]
        assert left(tmp_path), "it may still come"
        entered.set()
    assert not left(tmp_path)


async def test_once_somebody_is_in_the_file_is_gone_and_nothing_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(RUNTIME, str(tmp_path))
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    entered, said = trio.Event(), list[str]()
    entered.set()
    await show_in_browser(LINK, entered, said.append)
    assert not said
    assert not left(tmp_path)
