"""The local page in a real browser: conflicts, deletions that wait, and the trash are settled there."""

import os
from pathlib import Path

from selenium.webdriver.chrome.webdriver import WebDriver
from selenium.webdriver.common.by import By

from tests.household.browser import (
    answer_dialog,
    focus_label,
    press_button,
    running_page,
    text_of,
)
from tests.household.conftest import Household
from tests.household.machines import Machine
from tests.household.test_guard import MANY, files, hears_all, held, tree, wipe
from tests.household.test_roster import has, member, replace, root
from tests.household.waiting import until

TORN = ("copy.txt", "original.txt", "both.txt")
REJECT, APPROVE = "Bring them back everywhere…", "Delete them here, too…"


def torn(household: Household) -> tuple[Machine, Machine]:
    """Alice and bob edited each of TORN apart; bob's are the newer ones, so alice's are copies."""
    alice = member(household, "alice")
    for name in TORN:
        (root(alice) / name).write_text("common")
    bob = member(household, "bob", alice)
    for name in TORN:
        has(bob, name, "common")
    bob.stop()
    for name in TORN:
        (root(alice) / name).write_text("by alice")
    until(lambda: all(alice.info(root(alice) / name)["size"] == 8 for name in TORN), "indexed")
    for name in TORN:
        (root(bob) / name).write_text("by bob")
    bob.serve()
    until(lambda: len(bob.ask_json("conflicts")) == len(TORN), "all are conflicts")
    return alice, bob


def contents(machine: Machine) -> list[str]:
    """Of all files, by name; nothing where one goes meanwhile."""
    try:
        return [(root(machine) / name).read_text() for name in sorted(files(machine))]
    except FileNotFoundError:
        return []


def test_conflicts_are_settled_by_keeping_this_that_or_both(
    household: Household, browser: WebDriver
) -> None:
    alice, bob = torn(household)
    with running_page(bob) as link:
        browser.get(link)
        until(lambda: text_of(browser, "state") == "1 thing to be looked at", "it is said")
        assert "3 files were changed on two machines" in text_of(browser, "note-list")
        press_button(browser, "Keep alice's: copy.txt")
        until(lambda: "Settled: copy.txt" in text_of(browser, "conflicts-said"), "it is said")
        assert "copy.txt" not in text_of(browser, "conflicts"), "it is gone at once"
        assert focus_label(browser) == "Keep alice's: original.txt", "the next one has the focus"
        press_button(browser, "Keep what has the name now: original.txt")
        until(lambda: "Settled: original.txt" in text_of(browser, "conflicts-said"), "and this")
        press_button(browser, "Keep both: both.txt")
        until(
            lambda: "alice's is now both (alice" in text_of(browser, "conflicts-said"), "and that"
        )
        until(lambda: "No file was changed" in text_of(browser, "conflicts"), "none is left")
        assert focus_label(browser) == "Conflicts"
        until(lambda: not browser.find_element(By.ID, "notes").is_displayed(), "nothing to look at")
        expected = ["by alice", "by bob", "by alice", "by bob"]  # both (…), both, copy, original
        for machine in (alice, bob):
            until(lambda one=machine: contents(one) == expected, f"{machine.name} has them")  # type: ignore[misc]


def test_much_that_was_deleted_is_brought_back_or_deleted_there(
    household: Household, browser: WebDriver
) -> None:
    alice = member(household, "alice")
    (root(alice) / "stays").write_text("stays")
    tree(alice)
    bob = member(household, "bob", alice)
    until(lambda: len(files(bob)) == MANY + 1 and not bob.arena()["pending"], "bob has all")
    with running_page(bob) as link:
        browser.get(link)
        wipe(alice)
        hears_all(bob)
        until(lambda: "are still here." in text_of(browser, "note-list"), "it waits, and is said")
        until(lambda: f"{held(bob)} files" in text_of(browser, "note-list"), "all of it")
        press_button(browser, REJECT)
        asked = answer_dialog(browser, "Cancel")
        assert "files and folders back?" in asked
        assert "d0" in asked
        assert focus_label(browser) == REJECT, "the focus is where it was"
        assert held(bob) > 0, "nothing was done"
        press_button(browser, REJECT)
        answer_dialog(browser, "Bring back")
        until(lambda: len(files(alice)) == MANY + 1, "all are back at alice's")
        until(lambda: not browser.find_element(By.ID, "notes").is_displayed(), "it is settled")
        until(lambda: not bob.arena()["pending"], "bob is through")
        wipe(alice)
        hears_all(bob)
        until(lambda: "are still here." in text_of(browser, "note-list"), "it waits again")
        until(lambda: f"{held(bob)} files" in text_of(browser, "note-list"), "all of it")
        press_button(browser, APPROVE)
        assert "go to the trash here" in answer_dialog(browser, "Delete")
        until(lambda: files(bob) == {"stays"}, "they are deleted")
        until(lambda: not browser.find_element(By.ID, "notes").is_displayed(), "it is settled")


def trash(household: Household) -> tuple[Machine, Machine]:
    """Bob has three files of alice's in his trash, one of them twice."""
    alice = member(household, "alice")
    for name in ("a.txt", "sub/b.txt", "c.txt", "stays"):
        path = root(alice) / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("first")
    bob = member(household, "bob", alice)
    until(lambda: len(files(bob)) == 4, "bob has all")
    replace(alice, "a.txt", "second")
    has(bob, "a.txt", "second")
    for name in ("a.txt", "sub/b.txt", "c.txt"):
        (root(alice) / name).unlink()
    until(lambda: bob.ask_json("trash", "list")[0]["count"] == 4, "bob has them in his trash")
    return alice, bob


def test_the_trash_is_restored_and_emptied_there(household: Household, browser: WebDriver) -> None:
    alice, bob = trash(household)
    with running_page(bob) as link:
        browser.get(link)
        until(lambda: "1 older one" in text_of(browser, "trash"), "both are there")
        press_button(browser, "Restore a.txt")
        until(lambda: text_of(browser, "trash-said") == "Back, for all machines: a.txt.", "said")
        has(alice, "a.txt", "second")
        assert focus_label(browser).startswith("Restore "), "the focus is still there"
        press_button(browser, "Restore a.txt")
        until(lambda: "a (restored" in text_of(browser, "trash-said"), "the older comes beside it")
        press_button(browser, "Restore sub/b.txt")
        has(alice, "sub/b.txt", "first")
        until(lambda: text_of(browser, "trash-said").endswith(": sub/b.txt."), "this, too")
        press_button(browser, "Empty…")
        assert "1 file will be gone for good" in answer_dialog(browser, "Cancel")
        assert bob.ask_json("trash", "list")[0]["count"] == 1
        press_button(browser, "Empty…")
        answer_dialog(browser, "Empty it")
        until(lambda: text_of(browser, "trash-said") == "1 file removed.", "it is said")
        assert "Nothing that others deleted" in text_of(browser, "trash")
        assert focus_label(browser) == "Trash"
        assert not trashed_files(root(bob))


def trashed_files(directory: Path) -> list[str]:
    """What is left on the disk."""
    return [name for _, _, names in os.walk(directory / ".realize/trash") for name in names]
