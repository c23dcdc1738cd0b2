"""What other machines announce comes from another thread, bounded, and never makes trio's wait."""

import threading
from types import SimpleNamespace
from typing import Any

import pytest
import trio
import trio.testing
from zeroconf import ServiceStateChange

from realizefs.core.neighbour import Neighbour, said, understood
from realizefs.model.lan_limits import CACHED_LOOK_SECONDS, CACHED_MAX
from realizefs.net import mdns
from realizefs.net.mdns import SERVICE, WAITING_MAX, _Responder, _Waiting, run_mdns


def announced(name: str = "") -> Neighbour:
    found = understood(4331, ["10.0.0.1"], dict(said(b"salt sal", b"der of bob", name)))
    assert found is not None
    return found


async def test_a_flood_from_another_thread_is_bounded_and_wakes_once() -> None:
    waiting = _Waiting(trio.lowlevel.current_trio_token())

    def flood() -> None:
        for number in range(100 * WAITING_MAX):
            waiting.put(f"name {number}", announced())

    thread = threading.Thread(target=flood)
    thread.start()
    await waiting.come.wait()
    await trio.to_thread.run_sync(thread.join)
    assert len(waiting.take()) <= WAITING_MAX
    await trio.testing.wait_all_tasks_blocked()
    assert waiting.take() == []


async def test_the_last_word_on_a_name_counts() -> None:
    waiting = _Waiting(trio.lowlevel.current_trio_token())
    for found in (announced(), None, announced("bob"), None):
        waiting.put("desk", found)
    await waiting.come.wait()
    assert waiting.take() == [("desk", None)]


def test_what_comes_after_the_end_is_let_go() -> None:
    async def made() -> _Waiting:
        await trio.lowlevel.checkpoint()
        return _Waiting(trio.lowlevel.current_trio_token())

    trio.run(made).put("late", announced())


class Open:
    """Wants those that are open, as a newcomer does."""

    def wanted(self, neighbour: Neighbour) -> bool:
        return bool(neighbour.name)

    def heard(self, name: str, neighbour: Neighbour | None) -> None:
        raise AssertionError("the browser's thread only puts things down")


async def test_strangers_that_come_and_go_are_not_even_put_down(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waiting = _Waiting(trio.lowlevel.current_trio_token())
    responder = _Responder(waiting, Open())
    network: Any = SimpleNamespace()
    there: dict[str, Neighbour | None] = {"stranger": announced(), "open": announced("bob")}
    monkeypatch.setattr(mdns, "_resolved", lambda _, name: there[name.removesuffix(f".{SERVICE}")])

    def say(name: str, change: ServiceStateChange) -> None:
        responder._changed(zeroconf=network, name=f"{name}.{SERVICE}", state_change=change)

    for change in (ServiceStateChange.Added, ServiceStateChange.Updated):
        for name in there:
            say(name, change)
    assert waiting.take() == [("open", announced("bob"))]
    there["open"] = announced()  # no longer open
    say("open", ServiceStateChange.Updated)
    assert waiting.take() == [("open", None)]
    for name in there:
        say(name, ServiceStateChange.Removed)
    assert waiting.take() == []


async def test_a_cache_full_of_strangers_lies_ends_it(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    """So that it is begun anew: who comes now would have no place in it."""
    cache: dict[str, dict[int, int]] = {}
    opened: Any = SimpleNamespace(cache=SimpleNamespace(cache=cache), close=lambda: None)
    monkeypatch.setattr(
        _Responder, "open", lambda self, _announced: setattr(self, "_zeroconf", opened)
    )
    with trio.move_on_after(10 * CACHED_LOOK_SECONDS) as calm:
        await run_mdns(None, Open())
    assert calm.cancelled_caught
    for name in range(100):
        cache[str(name)] = dict.fromkeys(range(CACHED_MAX // 100 + 1), 0)
    began = trio.current_time()
    await run_mdns(None, Open())
    assert trio.current_time() - began <= CACHED_LOOK_SECONDS
