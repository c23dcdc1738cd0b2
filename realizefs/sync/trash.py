"""The trash: what peers deleted or replaced of the real files here, for as long as is configured.

`.realize/trash/YYYY-MM-DD/` has a tree like the root's: plain files under their own names, each
taken out of the root by a rename, so its ctime says when. Where the name is taken on that day, the
tree is `YYYY-MM-DD HHMMSS.ffffff`.
"""

import heapq
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from realizefs.model import paths
from realizefs.model.entries import Fingerprint
from realizefs.model.errors import Busy
from realizefs.model.limits import TRASH_LISTED_MAX
from realizefs.model.ports import Clock
from realizefs.store.openat import RENAME_NOREPLACE, renameat2
from realizefs.store.publish import Place
from realizefs.store.realfile import Root
from realizefs.store.statedir import StateDirectory

DAY = 10
"""Characters of YYYY-MM-DD."""


@dataclass(frozen=True, slots=True, order=True)
class Trashed:
    """A file in the trash: when it came there (wall-clock nanoseconds), the path that it had in the
    arena, where it is in the state directory, and its bytes."""

    when_ns: int
    path: bytes
    place: bytes
    size: int


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
            # Of a file that is about to be made, say, nothing is known, and it is no symlink.
            if not stat.S_ISLNK(expected.mode) or self._root.fingerprint_if_any(path) != expected:
                raise Busy(f'"{paths.show(path)}" is not what it was.')
            self._root.unlink(path)
            self._root.sync_directory(paths.split(path)[0])
            return b""
        with self._place(path) as (directory, name):
            self._root.adopt(path, expected, (directory, name), alone=False)
            return _within(self._root.state, directory) + b"/" + name

    def keep(self, path: bytes, replaced: Place) -> bytes:
        """Move here what was replaced at `path` and is at `replaced` now; its place here."""
        with self._place(path) as (directory, name):
            renameat2(*replaced, directory, name, RENAME_NOREPLACE)
            return _within(self._root.state, directory) + b"/" + name

    def _place(self, path: bytes) -> AbstractContextManager[Place]:
        return self._root.state.trash_place(path, self._clock.wall_ns())

    # -- what is in it ----------------------------------------------------------------------------

    def all(self) -> Iterator[Trashed]:
        """Every file, in no order."""
        for tree in self._trees():
            yield from self._below(tree, b"")

    def newest(self, most: int = TRASH_LISTED_MAX) -> tuple[list[Trashed], int, int]:
        """The newest files, newest first; how many there are, and their bytes."""
        count = size = 0

        def counted() -> Iterator[Trashed]:
            nonlocal count, size
            for one in self.all():
                count, size = count + 1, size + one.size
                yield one

        return heapq.nlargest(most, counted()), count, size

    def find(self, path: bytes, since_ns: int = 0) -> list[Trashed]:
        """The newest file of each path that is `path` or below it, not older than that."""
        best: dict[bytes, Trashed] = {}
        for tree in self._trees():
            for one in self._at(tree, path):
                known = best.get(one.path)
                if one.when_ns >= since_ns and (known is None or one.when_ns > known.when_ns):
                    best[one.path] = one
        return [best[each] for each in sorted(best)]

    def restore(self, one: Trashed, path: bytes) -> None:
        """Move a file out of the trash to the free name `path`; FileExistsError if it isn't free."""
        self._root.make_parents(path)
        self._root.restore(one.place, path)
        self._root.sync_directory(paths.split(path)[0])

    def purge(self, keep_seconds: float) -> tuple[int, int]:
        """Remove what is older than that; how many files, and their bytes."""
        oldest_ns = self._clock.wall_ns() - int(keep_seconds * 1e9)
        day = datetime.fromtimestamp(max(oldest_ns, 0) / 1e9, UTC).strftime("%Y-%m-%d")
        count = size = 0
        for tree in self._trees():
            if os.fsdecode(tree[:DAY]) < day:
                gone = [one.size for one in self._below(tree, b"")]
                self._remove_tree(tree)
            elif os.fsdecode(tree[:DAY]) == day:
                old = [one for one in self._below(tree, b"") if one.when_ns <= oldest_ns]
                gone = [one.size for one in old if self._remove(one)]
            else:
                continue
            count, size = count + len(gone), size + sum(gone)
        return count, size

    def _trees(self) -> list[bytes]:
        with closing(_Fd(self._root.state.open_trash())) as trash:
            return sorted(os.fsencode(name) for name in os.listdir(trash.fd))

    def _at(self, tree: bytes, path: bytes) -> Iterator[Trashed]:
        """Files of one tree at `path` or below."""
        place = b"trash/" + tree + (b"/" + path if path else b"")
        with suppress(FileNotFoundError, NotADirectoryError):
            found = os.lstat(place, dir_fd=self._root.state.fd)
            if stat.S_ISREG(found.st_mode):
                yield Trashed(found.st_ctime_ns, path, place, found.st_size)
            elif stat.S_ISDIR(found.st_mode):
                yield from self._below(tree, path)

    def _below(self, tree: bytes, path: bytes) -> Iterator[Trashed]:
        waiting = [path]
        while waiting:
            at = waiting.pop()
            place = b"trash/" + tree + (b"/" + at if at else b"")
            with closing(_Fd(os.open(place, _OPEN, dir_fd=self._root.state.fd))) as directory:
                for name in os.listdir(directory.fd):
                    inside = paths.join(at, os.fsencode(name))
                    found = os.lstat(name, dir_fd=directory.fd)
                    if stat.S_ISDIR(found.st_mode):
                        waiting.append(inside)
                    else:
                        where = place + b"/" + os.fsencode(name)
                        yield Trashed(found.st_ctime_ns, inside, where, found.st_size)

    def _remove(self, one: Trashed) -> bool:
        fd = self._root.state.fd
        with suppress(FileNotFoundError):  # restored meanwhile
            os.unlink(one.place, dir_fd=fd)
            above = os.path.dirname(one.place)
            with suppress(OSError):  # ENOTEMPTY: there is more in it
                while above != b"trash":
                    os.rmdir(above, dir_fd=fd)
                    above = os.path.dirname(above)
            return True
        return False

    def _remove_tree(self, tree: bytes) -> None:
        with closing(_Fd(self._root.state.open_trash())) as trash:
            shutil.rmtree(os.fsdecode(tree), dir_fd=trash.fd)


_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW


class _Fd:
    """A descriptor that is closed."""

    def __init__(self, fd: int) -> None:
        self.fd = fd

    def close(self) -> None:
        os.close(self.fd)


def _within(state: StateDirectory, directory: int) -> bytes:
    """Where an open directory is in the state directory, whatever is mounted over that."""
    whole, above = (os.fsencode(os.readlink(f"/proc/self/fd/{fd}")) for fd in (directory, state.fd))
    return whole[len(above) + 1 :]
