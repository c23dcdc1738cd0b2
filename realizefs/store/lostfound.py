"""`lost+found` in an arena's state directory: where a repair puts bytes that it can't place.

Nothing empties it but its user. A name there says when it came and what it was.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from realizefs.store.publish import Place
from realizefs.store.statedir import StateDirectory

NAME = "lost+found"


@contextmanager
def new_place(state: StateDirectory, what: bytes) -> Iterator[Place]:
    """(directory fd, new name) for a rename; `what` becomes part of the name."""
    with suppress(FileExistsError):
        os.mkdir(NAME, 0o700, dir_fd=state.fd)
    fd = os.open(NAME, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=state.fd)
    try:
        stamp = time.strftime("%Y-%m-%d-%H%M%S", time.gmtime()).encode()
        plain = what.replace(b"/", b"-")[-200:]
        name = b"%s-%s" % (stamp, plain)
        attempt = 1
        while _exists(fd, name):
            attempt += 1
            name = b"%s-%d-%s" % (stamp, attempt, plain)
        yield fd, name
        os.fsync(fd)
    finally:
        os.close(fd)


def _exists(directory: int, name: bytes) -> bool:
    with suppress(FileNotFoundError):
        os.lstat(name, dir_fd=directory)
        return True
    return False
