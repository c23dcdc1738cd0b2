"""Causal contexts: what has been seen here of all paths, and what members say of themselves (see
`core.causal`).

What is claimed of the changes made here has to be true even where this database is an old copy that
came back, and hasn't found that out yet: then others know changes with numbers as high as those that
are made now. So only those count that were *confirmed*: made before all members had told all that they
know, with nothing among it that was made here and is unknown here.
"""

from collections.abc import Collection
from struct import Struct

from realizefs.core.causal import Context
from realizefs.model.ids import AuthorId, PeerId
from realizefs.model.limits import CONTEXT_AUTHORS_MAX, VECTOR_ENTRIES_MAX
from realizefs.model.versions import Vector, join_vectors, vector_of
from realizefs.store.keys import pack_u64, peer_of
from realizefs.store.positions import Positions
from realizefs.store.schema import CURSOR, META
from realizefs.store.txn import Txn

_SEEN, _CONFIRMED, _FORMER = b"seen", b"confirmed", b"former"
_KNOWN = b"!"
_COUNTER = Struct(">QQ")
"""An author, and how many of his changes."""


class Contexts:
    """Of one arena. Trio thread or the writer's: what is in memory is replaced as a whole."""

    def __init__(self, positions: Positions) -> None:
        self._positions = positions
        self._heard: frozenset[PeerId] = frozenset()
        self._is_confirmed = False
        self.forgotten = 0
        """times that something was forgotten: then peers are told first what was seen"""

    def seen(self, txn: Txn, author: AuthorId) -> dict[AuthorId, int]:
        """What has been seen here; `author` is who we are."""
        counts = dict(_unpack(txn.get(META, _SEEN) or b""))
        own = self._positions.last(txn) if self._is_confirmed else txn.counter(META, _CONFIRMED)
        counts.pop(author, None)
        # Less may be claimed than is so: of a database that was lost, say, nobody needs to know.
        most = sorted(counts.items(), key=lambda one: one[1])[-VECTOR_ENTRIES_MAX + 1 :]
        return {**dict(most), author: own} if own else dict(most)

    def take_in(self, txn: Txn, author: AuthorId, seen: Vector) -> None:
        """All that somebody who has seen this has to tell is applied here, in this transaction."""
        self._put(txn, _SEEN, tuple(one for one in seen if one[0] != author))

    def heard(self, txn: Txn, peers: Collection[PeerId], members: Collection[PeerId]) -> None:
        """All that these have to tell was heard by this process; once all members have been, what
        was made here is confirmed."""
        was = self._heard, self._is_confirmed
        txn.if_abandoned(lambda: self._be(*was))
        self._heard = self._heard.union(peers)
        self._is_confirmed = self._is_confirmed or self._heard.issuperset(members)
        if not self._is_confirmed:
            return
        behind = self._positions.last(txn) - txn.counter(META, _CONFIRMED)
        if behind:
            txn.count_up(META, _CONFIRMED, behind)
        former = _unpack(txn.get(META, _FORMER) or b"")
        if former:
            self._put(txn, _SEEN, former)
            txn.delete(META, _FORMER)

    def told_of_former(self, txn: Txn, former: Vector) -> None:
        """How many changes others know that we made with a database that is lost, or renumbered: all of
        these are here once what is made here is confirmed. Who made them says nothing more."""
        self._put(txn, _FORMER, former)

    def begin_anew(self, txn: Txn, former: AuthorId) -> None:
        """We are another author from now on, and nothing that it made is confirmed."""
        own, last = txn.counter(META, _CONFIRMED), self._positions.last(txn)
        self._put(txn, _SEEN, vector_of({former: own}))
        self.told_of_former(txn, vector_of({former: last}))
        was = self._heard, self._is_confirmed
        txn.if_abandoned(lambda: self._be(*was))
        self._heard, self._is_confirmed = frozenset(), False

    def reset(self, txn: Txn) -> None:
        """Something that was seen may be missing: peers tell all again, and nothing counts as seen
        before they have."""
        txn.delete(META, _SEEN)
        txn.delete(META, _FORMER)
        txn.count_up(META, _CONFIRMED, -txn.counter(META, _CONFIRMED))
        self._heard, self._is_confirmed = frozenset(), False

    def known(self, txn: Txn) -> dict[PeerId, Context]:
        """What peers have said that they have seen, and carried out."""
        return {
            peer_of(key[:8]): dict(_unpack(value))
            for key, value in txn.scan(CURSOR)
            if key[8:] == _KNOWN
        }

    def set_known(self, txn: Txn, peer: PeerId, seen: Vector) -> None:
        """The latest of one."""
        key = pack_u64(peer) + _KNOWN
        if txn.get(CURSOR, key) != _pack(seen):
            txn.put(CURSOR, key, _pack(seen))

    def _put(self, txn: Txn, key: bytes, more: Vector) -> None:
        """Join a context to the one at a key. Of too many authors, which only somebody hostile names,
        those that are known already count (R7)."""
        before = _unpack(txn.get(META, key) or b"")
        after = join_vectors(before, more)
        if len(after) > CONTEXT_AUTHORS_MAX:
            known = {author for author, _ in before}
            after = tuple(one for one in after if one[0] in known)
        if after != before:
            txn.put(META, key, _pack(after))

    def _be(self, heard: frozenset[PeerId], is_confirmed: bool) -> None:
        self._heard, self._is_confirmed = heard, is_confirmed


def is_context(value: bytes) -> bool:
    """Whether a row can be read."""
    return not len(value) % _COUNTER.size


def _pack(vector: Vector) -> bytes:
    return b"".join(_COUNTER.pack(*one) for one in vector)


def _unpack(value: bytes) -> Vector:
    return tuple((AuthorId(author), count) for author, count in _COUNTER.iter_unpack(value))
