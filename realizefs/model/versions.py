"""Versions: one state of one path, and what peers hold of it.

A vector maps author → counter (Parker et al. 1983, version vectors), which is how many changes of
all paths its author had made. It is kept as a sorted tuple
of pairs so that versions compare and hash by value; zero counters are never stored. An author is a
peer with one database of an arena (see `ids.author_of`): one whose database is lost or restored
doesn't know what it has counted, and counts as another author from then on.

What is known of a path are its *heads*: the changes that no other known change was made over. Mostly
there is one. Two peers that change a path apart from each other make two; one of them has the
name, the others wait for their author (see `core.merge`). Together they are kept as dotted version
vector sets keep siblings (Almeida et al. 2014): one vector of all that was seen, and the heads, each
named by its author, of whom it is the latest change.
"""

import hashlib
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import NamedTuple

from realizefs.model.ids import NO_DIGEST, AuthorId, Digest


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

Vector = tuple[tuple[AuthorId, int], ...]


def vector_of(counters: dict[AuthorId, int]) -> Vector:
    """The canonical form of a mapping."""
    return tuple(sorted((author, count) for author, count in counters.items() if count > 0))


def join_vectors(a: Vector, b: Vector) -> Vector:
    """The least vector that dominates both."""
    joined = dict(a)
    for author, count in b:
        joined[author] = max(count, joined.get(author, 0))
    return vector_of(joined)


def dominates(a: Vector, b: Vector) -> bool:
    """Whether `a` has seen all that `b` has (equal vectors dominate each other)."""
    seen = dict(a)
    return all(seen.get(author, 0) >= count for author, count in b)


class Dot(NamedTuple):
    """A change that is about to be made: its author, and a number above those of all his changes
    before, whatever the path (the dots of Almeida et al. 2014)."""

    author: AuthorId
    number: int


def bump(vector: Vector, dot: Dot) -> Vector:
    """A local change. A hostile peer may have said the largest number already: then changes of that
    path are told from each other as concurrent ones are, and all else goes on."""
    seen = dict(vector)
    count = max(dot.number, seen.get(dot.author, 0) + 1)
    return vector_of({**seen, dot.author: min(count, COUNTER_MAX)})


@dataclass(frozen=True, slots=True)
class Version:
    """One state of one path: the head that has the name, and what else there is.

    `hash` is the BLAKE3 of the content (files only) and `block_root` the BLAKE3 of its block
    list, b"" where the file is one block; with it every block can be checked alone, whoever
    sends it. `size` in bytes, `mtime_ns` nanoseconds since 1970 (may be negative), `mode` the
    permission bits SYNCED_MODE, `target` where a symlink points. `author` made this version.
    A tombstone has `deleted` and keeps the kind of what was there.

    `vector`: all changes that this state has seen. `others`: the heads without the name, without
    vectors of their own, ascending by author; nearly always none. `replaced`: what contents the
    latest changes of this head replaced knowingly, as `identity` has them, the last one first.
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
    author: AuthorId = AuthorId(0)
    others: tuple["Version", ...] = ()
    replaced: tuple[bytes, ...] = ()

    @property
    def content(self) -> tuple[Kind, bool, bytes, bytes]:
        """What makes two versions the same to a reader; metadata left out."""
        return (self.kind, self.deleted, self.hash, self.target)

    @property
    def has_content(self) -> bool:
        """Whether something would be lost with it."""
        return not self.deleted and self.kind is not Kind.DIRECTORY

    @property
    def identity(self) -> bytes:
        """32 bytes for what would be lost with it; none where that is nothing, or not known."""
        if not self.has_content or self.kind is Kind.FILE:
            return self.hash if self.has_content else b""
        return self.hash or hashlib.blake2b(self.target, digest_size=32).digest()

    @property
    def head(self) -> "Version":
        """What has the name, alone."""
        return replace(self, vector=(), others=())
