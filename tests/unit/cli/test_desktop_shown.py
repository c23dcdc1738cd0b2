"""Emblems follow what becomes of files, at a bounded cost: a file manager that holds files, and eyes that
see when the test wants."""

from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import realizefs.cli

FILE = Path(realizefs.cli.__file__).with_name("desktop") / "realizefs_shown.py"
SPEC = spec_from_file_location("realizefs_shown", FILE)
assert SPEC is not None
assert SPEC.loader is not None
shown = module_from_spec(SPEC)
SPEC.loader.exec_module(shown)

MOST = 1000
"""Rounds after which something is taken to go on for ever."""


class Manager:
    """A file manager and GLib: it asks about files, and is told to ask again. `there`: what is where."""

    def __init__(self) -> None:
        self.there: dict[str, str] = {}
        self.held: set[str] = set()
        self.calls: list[str] = []
        self.looks: list[tuple[str, Callable[[str | None], None]]] = []
        self.looked = 0
        self.timers: list[tuple[int, Callable[[], None]]] = []
        self.time = 0.0
        self.shown: Any = shown.Shown(self, lambda: self.time)

    def look(self, uri: str, then: Callable[[str | None], None]) -> None:
        self.looks.append((uri, then))
        self.looked += 1

    def later(self, seconds: int, then: Callable[[], None]) -> None:
        self.timers.append((seconds, then))

    def show(self, uri: str) -> str | None:
        """Ask, as for a file of a folder that is opened."""
        self.held.add(uri)
        return self.ask(uri)

    def ask(self, uri: str) -> str | None:
        found: str | None = self.shown.asked(uri, File(self, uri))
        return found

    def turn(self, seconds: float = 0.0) -> None:
        """All that is to be looked at is looked at, each taking so long, and asked about again where
        that is wanted."""
        for _ in range(MOST):
            if not self.looks:
                return
            uri, then = self.looks.pop(0)
            self.time += seconds
            then(self.there.get(uri))
            calls, self.calls = self.calls, []
            for one in calls:
                self.ask(one)
        raise AssertionError("it goes on for ever")

    def rest(self) -> int:
        """The timer ends; how long it took."""
        (timer,) = self.timers
        self.timers = []
        self.time += timer[0]
        timer[1]()
        return timer[0]


class File:
    """What a file manager hands over."""

    def __init__(self, manager: Manager, uri: str) -> None:
        self._manager, self._uri = manager, uri

    def weak_ref(self) -> Callable[[], "File | None"]:
        return lambda: self if self._uri in self._manager.held else None

    def invalidate_extension_info(self) -> None:
        self._manager.calls.append(self._uri)


def test_what_is_found_is_shown_without_waiting_for_it() -> None:
    manager = Manager()
    manager.there["a"] = "remote"
    assert manager.show("a") is None
    manager.turn()
    assert manager.shown.known("a") == "remote"
    assert manager.looked == 1  # being asked again because of it is no reason to look again


def test_what_changes_is_asked_about_again_and_nothing_else() -> None:
    manager = Manager()
    manager.there.update(a="remote", b="remote")
    manager.show("a")
    manager.show("b")
    manager.turn()
    manager.there["a"] = "cached"
    manager.rest()
    for uri, then in manager.looks:
        then(manager.there[uri])
    assert manager.calls == ["a"]
    assert manager.ask("a") == "cached"


def test_what_the_file_manager_is_told_by_others_is_looked_at_at_once() -> None:
    manager = Manager()
    manager.there["a"] = "remote"
    manager.show("a")
    manager.turn()
    manager.there["a"] = "real"
    manager.ask("a")
    manager.turn()
    assert manager.shown.known("a") == "real"


def test_what_is_no_longer_shown_is_forgotten() -> None:
    manager = Manager()
    manager.there["a"] = "remote"
    manager.show("a")
    manager.turn()
    manager.held.clear()
    manager.rest()
    assert manager.looks == []
    assert manager.timers == []
    assert manager.shown.known("a") is None


def test_what_is_elsewhere_is_looked_at_once() -> None:
    manager = Manager()
    assert manager.show("elsewhere") is None
    manager.turn()
    assert manager.timers == []


def test_what_leaves_the_mount_has_no_emblem_any_more() -> None:
    manager = Manager()
    manager.there["a"] = "remote"
    manager.show("a")
    manager.turn()
    del manager.there["a"]
    manager.rest()
    manager.turn()
    assert manager.shown.known("a") is None
    manager.rest()
    manager.turn()
    assert manager.timers == []


def test_a_mount_that_hangs_takes_few_threads() -> None:
    manager = Manager()
    for number in range(3 * shown.LOOKS_MAX):
        manager.show(str(number))
    assert len(manager.looks) == shown.LOOKS_MAX


def test_a_huge_folder_is_bounded_and_comes_to_rest(monkeypatch: Any) -> None:
    monkeypatch.setattr(shown, "HELD_MAX", 20)
    monkeypatch.setattr(shown, "FOLLOWED_MAX", 5)
    manager = Manager()
    names = [str(number) for number in range(30)]
    manager.there.update(dict.fromkeys(names, "cached"))
    for name in names:
        manager.show(name)
    manager.turn()
    assert [manager.shown.known(name) for name in names] == ["cached"] * 20 + [None] * 10
    before = manager.looked
    manager.rest()
    manager.turn()
    assert manager.looked - before == 5


def test_it_rests_the_longer_the_more_there_is_to_look_at() -> None:
    manager = Manager()
    manager.there.update(a="remote", b="remote")
    manager.show("a")
    manager.show("b")
    manager.turn()
    assert manager.rest() == shown.REST_SECONDS
    manager.turn(seconds=1.0)
    assert manager.rest() == 2 * shown.REST
