"""A browser without a screen, and the page of a machine in it."""

import json
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

from selenium import webdriver
from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.chrome.webdriver import WebDriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.household.machines import Machine
from tests.household.waiting import until

QUIET = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-quic"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--disable-dev-shm-usage",
)


@contextmanager
def running_browser(profile: Path, *, width: int = 1200, height: int = 1400) -> Iterator[WebDriver]:
    """Chromium, with a profile of its own, and nothing to say to anybody else."""
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for argument in (*QUIET, f"--user-data-dir={profile}", f"--window-size={width},{height}"):
        options.add_argument(argument)
    browser = webdriver.Chrome(options, Service("/usr/bin/chromedriver"))
    try:
        yield browser
    finally:
        browser.quit()


@contextmanager
def running_page(
    machine: Machine,
    *options: str,
    environment: Mapping[str, str] = MappingProxyType({}),
    ended_by: signal.Signals = signal.SIGTERM,
) -> Iterator[str]:
    """`realizefs web`, opening nothing unless there are other options; the link that it prints."""
    command = machine.command("web", *(options or ("--no-open",)), "--json")
    everything = {**machine.environment, **environment}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=everything
    ) as process:
        try:
            assert process.stdout is not None
            yield json.loads(process.stdout.readline())["link"]
        finally:
            process.send_signal(ended_by)
            assert process.stderr is not None
            assert "Traceback" not in process.stderr.read()
    assert process.returncode == 128 + ended_by


def text_of(browser: WebDriver, name: str) -> str:
    """What the element of that id says; "" while the browser is still on its way to the page."""
    try:
        return browser.find_element(By.ID, name).text
    except NoSuchElementException:
        return ""


def focused(browser: WebDriver) -> str:
    """The text of what has the focus; "" while that is being replaced."""
    try:
        return browser.switch_to.active_element.text
    except StaleElementReferenceException:
        return ""


def focus_label(browser: WebDriver) -> str:
    """By what name what has the focus is read out, "body" where nothing has it."""
    script = """
        const at = document.activeElement;
        return at === document.body ? "body" : at.getAttribute("aria-label") ?? at.textContent;"""
    return str(browser.execute_script(script))


def press(browser: WebDriver, *keys: str) -> None:
    """Keys, to what has the focus."""
    for key in keys:
        browser.switch_to.active_element.send_keys(key)


def press_button(browser: WebDriver, label: str) -> None:
    """With the keyboard, the button that is read out so; it is there soon."""
    script = """
        const named = [...document.querySelectorAll("button")].find(
          (one) => (one.getAttribute("aria-label") ?? one.textContent) === arguments[0]
                   && one.checkVisibility());
        named?.focus();
        return Boolean(named);"""
    until(lambda: browser.execute_script(script, label), f"there is a button {label!r}")
    press(browser, Keys.ENTER)


def answer_dialog(browser: WebDriver, answer: str) -> str:
    """Wait to be asked, press the button called so; what was asked."""
    dialog = browser.find_element(By.ID, "dialog")
    until(dialog.is_displayed, "it is asked")
    said = dialog.text
    press_button(browser, answer)
    until(lambda: not dialog.is_displayed(), "it is closed")
    return said
