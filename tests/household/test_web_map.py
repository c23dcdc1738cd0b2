"""The household on the local page: who is connected to whom, as far as that is told."""

from selenium.webdriver.chrome.webdriver import WebDriver
from selenium.webdriver.common.by import By

from tests.household.browser import running_page, text_of
from tests.household.conftest import Household
from tests.household.test_roster import member
from tests.household.waiting import until


def between(browser: WebDriver) -> int:
    return len(browser.find_elements(By.CSS_SELECTOR, "#map path.between"))


def test_connections_of_others_among_themselves_are_on_the_map(
    household: Household, browser: WebDriver
) -> None:
    alice = member(household, "alice")
    bob = member(household, "bob", alice)
    carol = member(household, "carol", alice)
    until(lambda: carol.connected(bob) and bob.connected(alice), "all are connected")
    with running_page(carol) as link:
        browser.get(link)
        said = "As they say, alice and bob are connected with each other."
        until(lambda: said in text_of(browser, "map-text"), "it is said")
        until(lambda: between(browser) == 1, "and drawn")
        alice.stop()
        until(lambda: "1 machine is connected; alice isn't." in text_of(browser, "map-text"), "off")
        until(lambda: "As they say" not in text_of(browser, "map-text"), "bob says so, too")
        assert between(browser) == 0
        peers = {one["name"]: one["links"] for one in carol.ask_json("status")["peers"]}
        assert peers == {"alice": None, "bob": []}
