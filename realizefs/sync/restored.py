"""A database that came back from a backup, and has found that out from a peer.

It becomes another one, since peers take what it tells under its old positions for what they have
heard already. And what it has changed meanwhile was counted like what was lost: such a change is
counted anew, as made by another author who has seen nothing of the former. So where both exist both
live (R2). What is counted anew without need does no harm: it has the content that all know, or
one that somebody has knowingly replaced. A directory would come back, and has no content to lose.
"""

from dataclasses import replace

from realizefs.model.errors import RealizeError
from realizefs.model.ids import AuthorId, Inode, Seq
from realizefs.model.limits import RECOUNTED_MAX
from realizefs.model.messages import Rows
from realizefs.model.versions import Dot, Kind, Version, bump, vector_of
from realizefs.sync.batch import Batch


def begin_anew(batch: Batch, told: Seq) -> None:
    """In one transaction; `told` is the position that a peer has heard of and that isn't ours."""
    store, txn, former = batch.store, batch.txn, batch.author
    since = store.tree.positions.since(txn, told)
    # In the same transaction: what was counted by the old number is told no more under it.
    inodes = [] if since is None else _changed_since(batch, since)[-RECOUNTED_MAX:]
    store.contexts.begin_anew(txn, former)
    store.tree.begin_anew(txn)
    for ino in inodes:
        _count_anew(batch, ino, former)


def _changed_since(batch: Batch, since: Seq) -> list[Inode]:
    store, txn, inodes = batch.store, batch.txn, list[Inode]()
    at = Seq(since - 1)
    while page := store.tree.history(txn, at):
        inodes += [ino for _, ino in page]
        at = page[-1][0]
    return inodes


def _count_anew(batch: Batch, ino: Inode, former: AuthorId) -> None:
    store, txn = batch.store, batch.txn
    entry = store.tree.entry(txn, ino)
    if entry is None or entry.version.author != former:
        return
    if entry.version.kind is Kind.DIRECTORY and not entry.version.deleted:
        return
    version = _without(entry.version, former, batch.dot)
    real = store.real.get(txn, ino)
    if real is not None and real.vector == entry.version.vector:
        store.real.put(txn, ino, replace(real, vector=version.vector))
    batch.put(ino, entry.parent, entry.name, version)


def _without(version: Version, former: AuthorId, dot: Dot) -> Version:
    seen = vector_of({one: count for one, count in version.vector if one != former})
    return replace(version, vector=bump(seen, dot), author=dot.author)


class ChangesLost(RealizeError):
    """A peer knows of a change made here, at a `position` in the history, that this database doesn't."""

    def __init__(self, position: Seq) -> None:
        super().__init__("The database of this machine is an older copy.")
        self.position = position


def check_nothing_is_lost(batch: Batch, message: Rows) -> None:
    """Raises ChangesLost where what a peer tells counts a change of ours that isn't known here. What
    it counts of those that we made with a database of before is noted."""
    gaps, own = None, batch.author
    former: dict[AuthorId, int] = {}
    for vector in (message.seen, *(row.version.vector for row in message.rows)):
        for author, count in vector:
            if author == own:
                gaps = gaps or batch.store.tree.positions.gaps(batch.txn)
                if gaps.has(count):
                    raise ChangesLost(Seq(count))
            elif batch.is_ours(author):
                former[author] = max(count, former.get(author, 0))
    if former:
        batch.store.contexts.told_of_former(batch.txn, vector_of(former))
