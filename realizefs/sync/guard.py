"""The guard: where peers delete very much of what is real here, somebody is asked first (R8).

Theory of operation. The index follows peers at once, so what they deleted is shown nowhere any
more; what waits is only that the real files leave the root. The engine notes each such file as a
removal. While there are few, each is carried out at once. Where there are many, each waits
GUARD_GATHER_SECONDS, so that most of a wave is known before more of it is carried out; and where
the wave is too much, all wait until somebody approves it, or rejects it. To reject is to forget that
these files were indexed: the scanner finds them in the root, as new files at names that were
deleted, and tells everybody. What the wave had moved to the trash comes back with them.

After a crash: all of it is in the database. A rejection that had begun is gone on with; what was
approved and not woken is woken.
"""

from collections.abc import Callable
from dataclasses import dataclass

from realizefs.core.decide import Situation
from realizefs.core.guard import Guarding, Wave, is_many, is_too_much
from realizefs.model.decisions import NEVER_NS
from realizefs.model.entries import Entry
from realizefs.model.ids import Inode, PeerId, is_by
from realizefs.model.limits import GUARD_GATHER_SECONDS, GUARD_PERCENT_DEFAULT
from realizefs.model.versions import Kind
from realizefs.store.arena import ArenaStore
from realizefs.store.txn import Txn

SHOWN_MAX = 100
"""Paths that are told of those that wait."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits for somebody: how many files and folders, and the paths of some."""

    count: int
    paths: tuple[bytes, ...]


class Guard:
    """Of one arena. What takes a transaction runs within it, the rest on the trio thread."""

    def __init__(self, store: ArenaStore, now_ns: Callable[[], int]) -> None:
        self._store = store
        self._now_ns = now_ns
        self.percent: float = GUARD_PERCENT_DEFAULT

    # -- for the engine and its jobs -------------------------------------------------------------

    def decided(self, txn: Txn, entry: Entry, at: Situation, *, me: int) -> int:
        """Something was decided about an entry; when it may be carried out, in wall-clock
        nanoseconds."""
        removals = self._store.removals
        version = entry.version
        wanted = version.deleted and at.real is not None and not is_by(version.author, PeerId(me))
        if not wanted:
            if removals.is_one(txn, entry.ino):
                self._no_longer(txn, entry)
            return 0
        removals.note(txn, entry.ino, folder=version.kind is Kind.DIRECTORY)
        if removals.guarding(txn) is not Guarding.OPEN:
            return NEVER_NS
        if is_many(self._pending(txn) - removals.folders(txn), self._removed(txn)):
            return self._now_ns() + int(GUARD_GATHER_SECONDS * 1e9)
        return 0

    def left(self, txn: Txn, ino: Inode) -> None:
        """It has left the root, in this very transaction: what waits and what was removed add up at
        each moment, else a wave would look like more than there is."""
        entry = self._store.tree.entry(txn, ino)
        if entry is not None and self._store.removals.is_one(txn, ino):
            self._no_longer(txn, entry)

    def judge(self, txn: Txn) -> None:
        """After a page of decisions: whether somebody must be asked."""
        removals = self._store.removals
        guarding = removals.guarding(txn)
        if guarding is Guarding.HELD and not removals.count(txn):
            self.start_anew(txn)  # they were taken back elsewhere
        elif guarding is Guarding.OPEN and is_too_much(
            self._pending(txn),
            removals.folders(txn),
            self._removed(txn),
            removals.left(txn),
            self.percent,
        ):
            removals.guard(txn, Guarding.HELD)

    def is_held(self, txn: Txn, ino: Inode) -> bool:
        """Whether this one has to wait for somebody."""
        removals = self._store.removals
        return removals.guarding(txn) is not Guarding.OPEN and removals.is_one(txn, ino)

    def _no_longer(self, txn: Txn, entry: Entry) -> None:
        """It was one, and has left the root or is no longer deleted. A rename that was followed
        late counts, too: then somebody is asked rather early. Folders don't: one that could be removed
        was empty, as all are whose names have changed, and who tidies up renames many."""
        removals = self._store.removals
        removals.drop(txn, entry.ino)
        if not entry.version.deleted or removals.forgive(txn, -1):
            return
        if entry.version.kind is not Kind.DIRECTORY:
            removals.set_wave(txn, removals.wave(txn).after(self._now_ns()))

    def _pending(self, txn: Txn) -> int:
        removals = self._store.removals
        return max(removals.count(txn) - removals.forgiven(txn), 0)

    def _removed(self, txn: Txn) -> int:
        wave = self._store.removals.wave(txn)
        return 0 if wave.is_over(self._now_ns()) else wave.removed

    def start_anew(self, txn: Txn) -> None:
        """A wave is over, whatever became of it."""
        self._store.removals.guard(txn, Guarding.OPEN)
        self._store.removals.set_wave(txn, Wave())

    # -- for people -----------------------------------------------------------------------------

    def waiting(self, txn: Txn, shown: int = SHOWN_MAX) -> Waiting:
        """What waits for somebody, if anything does."""
        store = self._store
        if store.removals.guarding(txn) is Guarding.OPEN:
            return Waiting(0, ())
        page = store.removals.page(txn, Inode(0), shown)
        return Waiting(
            store.removals.count(txn), tuple(store.tree.path(txn, ino) or b"?" for ino in page)
        )
