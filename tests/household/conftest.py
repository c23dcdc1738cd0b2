"""Households for tests. Nothing stays running or mounted, whatever a test does, and no daemon may
have written a traceback."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import pytest
from selenium.webdriver.chrome.webdriver import WebDriver

from tests.household.browser import running_browser
from tests.household.machines import Machine, Pair, mounts_below, processes_naming

M = TypeVar("M", bound=Machine)


class Household:
    """Machines below one directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._machines: list[Machine] = []

    def machine(self, name: str) -> Machine:
        return self.add(Machine(self.directory / name, name))

    def add(self, machine: M) -> M:
        """One that was made elsewhere, to be finished with the others."""
        self._machines.append(machine)
        return machine

    def pair(self, files: Path | None = None) -> Pair:
        """Two machines, the second of which is mounted and has all of the first's files."""
        alice, bob = self.machine("alice"), self.machine("bob")
        files = files or self.directory / "alice" / "files"
        root, mnt = self.directory / "bob" / "files", self.directory / "bob" / "mnt"
        mnt.mkdir()
        alice.serve()
        alice.share("docs", files)
        bob.serve()
        bob.ask("join", alice.ask("invite", "docs"), root)
        bob.ask("mount", mnt)
        pair = Pair(alice, bob, files, root, mnt)
        pair.wait_connected()
        return pair

    def finish(self) -> None:
        """Stop and unmount everything; assert that nothing went wrong unseen."""
        for machine in self._machines:
            machine.finish()
        stale = mounts_below(self.directory)
        for mounted in stale:  # of daemons that the test killed
            self._machines[0].ask("umount", mounted)
        for machine in self._machines:
            print(f"--- {machine.name}\n{machine.log_text()[-4000:]}")  # noqa: T201
        assert mounts_below(self.directory) == []
        assert processes_naming(self.directory) == []
        for machine in self._machines:
            assert "Traceback" not in machine.log_text(), f"{machine.name} wrote a traceback"


@contextmanager
def running_household(directory: Path) -> Iterator[Household]:
    household = Household(directory)
    try:
        yield household
    finally:
        household.finish()


@pytest.fixture
def household(fuse: None, tmp_path: Path) -> Iterator[Household]:
    """Machines of one test's own."""
    with running_household(tmp_path) as household:
        yield household


@pytest.fixture(scope="module")
def pair(fuse: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """A pair that the tests of a module share: each uses paths of its own, and leaves both
    machines running and connected."""
    with running_household(tmp_path_factory.mktemp("pair")) as household:
        yield household.pair()


@pytest.fixture
def own_pair(household: Household) -> Pair:
    """A pair for one test that stops or kills."""
    return household.pair()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebDriver]:
    """One that the tests of a module share."""
    with running_browser(tmp_path_factory.mktemp("profile")) as browser:
        yield browser
