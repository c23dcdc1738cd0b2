"""What becomes of an arena when this machine gives RealizeFS up."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Farewell:
    """`files` and `size` (bytes) stay as plain files; of these nobody else is known to have `alone`.

    `only_cached`: paths whose content is nowhere but in the cache here, some at least; they would be
    lost. `unheard`: changes made here, renames and deletions among them, that no other machine of the arena
    has heard of; 0 where there is no other.
    """

    files: int
    size: int
    alone: int
    only_cached: tuple[bytes, ...]
    unheard: int

    @property
    def loses(self) -> bool:
        """Whether something would be lost."""
        return bool(self.only_cached or self.unheard)
