"""Reading what the page cache has without waiting; what it hasn't is read by a worker thread.

Asking the disk for 64 KiB around a small read that has to wait, instead of the page, was tried: random
reads of a file that wasn't cached came as slowly (600 to 900 a second on a busy machine, either way).
"""

import errno
import os


def read_at_once(fd: int, buffer: memoryview, start: int) -> int | None:
    """Bytes that were read without waiting for the disk, 0 if there are none at `start`; None where
    the file system can't say (EOPNOTSUPP)."""
    try:
        return os.preadv(fd, [buffer], start, os.RWF_NOWAIT)
    except BlockingIOError:
        return 0
    except OSError as error:
        if error.errno != errno.EOPNOTSUPP:
            raise
        return None


def read_waiting(fd: int, buffer: memoryview, start: int) -> int:
    """Read until `buffer` is full or the file ends. Worker thread."""
    got = 0
    while got < len(buffer):
        count = os.preadv(fd, [buffer[got:]], start + got)
        if not count:
            break
        got += count
    return got
