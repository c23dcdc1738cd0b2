"""The kernel's side of the mount, as far as it lets itself be set from outside.

Of the settings that libfuse has for it pyfuse3 passes none on. Some are files: in the file system
"fusectl", which systemd mounts and where they belong to whoever mounted, and in sysfs, where they
are root's. Where they can't be written, the mount does without.
"""

import logging
import os
import threading
from pathlib import Path

from realizefs.fs import hand

log = logging.getLogger(__name__)

SYS = Path("/sys")

BACKGROUND_DEFAULT = 12
"""Requests in the background that the kernel has under way at once, if nobody says otherwise."""

BACKGROUND = 512
"""Those that we would like: hundreds of readers waiting for a peer hold nobody up, and half of
the requests that are answered at once remain (FUSE_TASKS_MAX)."""

READ_AHEAD_KIB = 512
"""KiB read ahead of a sequential reader, 128 otherwise: a third faster, and more gives no more."""


def widen(device: int, sys: Path = SYS) -> int:
    """Let the kernel ask for more at once; how many background requests it has from now on.

    Takes some milliseconds, in a thread that isn't used again: see hand.show_connection."""
    widened: list[int] = []
    thread = threading.Thread(target=lambda: widened.append(_widen(device, sys)))
    thread.start()
    thread.join()
    return widened[0] if widened else BACKGROUND_DEFAULT


def _widen(device: int, sys: Path) -> int:
    name = f"{os.major(device)}:{os.minor(device)}"
    _write(sys / "class/bdi" / name / "read_ahead_kb", READ_AHEAD_KIB)
    try:
        hand.show_connection(device)
    except OSError as error:
        log.debug("The connection's settings can't be reached: %s.", error.strerror)
        return BACKGROUND_DEFAULT
    connection = sys / "fs/fuse/connections" / str(os.minor(device))
    if not _write(connection / "max_background", BACKGROUND):
        return BACKGROUND_DEFAULT
    _write(connection / "congestion_threshold", BACKGROUND * 3 // 4)
    return BACKGROUND


def _write(setting: Path, value: int) -> bool:
    try:
        fd = os.open(setting, os.O_WRONLY)  # these files can't seek, as open() wants them to
        try:
            os.write(fd, b"%d\n" % value)
        finally:
            os.close(fd)
    except OSError as error:
        log.debug("%s stays as it is: %s.", setting, error.strerror)
        return False
    return True
