"""What a mark on some paths would bring or take away, and whether there is room for it (`--dry-run`).

Blocking, for worker threads.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

from realizefs.core.foresee import Outcome, foresee
from realizefs.model.entries import Entry
from realizefs.model.ids import Inode, PeerId
from realizefs.model.marks import Mark
from realizefs.store.txn import Txn
from realizefs.sync.below import Top, page
from realizefs.sync.context import Context
from realizefs.sync.engine import situation


@dataclass(slots=True)
class Amount:
    """Files, and bytes."""

    files: int = 0
    size: int = 0

    def add(self, size: int) -> None:
        """One file more."""
        self.files += 1
        self.size += size


@dataclass(slots=True)
class Foresight:
    """By outcome, with what has to be fetched as its bytes where something has; of those that are to be
    fetched, the ones that no connected peer has; and bytes that are free on the disk of the root, and
    in the cache beside what is kept."""

    outcomes: dict[Outcome, Amount] = field(default_factory=dict)
    unavailable: Amount = field(default_factory=Amount)
    disk_free: int = 0
    left_free: int = 0
    cache_free: int = 0

    def of(self, outcome: Outcome) -> Amount:
        """The amount of one outcome."""
        return self.outcomes.setdefault(outcome, Amount())

    @property
    def fits(self) -> bool:
        """Whether there is room for all that is to come: both are on one disk."""
        real, cached = self.of(Outcome.REAL_FETCHED).size, self.of(Outcome.CACHED).size
        return real + cached <= self.disk_free and cached <= self.cache_free


@dataclass(frozen=True, slots=True)
class _Seen:
    outcome: Outcome
    size: int
    is_unavailable: bool


def foresight(
    context: Context,
    tops: Sequence[Top],
    mark: Mark | None,
    connected: Collection[PeerId],
    checkpoint: Callable[[], None],
) -> Foresight:
    """With `mark` set on these paths, or with None none; what has a mark of its own below them keeps it.
    `checkpoint` is called often and may raise."""
    store = context.store
    found = Foresight()
    for top in tops:
        chosen, source = (mark, top.ino) if mark else _inherited(context, top)

        def look(
            txn: Txn,
            _path: bytes,
            entry: Entry,
            top: Top = top,
            given: tuple[Mark, Inode | None] = (chosen, source),
        ) -> _Seen | None:
            if not _is_governed(context, txn, entry.ino, top.ino):
                return None
            there = store.marks.ruled(txn, entry, *given).mark
            return _seen(context, txn, entry, there, connected)

        after: bytes | None = b""
        while after is not None:
            checkpoint()
            seen, after = page(store, top, after, look)
            for one in seen:
                found.of(one.outcome).add(one.size)
                if one.is_unavailable:
                    found.unavailable.add(one.size)
    with store.env.read() as txn:
        found.disk_free, found.left_free = store.blobs.spare(txn), store.blobs.left_free
        found.cache_free = max(store.blobs.allowed - store.blobs.kept(txn), 0)
    return found


def _inherited(context: Context, top: Top) -> tuple[Mark, Inode | None]:
    """The mark that a path has without one of its own, and where it is set."""
    store = context.store
    with store.env.read() as txn:
        above = store.tree.parent(txn, top.ino)
        if above is None:
            return context.default_mark, None
        return store.marks.inherited(txn, above, context.default_mark)


def _is_governed(context: Context, txn: Txn, ino: Inode, top: Inode) -> bool:
    """Whether a mark at `top` is the nearest one. Depth bounded by PATH_BYTES_MAX."""
    store, at = context.store, ino
    while at != top:
        above = store.tree.parent(txn, at)
        if above is None or store.marks.get(txn, at) is not None:
            return False
        at = above
    return True


def _seen(
    context: Context, txn: Txn, entry: Entry, mark: Mark, connected: Collection[PeerId]
) -> _Seen:
    store = context.store
    row = store.blobs.find(txn, entry.ino)
    is_current = row is not None and row.hash == entry.version.hash
    is_kept = row is not None and row.protected
    outcome = foresee(situation(context, txn, entry), mark, is_kept=is_kept)
    if outcome not in (Outcome.REAL_FETCHED, Outcome.CACHED):
        return _Seen(outcome, entry.version.size, is_unavailable=False)
    here = row.ranges.total() if row is not None and is_current else 0
    is_held = any(
        one.peer in connected for one in store.holders.having(txn, entry.ino, entry.version.hash)
    )
    lacking = entry.version.size - here
    return _Seen(outcome, lacking, is_unavailable=bool(lacking) and not is_held)
