"""A directory in memory (tmpfs): databases in it are as real as on disk, and fsync costs nothing."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

TMPFS = Path("/dev/shm")


@contextmanager
def in_memory() -> Iterator[Path]:
    """Removed at the end, whatever happens inside."""
    with TemporaryDirectory(prefix="realizefs-", dir=TMPFS) as directory:
        yield Path(directory)
