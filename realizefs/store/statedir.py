"""Where an arena keeps what is its own: db, blobs, tmp and lock, on the filesystem of its root.

Realize and unrealize are renames between here and the root, so both must be one filesystem, and
one mount of it: a bind mount has the same device number and still refuses renames.
"""

import errno
import os
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from itertools import chain, count
from pathlib import Path

from realizefs.model.errors import StoreFault
from realizefs.model.limits import TRASHED_PATH_BYTES_MAX
from realizefs.model.paths import STATE_DIR, components, split
from realizefs.store.kept_copy import copies_of
from realizefs.store.openat import RENAME_NOREPLACE, renameat2
from realizefs.store.temporary import PREFIX_BYTES, Temporary

_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


class StateDirectory:
    """The open state directory `path` of the root open as `root_fd`; made if missing.

    `fd`, `tmp_fd`, `blobs_fd` are directory fds. StoreFault where it can't be used.
    """

    def __init__(self, path: Path, root: Path, root_fd: int) -> None:
        self.path = path
        if path.is_relative_to(root) and path != root / os.fsdecode(STATE_DIR):
            raise StoreFault(
                f'The state directory "{path}" is inside the arena root "{root}"; only '
                f'"{root / os.fsdecode(STATE_DIR)}" may be, or a directory outside of it.'
            )
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.fd = os.open(path, _OPEN)
        except OSError as error:
            raise StoreFault(
                f'The state directory "{path}" can\'t be used: {error.strerror}.'
            ) from error
        try:
            if _mount_of(self.fd) != _mount_of(root_fd):
                raise StoreFault(
                    f'The state directory "{path}" is not on the filesystem of the arena root '
                    f'"{root}"; choose one that is (files move between the two).'
                )
            self.tmp_fd = self._subdirectory(b"tmp")
            self.temp = Temporary(self.tmp_fd)
            self.blobs_fd = self._subdirectory(b"blobs")
            os.close(self._subdirectory(b"db"))
        except BaseException:
            self.close()
            raise

    tmp_fd: int = -1
    blobs_fd: int = -1

    @property
    def database(self) -> Path:
        """The directory of the LMDB environment; to be opened before a mount hides it."""
        return self.path / "db"

    @property
    def lock(self) -> Path:
        """The lock file; as `database`."""
        return self.path / "lock"

    def empty_temp(self) -> int:
        """Clear away what a crash left in tmp/; only for who holds the lock. Returns how many.

        Second names of blobs, symlinks and empty directories were ours. A file that has no other
        name, or a directory with something in it, is a user's, who was being replaced, or came
        in between (`publish`): it goes to the trash.
        """
        names = [os.fsencode(name) for name in os.listdir(self.tmp_fd)]
        for name in names:
            found = os.lstat(name, dir_fd=self.tmp_fd)
            if stat.S_ISDIR(found.st_mode):
                try:
                    os.rmdir(name, dir_fd=self.tmp_fd)
                except OSError as error:
                    if error.errno != errno.ENOTEMPTY:
                        raise
                    self._to_trash(name)
            elif stat.S_ISREG(found.st_mode) and found.st_nlink == 1 and found.st_size:
                self._to_trash(name)
            else:
                os.unlink(name, dir_fd=self.tmp_fd)
        return len(names)

    def _to_trash(self, temp_name: bytes) -> None:
        """Under the name that it had, or, if that isn't known, under the one in tmp/."""
        path = temp_name[PREFIX_BYTES:] or temp_name
        with self.trash_place(path, time.time_ns()) as (day, new):
            renameat2(self.tmp_fd, temp_name, day, new, RENAME_NOREPLACE)

    @contextmanager
    def trash_place(self, path: bytes, wall_ns: int) -> Iterator[tuple[int, bytes]]:
        """(syncable fd, free name) for what was at `path` and goes to the trash now: under that
        path in the tree of the day, or of this moment where the day's has something there."""
        above, name = split(path)
        if len(path) > TRASHED_PATH_BYTES_MAX:
            above = b""  # a path in the state directory is longer, and must be one
        now = datetime.fromtimestamp(wall_ns / 1e9, UTC)
        trees = chain(
            [now.strftime("%Y-%m-%d")],
            (f"{now:%Y-%m-%d %H%M%S.%f}{'-' * attempt}" for attempt in count()),
        )
        directory = -1
        for tree in trees:
            directory = self._trash_directory(tree, above)
            if directory >= 0 and not _exists(directory, name):
                break
            if directory >= 0:
                os.close(directory)
        try:
            yield directory, name
        finally:
            os.close(directory)

    def _trash_directory(self, tree: str, above: bytes) -> int:
        """An fd of a directory of a tree, made if missing; -1 where a file has the name of one."""
        at = self.open_trash()
        try:
            for name in (os.fsencode(tree), *components(above)):
                inside = self._lasting_directory(at, name)
                os.close(at)
                at = inside
        except OSError as error:
            os.close(at)
            if error.errno not in (errno.ENOTDIR, errno.ELOOP):
                raise
            return -1
        return at

    def open_trash(self) -> int:
        """An fd of the trash, made if missing."""
        return self._lasting_directory(self.fd, "trash")

    @staticmethod
    def _lasting_directory(above: int, name: str | bytes) -> int:
        """An fd of a directory that a power failure doesn't take away with what is moved there."""
        try:
            os.mkdir(name, 0o700, dir_fd=above)
        except FileExistsError:
            pass
        else:
            os.fsync(above)
        return os.open(name, _OPEN | os.O_NOFOLLOW, dir_fd=above)

    def close(self) -> None:
        """Close what is open; again is harmless."""
        for name in ("fd", "tmp_fd", "blobs_fd"):
            if getattr(self, name) >= 0:
                os.close(getattr(self, name))
                setattr(self, name, -1)

    def _subdirectory(self, name: bytes) -> int:
        with suppress(FileExistsError):  # from an earlier start
            os.mkdir(name, 0o700, dir_fd=self.fd)
        return os.open(name, _OPEN | os.O_NOFOLLOW, dir_fd=self.fd)


def _exists(directory: int, name: bytes) -> bool:
    with suppress(FileNotFoundError):
        os.lstat(name, dir_fd=directory)
        return True
    return False


def discard(path: Path) -> None:
    """Remove the database, the cache and what else is only ours; the directory, too, unless there
    is something in the trash or in lost+found. Blocking.

    The database goes first: without it the rest is nobody's, and nothing is mistaken for it.
    """
    for name in ("db", "blobs", "tmp"):
        if (path / name).exists():
            shutil.rmtree(path / name)
    for copy in copies_of(path / "db"):
        shutil.rmtree(copy)
    (path / "lock").unlink(missing_ok=True)
    for kept in (path / "trash", path / "lost+found"):
        for directory, _, _ in os.walk(kept, topdown=False):
            with suppress(OSError):  # ENOTEMPTY
                os.rmdir(directory)
    with suppress(OSError):
        path.rmdir()


def _mount_of(fd: int) -> tuple[int, str]:
    """(device, mount id): equal means that a rename between them can work."""
    information = Path(f"/proc/self/fdinfo/{fd}").read_text(encoding="ascii")
    mount = next(line for line in information.splitlines() if line.startswith("mnt_id:"))
    return os.fstat(fd).st_dev, mount.removeprefix("mnt_id:").strip()
