"""Repairs of contents: step by step, each of which may be the last."""

import os
from dataclasses import dataclass, replace

from realizefs.model.blobs import BlobRow
from realizefs.model.decisions import Action, Decision
from realizefs.model.entries import RealRow
from realizefs.model.errors import Busy
from realizefs.model.ids import Inode
from realizefs.model.ranges import Ranges
from realizefs.store import lostfound
from realizefs.store.arena import ArenaStore
from realizefs.store.blobdir import BlobDirectory
from realizefs.store.check import Means
from realizefs.store.keys import pack_u64
from realizefs.store.queues import BlobRows
from realizefs.store.schema import ENTRY
from realizefs.store.txn import Txn


@dataclass(frozen=True, slots=True)
class DeepRepair:
    """Of one arena."""

    store: ArenaStore
    means: Means
    rows: BlobRows
    files: BlobDirectory

    @property
    def lost_and_found(self) -> str:
        """Where files are put aside, for sentences."""
        return os.fspath(self.store.root.state.path / lostfound.NAME)

    def put_aside(self, ino: Inode, path: bytes, row: RealRow) -> None:
        """A real file with wrong bytes leaves the root; Busy if it changed or is in use.

        Noted first as leaving, as an Unrealize is: found missing after a crash it doesn't count as
        deleted (R8).
        """

        def leaving(txn: Txn) -> int:
            self.store.decisions.set(txn, ino, Decision(Action.UNREALIZE, row.hash))
            return 1

        def stays(txn: Txn) -> int:
            self.store.decisions.clear(txn, ino)
            self.store.dirty.mark(txn, ino)
            return 1

        def left(txn: Txn) -> int:
            self.store.real.delete(txn, ino)
            return stays(txn) + self._no_longer_held(txn, ino)

        with self.means.holding(ino):
            self.means.commit(leaving)
            try:
                with lostfound.new_place(self.store.root.state, path) as place:
                    self.store.root.adopt(path, row.fingerprint, place, alone=False)
            except BaseException:
                # A sync may be what failed, or the way back: then it isn't in the root any more.
                here = self.store.root.fingerprint_if_any(path) is not None
                self.means.commit(stays if here else left)
                raise
            self.means.commit(left)

    def lose(self, row: BlobRow, wrong: Ranges) -> None:
        """The wrong bytes of a blob are no longer promised; Busy while it moves."""

        def forget(txn: Txn) -> int:
            now = self.rows.get(txn, row.id)
            if now is None:
                return 0
            ranges = now.ranges
            for start, end in wrong:
                ranges = ranges.without(start, end)
            self.rows.put(txn, replace(now, ranges=ranges, verified=False))
            return self._no_longer_held(txn, row.ino)

        self.means.commit(forget)
        # Who opened it before the commit has the old ranges in memory, and would save them.
        if self.store.blobs.is_open(row.id):
            if row.outdated:
                raise Busy("Somebody reads it.")
            self.store.blobs.drop(row.ino)
            self.means.commit(lambda txn: self._no_longer_held(txn, row.ino))

    def _no_longer_held(self, txn: Txn, ino: Inode) -> int:
        """Peers hear of it, and what the mark asks for is decided anew."""
        if txn.get(ENTRY, pack_u64(ino)) is None:
            return 0
        self.store.tree.touch(txn, ino)
        self.store.dirty.mark(txn, ino)
        return 1
