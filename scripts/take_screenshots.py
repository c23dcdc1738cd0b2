"""The pictures of the README, made from the program as it is.

    .venv/bin/python scripts/take_screenshots.py

Writes to scripts/screenshots: page-light.png and page-dark.png, `realizefs web` of a household of three
in a browser without a screen; and file-manager.png, Caja with the extension showing its mount.
"""

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from selenium.webdriver.chrome.webdriver import WebDriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.household.browser import running_browser, running_page
from tests.household.conftest import Household, running_household
from tests.household.desktops import CACHED, KEPT, PROGRAMS, REAL, desktop
from tests.household.machines import Machine
from tests.household.screens import screen
from tests.household.waiting import until

PLACE = Path("/tmp/household")
PICTURES = Path(__file__).with_name("screenshots")

FILES = {
    "2023/garden.jpg": 2_300_000,
    "2024/beach.jpg": 3_100_000,
    "2024/sunset.jpg": 2_800_000,
    "2024/walk.mp4": 48_000_000,
    "letters/insurance.pdf": 410_000,
    "letters/tax 2023.pdf": 1_200_000,
    "music/quartet.flac": 31_000_000,
    "notes.txt": 2_100,
}


def furnish(household: Household) -> Machine:
    """Three machines, of which one is off; what the second one shows."""
    desk, laptop, attic = (household.machine(name) for name in ("desk", "laptop", "attic"))
    files = desk.directory / "files"
    for name, size in FILES.items():
        path = files / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(size))
    desk.serve()
    desk.share("family", files)
    for machine in (laptop, attic):
        machine.serve()
        machine.ask("join", desk.ask("invite", "family"), machine.directory / "files")
    mnt = laptop.directory / "family"
    mnt.mkdir()
    laptop.ask("mount", mnt)
    until((mnt / "notes.txt").exists, "the files are shown")
    laptop.ask("mark", "set", "own", mnt / "letters")
    laptop.ask("mark", "set", "keep", mnt / "2024")
    (mnt / "notes.txt").read_bytes()
    attic.stop()
    until(lambda: not laptop.connected(attic), "the third one is off")
    until(lambda: not laptop.arena("family")["pending"], "all is here")
    return laptop


@contextmanager
def furnished_place() -> Iterator[Path]:
    """Where the machines are, as it is seen in the pictures; OSError where it is there already."""
    PLACE.mkdir()
    try:
        yield PLACE
    finally:
        shutil.rmtree(PLACE)


def open_page(browser: WebDriver, link: str) -> None:
    """With two folders open."""
    browser.get(link)
    until(lambda: "notes.txt" in browser.find_element(By.ID, "tree").text, "files are shown")
    until(lambda: browser.find_element(By.ID, "down").text != "–", "rates are known")
    for name in ("2024/", "letters/"):
        rows = browser.find_elements(By.CSS_SELECTOR, "#tree tbody tr")
        next(row for row in rows if name in row.text).send_keys(Keys.ARROW_RIGHT)
    until(lambda: "tax 2023.pdf" in browser.find_element(By.ID, "tree").text, "they are open")


def picture_file_manager(laptop: Machine, directory: Path) -> None:
    """Caja, with a folder of which some is kept."""
    with screen(directory / "screen") as seen, desktop(seen) as place:
        place.ask(laptop, "desktop", "install", "--for", "caja")
        with place.running(PROGRAMS["caja"], laptop.directory / "family"):
            for emblem in (KEPT, REAL, CACHED):
                until(lambda colour=emblem: place.shows(colour), "it shows emblems")  # type: ignore[misc]
            place.picture("caja", PICTURES / "file-manager.png")


def main() -> None:
    """Take them."""
    PICTURES.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="pictures-") as directory,
        furnished_place() as place,
        running_household(place) as household,
    ):
        laptop = furnish(household)
        picture_file_manager(laptop, Path(directory))
        picture_page(laptop, Path(directory))


def picture_page(laptop: Machine, directory: Path) -> None:
    """In light and dark."""
    with (
        running_page(laptop) as link,
        running_browser(directory / "profile", width=1180, height=1420) as browser,
    ):
        open_page(browser, link)
        for scheme in ("light", "dark"):
            features = [{"name": "prefers-color-scheme", "value": scheme}]
            browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
            browser.save_screenshot(str(PICTURES / f"page-{scheme}.png"))


if __name__ == "__main__":
    main()
