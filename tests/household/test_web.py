"""The local page in a real browser: what it shows, and what is done there with the keyboard alone."""

import html
import os
import re
import signal
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver.chrome.webdriver import WebDriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from realizefs.cli.render import printable
from tests.household.browser import (
    answer_dialog,
    focused,
    press,
    running_browser,
    running_page,
    text_of,
)
from tests.household.machines import MARK, STATUS, Pair
from tests.household.waiting import until

HOSTILE = "<img src=x onerror=document.title='hacked'>.txt"


@pytest.fixture
def page(pair: Pair, browser: WebDriver) -> Iterator[WebDriver]:
    """Bob's, with some files of alice's."""
    pair.write("holiday/beach.jpg", b"x" * 5000)
    pair.write("holiday/deep/sunset.jpg", b"y" * 700)
    pair.write(HOSTILE, b"z")
    with running_page(pair.bob) as link:
        browser.get(link)
        until(lambda: "holiday/" in tree(browser), "the files are shown")
        yield browser


def tree(browser: WebDriver) -> str:
    return browser.find_element(By.ID, "tree").text


def says(browser: WebDriver, name: str, state: str) -> bool:
    """Whether the row of that name says so; rows come and go as they change."""
    return any(name in line and state in line for line in tree(browser).splitlines())


def walk_to(browser: WebDriver, name: str) -> None:
    """From the first row on, down to that of the name."""
    browser.find_element(By.CSS_SELECTOR, '#tree tr[tabindex="0"]').send_keys(Keys.HOME)
    for _ in tree(browser).splitlines():
        if name in focused(browser):
            return
        press(browser, Keys.ARROW_DOWN)
    raise AssertionError(f"{name} has no row")


def test_it_shows_the_household_and_the_files(pair: Pair, page: WebDriver) -> None:
    assert page.find_element(By.ID, "machine").text == "bob"
    assert page.find_element(By.ID, "map-text").text == "1 machine is connected."
    assert "docs" in page.find_element(By.ID, "arenas").text
    assert HOSTILE in tree(page)
    assert page.title == "bob – RealizeFS"
    assert page.current_url.endswith("/"), "the token is gone from the address"
    log = page.get_log("browser")  # type: ignore[no-untyped-call]
    wrong = [line for line in log if line["level"] == "SEVERE"]
    assert not wrong


def test_on_a_narrow_screen_names_have_the_room_that_sizes_leave(page: WebDriver) -> None:
    """A column that nobody saw had half of it."""
    page.set_window_size(520, 1000)
    try:
        left = page.execute_script(
            "const right = (one) => one.getBoundingClientRect().right;"
            "const tree = document.getElementById('tree');"
            "return right(tree) - right(tree.querySelector('th:last-child'));"
        )
    finally:
        page.set_window_size(1200, 1400)
    assert abs(left) <= 1


def test_a_folder_is_opened_and_marked_with_the_keyboard(pair: Pair, page: WebDriver) -> None:
    page.find_element(By.CSS_SELECTOR, '#tree tr[tabindex="0"]').send_keys(Keys.END)
    until(lambda: focused(page).startswith("›holiday"), "the last row has it")
    press(page, Keys.ARROW_RIGHT)
    until(lambda: "beach.jpg" in tree(page), "the folder is open")
    press(page, Keys.ARROW_RIGHT)
    until(lambda: focused(page).startswith("beach.jpg"), "its file has it")
    press(page, "k")
    dialog = page.find_element(By.ID, "dialog")
    until(dialog.is_displayed, "it is asked")
    assert "1 file of 4.9 KiB would be fetched into the cache" in dialog.text
    page.find_element(By.ID, "dialog-yes").send_keys(Keys.ENTER)
    file = pair.mnt / "holiday/beach.jpg"
    until(lambda: MARK in os.listxattr(file), "it is marked")
    assert os.getxattr(file, MARK) == b"keep"
    until(lambda: says(page, "beach.jpg", "cached"), "it shows so")
    press(page, "?")
    until(dialog.is_displayed, "why is told")
    assert "keep, set here" in dialog.text
    press(page, Keys.ESCAPE)
    until(lambda: not dialog.is_displayed(), "it is closed")
    press(page, Keys.ARROW_LEFT, Keys.ARROW_LEFT)
    until(lambda: "beach.jpg" not in tree(page), "the folder is closed")
    os.removexattr(file, MARK)


