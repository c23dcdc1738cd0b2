"""Where an arena keeps what is its own: db, blobs, tmp and lock, on the filesystem of its root.

Realize and unrealize are renames between here and the root, so both must be one filesystem, and
one mount of it: a bind mount has the same device number and still refuses renames.
"""

import os
from contextlib import suppress
from pathlib import Path

from realizefs.model.errors import StoreFault
from realizefs.model.paths import STATE_DIR

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
        """Remove what a crash left in tmp/; only for who holds the lock. Returns how many."""
        names = os.listdir(self.tmp_fd)
        for name in names:
            os.unlink(name, dir_fd=self.tmp_fd)
        return len(names)

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


def _mount_of(fd: int) -> tuple[int, str]:
    """(device, mount id): equal means that a rename between them can work."""
    information = Path(f"/proc/self/fdinfo/{fd}").read_text(encoding="ascii")
    mount = next(line for line in information.splitlines() if line.startswith("mnt_id:"))
    return os.fstat(fd).st_dev, mount.removeprefix("mnt_id:").strip()
