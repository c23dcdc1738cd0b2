"""A lock that dies with its process: one daemon per home, one per arena (DESIGN 7.1).

flock belongs to the open file, so the kernel drops it however the process ends; the file itself
stays and means nothing. The holder's process id in it is only for the sentence.
"""

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from realizefs.model.errors import AlreadyRunning, StoreFault


class Lock:
    """Holds the lock file `path` from construction to `close`.

    Raises AlreadyRunning where another process (or another Lock of this one) holds it, and
    StoreFault where the file can't be made.
    """

    def __init__(self, path: Path, shown: Path | None = None) -> None:
        """`shown` is the directory that the sentence names, if it isn't that of `path`."""
        self._fd = _open(path)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._fd, 20, 0).decode("ascii", "replace").strip()
            os.close(self._fd)
            self._fd = -1
            who = f"process {holder}" if holder else "another process"
            raise AlreadyRunning(
                f'"{shown or path.parent}" is already in use by {who}; stop that one first.'
            ) from None
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, f"{os.getpid()}\n".encode(), 0)

    def close(self) -> None:
        """Let the next one in; again is harmless."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise StoreFault(f'The lock "{path}" can\'t be opened: {error.strerror}.') from error