def test_files_are_fetched_and_their_space_freed_with_the_keyboard(
    pair: Pair, page: WebDriver
) -> None:
    file = pair.mnt / HOSTILE
    page.find_element(By.CSS_SELECTOR, '#tree tr[tabindex="0"]').send_keys(Keys.HOME, "f")
    doing = page.find_element(By.ID, "doing")
    until(lambda: "1 file, 1 B, fetched." in doing.text, "it is fetched, and said")
    assert os.getxattr(file, STATUS) == b"cached"
    until(lambda: says(page, HOSTILE, "cached"), "it shows so")
    press(page, "u")
    until(lambda: re.match(r".*: 1 file, .* freed\.", doing.text), "it is freed")
    assert os.getxattr(file, STATUS) == b"remote"
    until(lambda: says(page, HOSTILE, "remote"), "it shows so")


def test_what_others_do_shows_by_itself(pair: Pair, page: WebDriver) -> None:
    pair.write("news.txt", b"new")
    until(lambda: "news.txt" in tree(page), "a file that was made is shown")
    (pair.files / "news.txt").unlink()
    until(lambda: "news.txt" not in tree(page), "and is gone with it")


def test_a_name_in_other_bytes_is_shown_escaped_and_marked(pair: Pair, page: WebDriver) -> None:
    raw = b"caf\xe9.txt"
    (pair.files / os.fsdecode(raw)).write_bytes(b"c")
    until(lambda: r"caf\xe9.txt" in tree(page), "it is shown")
    walk_to(page, r"caf\xe9.txt")
    press(page, "k")
    until(page.find_element(By.ID, "dialog").is_displayed, "it is asked")
    page.find_element(By.ID, "dialog-yes").send_keys(Keys.ENTER)
    file = pair.mnt / os.fsdecode(raw)
    until(lambda: MARK in os.listxattr(file), "it is marked")


def test_a_name_that_would_deceive_is_shown_escaped(pair: Pair, page: WebDriver) -> None:
    """Turned round it would read "invoice exe.pdf"; and one that looks as if it had no name."""
    for name in ("invoice \u202efdp.exe", "\u200b\ufeff", "line\nend\x9b"):
        (pair.files / name).write_bytes(b"d")
    for said in (r"invoice \u202efdp.exe", r"\u200b\ufeff", r"line\nend\x9b"):
        until(lambda shown=said: shown in tree(page), f"{said} is shown")  # type: ignore[misc]
    walk_to(page, r"invoice \u202e")
    press(page, "k")
    assert r"Mark invoice \u202efdp.exe keep?" in answer_dialog(page, "Cancel")


def test_the_page_escapes_what_the_terminal_does(page: WebDriver) -> None:
    """Each of all characters that this Python knows, as the page and as the commands show it."""
    script = """
        const [done] = [...arguments].slice(-1);
        import("/daemon.js").then(({ shown }) => {
          const other = [];
          for (let code = 0; code < 0x110000; code += 1) {
            const one = String.fromCodePoint(code);
            if (shown(one) !== one) other.push([code, shown(one)]);
          }
          done(other);
        });"""
    page.set_script_timeout(30)
    known = [chr(code) for code in range(0x110000) if unicodedata.category(chr(code)) != "Cn"]
    escaped = {chr(code): said for code, said in page.execute_async_script(script)}
    wrong = [one for one in known if escaped.get(one, one) != printable(one)]
    assert not wrong, wrong[:10]


def test_a_mark_that_is_cancelled_is_not_set(pair: Pair, page: WebDriver) -> None:
    page.find_element(By.CSS_SELECTOR, '#tree tr[tabindex="0"]').send_keys(Keys.END, "o")
    dialog = page.find_element(By.ID, "dialog")
    until(dialog.is_displayed, "it is asked")
    press(page, Keys.ESCAPE)
    until(lambda: not dialog.is_displayed(), "it is closed")
    assert MARK not in os.listxattr(pair.mnt / "holiday")


def test_what_was_deleted_elsewhere_is_restored_from_the_trash(pair: Pair, page: WebDriver) -> None:
    name = "letter.txt"
    pair.write(name, b"dear you")
    pair.bob.ask("mark", "set", "own", pair.mnt / name)
    until((pair.root / name).exists, "bob has it as a plain file")
    (pair.files / name).unlink()
    until(lambda: not (pair.root / name).exists(), "it is gone")
    page.refresh()
    until(lambda: name in page.find_element(By.ID, "trash").text, "it is in the trash")
    page.find_element(By.CSS_SELECTOR, f'button[aria-label="Restore {name}"]').send_keys(Keys.ENTER)
    until((pair.files / name).exists, "it is back, for all")


