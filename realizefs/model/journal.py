"""The journal of an arena: what happened to its files, for whoever asks what became of them."""

from dataclasses import dataclass
from enum import IntEnum

from realizefs.model.ids import AuthorId
from realizefs.model.limits import KIB, MIB
from realizefs.model.versions import Kind

JOURNAL_BYTES_MAX = 4 * MIB
"""Bytes of rows that tell what happened in an arena: some 40,000, months of what a household does."""

JOURNAL_STEP_BYTES = 64 * KIB
"""Bytes of new rows after which the oldest leave; so much more there may be. And what is read at a time."""

JOURNAL_TOLD_MAX = 1000
"""Events in one answer; more than a person reads."""

JOURNAL_TOLD_BYTES_MAX = 128 * KIB
"""Bytes of paths in one answer: as JSON a byte may be six, and the line is a mebibyte at most."""


class What(IntEnum):
    """What happened; the numbers are those on disk."""

    UNKNOWN = 0
    """what a newer program has written"""
    ADDED = 1
    CHANGED = 2
    DELETED = 3
    RENAMED = 4
    CONFLICT = 5
    """an edit that lost its name has another one"""
    RESTORED = 6
    """a content that had been deleted or replaced there is back"""
    HEARD = 7
    """a peer has told of what it knew, for the first time"""


@dataclass(frozen=True, slots=True)
class Event:
    """At `when_ns`, of this machine's wall clock, it was done or heard of here.

    `peer` did it, `mtime_ns` is the time that the change itself bears. `path` is in the arena, `old`
    what a renamed thing was called before, or the file that a conflict copy is of. A `count` above 1
    stands for so many things of that kind in the folder `path`, which came from the folder `old` where
    they were renamed; they have no one mtime. HEARD has neither path nor kind.
    """

    when_ns: int
    what: What
    peer: AuthorId
    path: bytes = b""
    old: bytes = b""
    kind: Kind = Kind.FILE
    count: int = 1
    mtime_ns: int = 0

    @property
    def reaches_below(self) -> bool:
        """Whether it happened to all that is below its paths, too, or to some of it."""
        goes = self.what in (What.DELETED, What.RENAMED)
        return self.count > 1 or (goes and self.kind is Kind.DIRECTORY)
