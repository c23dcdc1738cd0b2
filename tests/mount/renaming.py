"""renameat2 as a program calls it."""

import os
from pathlib import Path

from realizefs.store.openat import RENAME_EXCHANGE, renameat2


def rename(old: Path, new: Path, flags: int) -> None:
    """Rename with flags, absolute paths."""
    fd = os.open("/", os.O_PATH)
    try:
        renameat2(fd, bytes(old), fd, bytes(new), flags)
    finally:
        os.close(fd)


def exchange(one: Path, other: Path) -> None:
    """Each gets the other's name."""
    rename(one, other, RENAME_EXCHANGE)
