"""What changed in an arena, as far as the kernel's caches and the user's programs care."""

from dataclasses import dataclass
from enum import IntEnum

from realizefs.model.ids import NO_DIGEST, Digest, Inode


class ChangeKind(IntEnum):
    """ENTRY: a name appeared or went. CONTENT: other bytes. ATTRIBUTES: other stat."""

    ENTRY = 1
    CONTENT = 2
    ATTRIBUTES = 3


@dataclass(frozen=True, slots=True)
class Change:
    """The thing `ino`, called `name` in directory `parent`, changed.

    `content` is that of the file that appeared or went, by which the two halves of a rename are
    known. `source` is where it was before a rename that was seen as one: (parent, name).
    """

    parent: Inode
    name: bytes
    ino: Inode
    what: ChangeKind
    content: Digest = NO_DIGEST
    source: tuple[Inode, bytes] | None = None
