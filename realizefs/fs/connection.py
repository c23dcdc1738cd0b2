"""The kernel's side of the mount, as far as it lets itself be set from outside.

Of the settings that libfuse has for it pyfuse3 passes none on. Some are files: in the file system
"fusectl", which systemd mounts and where they belong to whoever mounted, and in sysfs, where they
are root's. Where they can't be written, the mount does without.
"""

import logging
import os
from collections.abc import Callable
from functools import partial
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

    Takes some milliseconds; blocks."""
    disk = sys / "class/bdi" / f"{os.major(device)}:{os.minor(device)}" / "read_ahead_kb"
    _write(str(disk), partial(os.open, disk, os.O_WRONLY), READ_AHEAD_KIB)
    setting = partial(hand.open_setting, device, connections=str(sys / "fs/fuse/connections"))
    if not _write("max_background", partial(setting, "max_background"), BACKGROUND):
        return BACKGROUND_DEFAULT
    threshold = "congestion_threshold"
    _write(threshold, partial(setting, threshold), BACKGROUND * 3 // 4)
    return BACKGROUND


def _write(name: str, opened: Callable[[], int], value: int) -> bool:
    """Into a file that can't seek, as open() wants it to."""
    try:
        fd = opened()
        try:
            os.write(fd, b"%d\n" % value)
        finally:
            os.close(fd)
    except OSError as error:
        log.debug("%s can't be set to %d: %s.", name, value, error.strerror)
        return False
    return True
