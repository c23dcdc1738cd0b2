"""Which Unrealize was decided in this process, so that no crash left it half done (R8).

A file that isn't in the root while its decision says Unrealize may have left by our doing: then a
crash came before the commit, or the disk failed in the middle. Of a decision that this process made,
and whose action hasn't failed so, that can't be, since an action has its inode in hand until its
commit. Such a file was deleted by its user.
"""

from realizefs.model.ids import Inode

DECIDED_MAX = 100_000
"""Inodes, about 6 MB; of more it is assumed that they left by our doing: who deletes one of those in
the moment before it leaves anyway deletes it once more."""


class ToLeave:
    """Inodes. Added within transactions, of which one runs at a time; one that fails leaves what its
    decision, which isn't stored then, doesn't ask for. Dropped by any thread: that is one step."""

    def __init__(self) -> None:
        self._decided: set[Inode] = set()

    def __contains__(self, ino: Inode) -> bool:
        return ino in self._decided

    def decided(self, ino: Inode) -> None:
        """To unrealize it, and that wasn't so before."""
        if len(self._decided) < DECIDED_MAX:
            self._decided.add(ino)

    def dropped(self, ino: Inode) -> None:
        """That is no longer so, or done."""
        self._decided.discard(ino)
