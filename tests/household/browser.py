"""A browser without a screen, and the page of a machine in it."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.chrome.webdriver import WebDriver

from tests.household.machines import Machine

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
def running_page(machine: Machine) -> Iterator[str]:
    """`realizefs web`; the link that it prints."""
    command = machine.command("web", "--no-open", "--json")
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=machine.environment
    ) as process:
        try:
            assert process.stdout is not None
            yield json.loads(process.stdout.readline())["link"]
        finally:
            process.terminate()
            assert process.stderr is not None
            assert "Traceback" not in process.stderr.read()
