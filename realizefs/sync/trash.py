"""The trash: what peers deleted or replaced of the real files here, for TRASH_DAYS.

`.realize/trash/YYYY-MM-DD/<time>-<name>`: plain files, taken out of the root by a rename.
"""

import os
import shutil
import stat
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta

from realizefs.model import paths
from realizefs.model.entries import Fingerprint
from realizefs.model.ports import Clock
from realizefs.store.openat import RENAME_NOREPLACE, renameat2
from realizefs.store.publish import Place
from realizefs.store.realfile import Root

TRASH_DAYS = 30
"""Days after which the trash forgets; long enough to come back from holidays."""


class Trash:
    """Of one arena; blocking."""

    def __init__(self, root: Root, clock: Clock) -> None:
        self._root = root
        self._clock = clock

    def take(self, path: bytes, expected: Fingerprint) -> bytes:
        """Move a real file here; its place in the state directory. Busy if it isn't `expected`.

        A symlink has nothing to keep, and no place: b"".
        """
        if not stat.S_ISREG(expected.mode):
            self._root.unlink(path)
            self._root.sync_directory(paths.split(path)[0])
            return b""
        with self._place(path) as (directory, name):
            self._root.adopt(path, expected, (directory, name), alone=False)
            opened = os.readlink(f"/proc/self/fd/{directory}")
        return b"trash/" + os.fsencode(os.path.basename(opened)) + b"/" + name

    def keep(self, path: bytes, replaced: Place) -> None:
        """Move here what was replaced at `path` and is at `replaced` now."""
        with self._place(path) as (directory, name):
            renameat2(*replaced, directory, name, RENAME_NOREPLACE)

    def _place(self, path: bytes) -> AbstractContextManager[Place]:
        return self._root.state.trash_place(paths.split(path)[1], self._clock.wall_ns())

    def purge(self) -> None:
        """Remove the days that are too old."""
        now = datetime.fromtimestamp(self._clock.wall_ns() / 1e9, UTC)
        oldest = (now - timedelta(days=TRASH_DAYS)).strftime("%Y-%m-%d")
        trash = self._root.state.open_trash()
        try:
            for day in os.listdir(trash):
                if day < oldest:
                    shutil.rmtree(day, dir_fd=trash)
        finally:
            os.close(trash)
