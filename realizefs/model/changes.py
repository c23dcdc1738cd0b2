"""What changed in an arena, as far as the kernel's caches and the user's programs care."""

from dataclasses import dataclass
from enum import IntEnum

from realizefs.model.ids import Inode


class ChangeKind(IntEnum):
    """ENTRY: a name appeared or went. CONTENT: other bytes. ATTRIBUTES: other stat."""

    ENTRY = 1
    CONTENT = 2
    ATTRIBUTES = 3


@dataclass(frozen=True, slots=True)
class Change:
    """The thing `ino`, called `name` in directory `parent`, changed."""

    parent: Inode
    name: bytes
    ino: Inode
    what: ChangeKind
