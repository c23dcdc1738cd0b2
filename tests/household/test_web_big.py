"""A folder of very many entries on the local page: all of it is walked through, and little of it is there."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver.chrome.webdriver import WebDriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.household.browser import answer_dialog, focused, press, running_page
from tests.household.conftest import running_household
from tests.household.machines import Machine
from tests.household.waiting import until

pytestmark = pytest.mark.timeout(300)

FILES = 20_000
ROWS_MAX = 60
"""In the document: the box has room for some fifteen."""

LAST = f"{FILES - 1:05}.jpg"


@pytest.fixture(scope="module")
def alice(fuse: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """With very many files in one folder, and some beside it."""
    with running_household(tmp_path_factory.mktemp("big")) as household:
        machine = household.machine("alice")
        big = files(machine) / "big"
        big.mkdir(parents=True)
        for number in range(FILES):
            (big / f"{number:05}.jpg").touch()
        for name in ("a.txt", "z.txt"):
            (files(machine) / name).touch()
        machine.serve()
        machine.share("docs", files(machine))
        until(lambda: machine.arena()["files"] == FILES + 2, "all are indexed", seconds=120)
        yield machine


def files(machine: Machine) -> Path:
    return machine.directory / "files"


@pytest.fixture
def page(alice: Machine, browser: WebDriver) -> Iterator[WebDriver]:
    """With the folder open, and the focus on it."""
    with running_page(alice) as link:
        browser.get(link)
        until(lambda: "z.txt" in tree(browser), "the files are shown")
        browser.find_element(By.CSS_SELECTOR, '#tree tr[tabindex="0"]').send_keys(Keys.HOME)
        press(browser, Keys.ARROW_DOWN)
        until(lambda: "big/" in focused(browser), "the folder has the focus")
        press(browser, Keys.ARROW_RIGHT)
        until(lambda: "00000.jpg" in tree(browser), "it is open")
        yield browser


def tree(browser: WebDriver) -> str:
    return browser.find_element(By.ID, "tree").text


def rows(browser: WebDriver) -> int:
    return len(browser.find_elements(By.CSS_SELECTOR, "#tree tbody tr"))


def place(browser: WebDriver) -> dict[str, str | None]:
    """What is read out of where the focus is."""
    names = ("aria-rowindex", "aria-level", "aria-posinset", "aria-setsize")
    at = browser.switch_to.active_element
    return {name: at.get_attribute(name) for name in names}


def in_sight(browser: WebDriver) -> bool:
    """Whether what has the focus is seen, below the header."""
    script = """
        const row = document.activeElement.getBoundingClientRect();
        const box = document.querySelector(".grid-box").getBoundingClientRect();
        const head = document.querySelector("#tree th").getBoundingClientRect();
        return row.top >= head.bottom - 1 && row.bottom <= box.bottom + 1;"""
    return bool(browser.execute_script(script))


def at(browser: WebDriver, name: str) -> None:
    until(lambda: name in focused(browser), f"{name} has the focus")
    assert in_sight(browser), name
    assert rows(browser) <= ROWS_MAX


def test_its_end_is_a_key_away_and_its_last_file_is_marked(alice: Machine, page: WebDriver) -> None:
    """a.txt, big/, all that is in it, z.txt; the header is the first row."""
    assert page.find_element(By.ID, "tree").get_attribute("aria-rowcount") == str(FILES + 4)
    press(page, Keys.END)
    at(page, "z.txt")
    press(page, Keys.ARROW_UP)
    at(page, LAST)
    assert place(page) == {
        "aria-rowindex": str(FILES + 3),
        "aria-level": "2",
        "aria-posinset": str(FILES),
        "aria-setsize": str(FILES),
    }
    press(page, "k")
    answer_dialog(page, "Mark keep")
    path = files(alice) / "big" / LAST
    until(lambda: alice.info(path)["mark"] == "keep", "it is marked")
    at(page, LAST)
    press(page, Keys.HOME)
    at(page, "a.txt")
    assert place(page)["aria-rowindex"] == "2"
    press(page, Keys.ARROW_DOWN, Keys.ARROW_LEFT)
    until(lambda: "00000.jpg" not in tree(page), "it is closed")
    assert page.find_element(By.ID, "tree").get_attribute("aria-rowcount") == "4"


def test_pages_are_turned_and_come_back_to_the_same_row(page: WebDriver) -> None:
    press(page, Keys.ARROW_DOWN)
    for _ in range(5):
        press(page, Keys.PAGE_DOWN)
        assert in_sight(page)
    below = place(page)["aria-posinset"]
    assert below is not None
    assert int(below) > 5 * 10
    at(page, f"{int(below) - 1:05}.jpg")
    for _ in range(5):
        press(page, Keys.PAGE_UP)
    at(page, "00000.jpg")


def scroll_to(browser: WebDriver, part: float) -> None:
    script = """
        const box = document.querySelector(".grid-box");
        box.scrollTop = (box.scrollHeight - box.clientHeight) * arguments[0];"""
    browser.execute_script(script, part)


@pytest.mark.parametrize("tall", [8_000_000, 100_000], ids=["true to scale", "faster"])
def test_it_is_scrolled_through_and_the_focus_stays_on_its_row(page: WebDriver, tall: int) -> None:
    """A box that isn't as tall as its rows is scrolled through faster, to the same ends."""
    script = 'import("/tree.js").then((it) => { it.limits.tall = arguments[0]; arguments[1](); });'
    page.set_script_timeout(30)
    page.execute_async_script(script, tall)
    press(page, Keys.ARROW_DOWN)
    at(page, "00000.jpg")
    for part, name in ((0.5, f"{FILES // 2:05}.jpg"), (1.0, "z.txt"), (0.0, "a.txt")):
        scroll_to(page, part)
        until(lambda shown=name: shown in tree(page), f"{name} is there")  # type: ignore[misc]
        assert rows(page) <= ROWS_MAX
        assert "00000.jpg" in focused(page), "what had the focus has it"
    scroll_to(page, 0.7)
    until(lambda: "00000.jpg" in focused(page) and not in_sight(page), "it is out of sight")
    press(page, Keys.ARROW_DOWN)
    at(page, "00001.jpg")


def test_who_comes_and_goes_before_it_moves_neither_the_focus_nor_what_is_seen(
    alice: Machine, page: WebDriver
) -> None:
    press(page, Keys.END, Keys.ARROW_UP)
    at(page, LAST)
    before = page.switch_to.active_element.location
    new = files(alice) / "big" / "! new.jpg"
    new.touch()
    until(lambda: place(page)["aria-posinset"] == str(FILES + 1), "it is counted")
    at(page, LAST)
    assert abs(page.switch_to.active_element.location["y"] - before["y"]) <= 1, "but for rounding"
    new.unlink()
    until(lambda: place(page)["aria-posinset"] == str(FILES), "it is gone")
    at(page, LAST)


def test_where_what_had_the_focus_is_deleted_its_neighbour_has_it(
    alice: Machine, page: WebDriver
) -> None:
    gone = files(alice) / "big" / f"{FILES - 1:05}a.jpg"
    gone.touch()
    press(page, Keys.END)
    until(lambda: place(page)["aria-rowindex"] == str(FILES + 5), "there is one more")
    press(page, Keys.ARROW_UP)
    at(page, gone.name)
    gone.unlink()
    at(page, LAST)
    press(page, Keys.ARROW_UP)
    at(page, f"{FILES - 2:05}.jpg")
