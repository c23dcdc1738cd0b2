"""The local page for who has a keyboard, a voice that reads it out, or eyes that need contrast."""

from collections.abc import Iterator

import pytest
from selenium.webdriver.chrome.webdriver import WebDriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.household.browser import press, press_button, running_browser, running_page, text_of
from tests.household.conftest import running_household
from tests.household.contrast import FAINT, OUTLINE
from tests.household.machines import MARK
from tests.household.test_web_settling import torn
from tests.household.waiting import until

STOPS_MAX = 100

TABBABLE = """
    const all = document.querySelectorAll("a[href], button, select, input, textarea, summary, [tabindex]");
    return [...all].filter((one) => one.tabIndex >= 0 && !one.disabled && one.checkVisibility());"""

IN_ORDER = ("Skip to the files", "3 files were changed", "Pause the background", "Arena")
"""Some of the stops, by how they are read out."""
AND_THEN = ("Why is it so?", "Fetch now", "Free up space", "original.txt", "Keep alice's: ")


@pytest.fixture(scope="module")
def page(fuse: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebDriver]:
    """Bob's, with conflicts to be settled, and a machine that is off."""
    place = tmp_path_factory.mktemp("reached")
    with (
        running_household(place) as household,
        running_browser(tmp_path_factory.mktemp("profile")) as browser,
    ):
        alice, bob = torn(household)
        with running_page(bob) as link:
            browser.get(link)
            until(lambda: "original.txt" in text_of(browser, "tree"), "files are shown")
            until(lambda: "copy.txt" in text_of(browser, "conflicts"), "conflicts are shown")
            until(lambda: text_of(browser, "state") == "1 thing to be looked at", "it is said")
            alice.stop()
            until(lambda: "alice isn't" in text_of(browser, "map-text"), "she is shown to be off")
            yield browser


def walked(browser: WebDriver, key: str) -> list[str]:
    """The accessible names of where Tab leads, until the page is left; "" for none."""
    browser.execute_script("document.activeElement.blur(); window.scrollTo(0, 0); stops = [];")
    names: list[str] = []
    for _ in range(STOPS_MAX):
        press(browser, key)
        at = browser.switch_to.active_element
        if at.tag_name == "body" or browser.execute_script(
            "return stops.includes(arguments[0])", at
        ):
            return names
        browser.execute_script("stops.push(arguments[0]);", at)
        names.append(at.accessible_name)
        wrong = browser.execute_script(OUTLINE, at)
        assert not wrong, f"{names[-1]}: {wrong}"
    raise AssertionError(f"Tab doesn't come to an end: {names}")


def test_tab_reaches_everything_once_in_order_and_it_has_a_name(page: WebDriver) -> None:
    expected = [one.accessible_name for one in page.execute_script(TABBABLE)]
    names = walked(page, Keys.TAB)
    assert names == expected
    assert all(names), names
    at = 0
    for wanted in (*IN_ORDER, *AND_THEN):
        found = [number for number, name in enumerate(names) if wanted in name and number >= at]
        assert found, (wanted, names)
        at = found[0]
    assert len(set(names)) == len(names), "what is read out alike can't be told apart"


def test_what_is_a_toolbar_has_arrow_keys(page: WebDriver) -> None:
    assert not page.find_elements(By.CSS_SELECTOR, '[role="toolbar"]')
    groups = page.find_elements(By.CSS_SELECTOR, '[role="group"]')
    assert [one.accessible_name for one in groups] == ["With the selected file or folder"]


def test_the_keyboard_stays_in_a_dialog_and_comes_back_from_it(page: WebDriver) -> None:
    page.find_element(By.CSS_SELECTOR, '#tree tr[tabindex="0"]').send_keys(Keys.HOME, "k")
    dialog = page.find_element(By.ID, "dialog")
    until(dialog.is_displayed, "it is asked")
    assert dialog.accessible_name.startswith("Mark both")
    inside = "return document.activeElement === document.body || dialog.contains(document.activeElement);"
    for _ in range(5):
        press(page, Keys.TAB)
        assert page.execute_script(inside)
    press_button(page, "Cancel")
    until(lambda: not dialog.is_displayed(), "it is closed")
    assert page.switch_to.active_element.tag_name == "tr"
    assert MARK not in text_of(page, "failure")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_that_is_shown_has_contrast(page: WebDriver, scheme: str) -> None:
    """WCAG 2 AA: 4.5 to 1 for text, 3 to 1 for large text and for what is drawn."""
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    # What is there at times only.
    page.execute_script("""
        const place = document.getElementById("failure"), row = document.querySelector("#tree tr[tabindex]");
        place.hidden = false; place.textContent = "It failed.";
        row.focus();
        const one = document.createElement("p");
        one.id = "states";
        for (const state of ["real", "modified", "cached", "partial", "remote", "unavailable"]) {
          const dot = document.createElement("span"); dot.className = `dot ${state}`; one.append(dot);
        }
        document.querySelector("#files").append(one);""")
    faint = page.execute_script(FAINT)
    page.execute_script("document.getElementById('states').remove(); failure.hidden = true;")
    assert not faint["wrong"], "\n".join(faint["wrong"])
    assert faint["texts"] > 60
    assert faint["drawn"] > 15
    page.find_element(By.CSS_SELECTOR, '#tree tr[tabindex="0"]').send_keys("?")
    dialog = page.find_element(By.ID, "dialog")
    until(dialog.is_displayed, "why is told")
    assert not page.execute_script(FAINT)["wrong"]
    press(page, Keys.ESCAPE)
    until(lambda: not dialog.is_displayed(), "it is closed")
