"""Whom a reader asks next, and until when he waits for somebody to come: on a clock that jumps."""

from math import inf
from types import SimpleNamespace
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from realizefs.model.ids import Digest, Inode, PeerId
from realizefs.model.limits import PROGRESS_SECONDS
from realizefs.sync import candidates
from realizefs.sync.bell import Bell
from realizefs.sync.candidates import Candidates

DESK = PeerId(7)


class Link:
    """As much of one as is looked at."""

    peer = DESK
    payload_at = -inf


class Links:
    """One link, until it ends; its peer is expected all the time."""

    def __init__(self) -> None:
        self.changed = Bell()
        self.link: Any = Link()

    def holding(self, *_: object) -> list[Any]:
        return [] if self.link is None else [self.link]

    def expected(self, _peer: PeerId) -> bool:
        return True


@pytest.mark.parametrize("brought_at", [None, 2.0], ids=["nothing came", "something came"])
async def test_who_waited_for_a_link_that_ended_does_not_wait_anew(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch, brought_at: float | None
) -> None:
    """A peer that hangs is given up after a while, and expected again; readers who had waited until
    then waited for as long once more."""
    monkeypatch.setattr(candidates, "holders_of", lambda *_: [SimpleNamespace(peer=DESK)])
    links: Any = Links()
    began = trio.current_time()
    tried = Candidates(links, SimpleNamespace(), Inode(1), Digest(bytes(32)))  # type: ignore[arg-type]
    link = await tried.next()
    assert link is not None
    await trio.sleep(3)
    if brought_at is not None:
        links.link.payload_at = began + brought_at
    links.link = None
    assert await tried.next() is None
    assert trio.current_time() - began == (brought_at or 0.0) + PROGRESS_SECONDS
