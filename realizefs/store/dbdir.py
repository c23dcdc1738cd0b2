"""The directory of a database: made, opened as one LMDB environment, and safe on the disk."""

import os
from pathlib import Path

import lmdb

from realizefs.model.errors import StoreFault
from realizefs.store.mapsize import first_sizes

READERS_MAX = 512
"""Read transactions open at once: each worker thread and the trio thread, with room."""

DATA_FILE = "data.mdb"
"""What LMDB calls its file."""


def make(directory: Path) -> None:
    """Make it if it is missing; StoreFault where that can't be."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StoreFault(
            f'The directory of the database "{directory}" can\'t be made: {error.strerror}.'
        ) from error


def open_database(directory: Path, map_bytes: int, tables_max: int) -> lmdb.Environment:
    """With as much address space as can be had; raises what LMDB raised for the least."""
    sizes = list(first_sizes(directory / DATA_FILE, map_bytes))
    for size in sizes:
        try:
            return lmdb.open(
                str(directory),
                map_size=size,
                max_dbs=tables_max,
                max_readers=READERS_MAX,
                max_spare_txns=16,
                readahead=False,
                mode=0o600,
            )
        except lmdb.MemoryError:
            if size == sizes[-1]:
                raise
    raise AssertionError("there is always a size to try")


def reach_the_last_page(directory: Path, used_bytes: int) -> None:
    """A file that was cut short gets zeros where its pages were: LMDB says of such that they are
    damaged, while touching what lies beyond the end of a mapped file kills the process. The
    last pages of a sound one may be missing as well; those are free."""
    data = directory / DATA_FILE
    if data.stat().st_size < used_bytes:
        os.truncate(data, used_bytes)


def sync(directory: Path) -> None:
    """A database whose files were just made is there after a power loss, too."""
    for path in (directory, directory.parent):
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
