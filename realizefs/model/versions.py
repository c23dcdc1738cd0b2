"""Versions: one state of one path, and what peers hold of it.

A vector maps peer → counter (Parker et al. 1983, version vectors). It is kept as a sorted tuple
of pairs so that versions compare and hash by value; zero counters are never stored.
"""

from dataclasses import dataclass, replace
from enum import IntEnum

from realizefs.model.ids import NO_DIGEST, Digest, PeerId


class Kind(IntEnum):
    """What can be synced; the numbers are those on disk and on the wire."""

    FILE = 1
    DIRECTORY = 2
    SYMLINK = 3


class Held(IntEnum):
    """What a peer has of the content of a version."""

    NONE = 0
    CACHED = 1
    """a complete verified blob"""
    OWN = 2
    """a regular file in its arena root"""


COUNTER_MAX = 2**63 - 1
"""The largest counter that peers take from each other."""

SYNCED_MODE = 0o1777
"""The permission bits that peers share."""

LOCAL_MODE = 0o6000
"""setuid and setgid: what they give away depends on the machine, so they stay on it (R7)."""

Vector = tuple[tuple[PeerId, int], ...]


def vector_of(counters: dict[PeerId, int]) -> Vector:
    """The canonical form of a mapping."""
    return tuple(sorted((peer, count) for peer, count in counters.items() if count > 0))


def join_vectors(a: Vector, b: Vector) -> Vector:
    """The least vector that dominates both."""
    joined = dict(a)
    for peer, count in b:
        joined[peer] = max(count, joined.get(peer, 0))
    return vector_of(joined)


def dominates(a: Vector, b: Vector) -> bool:
    """Whether `a` has seen all that `b` has (equal vectors dominate each other)."""
    seen = dict(a)
    return all(seen.get(peer, 0) >= count for peer, count in b)


def bump(vector: Vector, peer: PeerId) -> Vector:
    """A local change: own counter = max(all) + 1."""
    return vector_of({**dict(vector), peer: next_count(vector)})


def next_count(vector: Vector) -> int:
    """What `bump` counts up to. A hostile peer may have said the largest number already: then
    changes of that path are told from each other as concurrent ones are, and all else goes on."""
    return min(max((count for _, count in vector), default=0) + 1, COUNTER_MAX)


@dataclass(frozen=True, slots=True)
class Version:
    """One state of one path.

    `hash` is the BLAKE3 of the content (files only) and `block_root` the BLAKE3 of its block
    list, b"" where the file is one block; with it every block can be checked alone, whoever
    sends it. `size` in bytes, `mtime_ns` nanoseconds since 1970 (may be negative), `mode` the
    permission bits SYNCED_MODE, `target` where a symlink points. `author` made this version.
    A tombstone has `deleted` and keeps the kind of what was there.

    `lineage`: what the content was made from. `vector` grows by merging, too: the winner of a
    conflict has seen the loser, its content has not. Whoever has a content of its own replaced by
    one that doesn't descend from it keeps a copy (R2), even if a third peer has merged the two
    before. None where it is the vector, which is nearly always; see `ancestry`.
    """

    kind: Kind
    hash: Digest = NO_DIGEST
    block_root: Digest = NO_DIGEST
    size: int = 0
    mtime_ns: int = 0
    mode: int = 0
    target: bytes = b""
    deleted: bool = False
    vector: Vector = ()
    author: PeerId = PeerId(0)
    lineage: Vector | None = None

    @property
    def ancestry(self) -> Vector:
        """The changes that this content descends from."""
        return self.vector if self.lineage is None else self.lineage

    def told(self, vector: Vector, lineage: Vector) -> "Version":
        """This state with another vector and lineage."""
        return replace(self, vector=vector, lineage=None if lineage == vector else lineage)

    @property
    def content(self) -> tuple[Kind, bool, bytes, bytes]:
        """What makes two versions the same to a reader; metadata left out."""
        return (self.kind, self.deleted, self.hash, self.target)

    def changed(self, author: PeerId, over: Vector, replaced: Vector = ()) -> "Version":
        """This state as a new change by `author` that has seen `over`, and replaces knowingly
        what descends from `replaced`."""
        vector = bump(join_vectors(self.vector, over), author)
        lineage = join_vectors(self.ancestry, replaced)
        return replace(self, author=author).told(vector, _with(lineage, vector, author))

    def tombstone(self, author: PeerId, now_ns: int) -> "Version":
        """The deletion of this version by `author`."""
        vector = bump(self.vector, author)
        gone = Version(kind=self.kind, mtime_ns=now_ns, deleted=True, author=author)
        return gone.told(vector, _with(self.ancestry, vector, author))


def _with(lineage: Vector, vector: Vector, author: PeerId) -> Vector:
    """The lineage of a change by `author` that `vector` has just counted."""
    return vector_of({**dict(lineage), author: dict(vector)[author]})
