"""Whom a reader asks next: the connected holders of a content, and those about to be connected.

Links come and go: both sides dial at once and one of the two links is dropped, an arena is added
and links are made anew, a cable is pulled for a second. A request that was lost with its link is
made again on the next one, of that holder or another. A holder that said no or was silent is not
asked twice. Where no holder is connected, one that may be in a moment is waited for; that is over
as soon as dialling it fails, so a reader without any holder within reach hears so at once.
"""

from collections import Counter
from collections.abc import Iterator
from math import inf

import trio

from realizefs.model.ids import Digest, Inode, PeerId
from realizefs.model.limits import PROGRESS_SECONDS
from realizefs.store.arena import ArenaStore
from realizefs.sync.link import Link
from realizefs.sync.links import Links, holders_of

LINKS_MAX = 4
"""Links to one holder that a request is made on: the duplicate, the one that replaces it, one that
an added arena ends, and one for a bad day. A link that never lasts is no way to read."""


class Candidates:
    """The holders of one content, as one read tries them."""

    def __init__(self, links: Links, store: ArenaStore, ino: Inode, digest: Digest) -> None:
        self._links = links
        self._store = store
        self._ino = ino
        self._digest = digest
        self._tried: set[Link] = set()
        self._tries: Counter[PeerId] = Counter()
        self._refused: set[PeerId] = set()
        self._began = trio.current_time()
        self._give_up_at: float | None = None

    async def next(self) -> Link | None:
        """The best holder that can be asked; None where there is none and none is about to come.
        Waits until PROGRESS_SECONDS after the last progress at most, all calls together: for what a
        link that ended hadn't brought nobody waits anew."""
        while True:
            seen = self._links.changed.count
            link = self.another(set())
            if link is not None:
                return link
            if not self._one_is_expected():
                return None
            if self._give_up_at is None:
                progress = max((link.payload_at for link in self._tried), default=-inf)
                self._give_up_at = max(self._began, progress) + PROGRESS_SECONDS
            with trio.move_on_at(self._give_up_at) as waiting:
                await self._links.changed.after(seen)
            if waiting.cancelled_caught:
                return None

    def another(self, but: set[PeerId]) -> Link | None:
        """The best holder that can be asked now and is none of these."""
        for link in self._askable(but):
            self._tried.add(link)
            self._tries[link.peer] += 1
            return link
        return None

    def has_another(self, but: set[PeerId]) -> bool:
        """Whether `another` would find one."""
        return any(True for _ in self._askable(but))

    def soonest(self, but: set[PeerId], size: int) -> float:
        """Seconds in which the fastest of these would have brought so many bytes; inf where there is
        none, or nobody knows."""
        known = (link for link in self._askable(but) if link.rate)
        trusted = (link for link in known if link.peer not in self._links.distrust)
        return min(((link.busy + 1) * size / link.rate for link in trusted), default=inf)

    def _askable(self, but: set[PeerId]) -> Iterator[Link]:
        for link in self._links.holding(self._store, self._ino, self._digest):
            if link not in self._tried and link.peer not in but and self._may_ask(link.peer):
                yield link

    def refused(self, link: Link) -> None:
        """That holder said no, sent something else, or was silent."""
        self._refused.add(link.peer)

    def _may_ask(self, peer: PeerId) -> bool:
        return peer not in self._refused and self._tries[peer] < LINKS_MAX

    def _one_is_expected(self) -> bool:
        holders = holders_of(self._store, self._ino, self._digest)
        return any(self._may_ask(one.peer) and self._links.expected(one.peer) for one in holders)