def test_the_background_is_paused_there(pair: Pair, page: WebDriver) -> None:
    button = page.find_element(By.ID, "pause")
    button.send_keys(Keys.ENTER)
    until(lambda: button.text == "Resume the background", "it waits")
    assert pair.bob.arena()["waits"] == "somebody has paused it"
    assert pair.bob.arena()["paused"]
    button.send_keys(Keys.ENTER)
    until(lambda: pair.bob.arena()["waits"] is None, "it goes on")


def test_a_link_is_no_good_twice(pair: Pair, browser: WebDriver, tmp_path: Path) -> None:
    with running_page(pair.bob) as link, running_browser(tmp_path / "other") as stranger:
        browser.get(link)
        stranger.get(link)
        assert "used already" in stranger.find_element(By.TAG_NAME, "body").text
        stranger.get(link.partition("?")[0])
        assert "Open the link" in stranger.find_element(By.TAG_NAME, "body").text


def test_what_goes_to_and_fro_is_shown_for_each_machine_as_it_goes(
    pair: Pair, page: WebDriver
) -> None:
    """A file that takes long: a rate is of the last two seconds."""
    name = "long.mp4"
    pair.write(name, os.urandom(5_000_000))
    pair.bob.ask("limit", "--down", "100KB")
    until(lambda: name in tree(page), "it is shown")
    walk_to(page, name)
    press(page, "f")
    peers = page.find_element(By.ID, "peers")
    flowing = re.compile(r"^alice since .* [1-9][0-9.]* KiB/s ", re.MULTILINE)
    until(lambda: flowing.search(peers.text), "its rate is shown")
    until(lambda: "↓" in page.find_element(By.ID, "map").text, "on the map, too")
    pair.bob.ask("limit", "--down", "none")
    until(lambda: "1 file, 4.8 MiB, fetched." in text_of(page, "doing"), "it is through")
    until(lambda: re.search(r"^alice .* 0 B/s .* MiB ", peers.text, re.MULTILINE), "it is idle")


def test_a_used_link_leads_the_same_browser_to_the_page(pair: Pair, browser: WebDriver) -> None:
    with running_page(pair.bob) as link:
        for _ in range(2):
            browser.get("about:blank")
            browser.get(link)
            until(lambda: text_of(browser, "machine") == "bob", "the page is there")
            assert browser.current_url.endswith("/"), "the token is gone from the address"


def test_no_markup_is_made_of_text(page: WebDriver) -> None:
    """Trusted Types: whatever a script would make of a name, the browser refuses."""
    script = """
        const found = [];
        const tries = [(one) => { one.innerHTML = "<b>"; }, (one) => one.insertAdjacentHTML("beforeend", "<b>"),
          () => document.write("<b>"), (one) => { one.outerHTML = "<b>"; },
          () => trustedTypes.createPolicy("mine", { createHTML: (text) => text })];
        for (const each of tries) {
          try { each(document.createElement("p")); found.push("done"); } catch (error) { found.push(error.name); }
        }
        return found;"""
    assert "done" not in page.execute_script(script)


def test_the_browser_that_is_opened_is_not_told_the_token_on_its_command_line(
    pair: Pair, browser: WebDriver, tmp_path: Path
) -> None:
    """It is led there by a file, from which the page is reached as from the link."""
    runtime, told, seen = tmp_path / "runtime", tmp_path / "told", tmp_path / "browser"
    runtime.mkdir(mode=0o700)
    seen.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {told}.new\nmv {told}.new {told}\n')
    seen.chmod(0o700)
    environment = {"BROWSER": f"{seen} %s", "XDG_RUNTIME_DIR": str(runtime)}
    with running_page(pair.bob, "--port", "0", environment=environment) as link:
        until(told.exists, "a browser is opened")
        [address] = told.read_text().splitlines()
        assert link.partition("token=")[2] not in address
        file = Path(address.removeprefix("file://"))
        assert file.is_relative_to(runtime)
        assert link in html.unescape(file.read_text())
        browser.get(address)
        until(lambda: text_of(browser, "machine") == "bob", "the page is there")
        until(lambda: not list(runtime.iterdir()), "the file is gone")
    for ending in (signal.SIGINT, signal.SIGTERM):
        told.unlink()
        with running_page(pair.bob, "--port", "0", environment=environment, ended_by=ending):
            until(told.exists, "a browser is opened")
            assert list(runtime.iterdir())
        assert not list(runtime.iterdir()), "it is gone, though nobody came"
