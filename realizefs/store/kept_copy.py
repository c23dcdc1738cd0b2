"""The copy of a database that is kept when it is migrated, for who wants the older program back.

It stands beside the database, `db.format-2` beside `db`, whole or not at all, and only the latest is
kept. Moved to where the database is, it is what a backup of that day would be: what happened since is
heard again from the other machines, and plain files are looked at anew.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import lmdb

from realizefs.model.errors import DiskFull, StoreFault
from realizefs.store import dbdir

_ROOM_BYTES_MIN = 1 << 20
"""Bytes; a copy that failed with less than this free failed for the lack of room."""


def keep_copy(opened: lmdb.Environment, directory: Path, version: int) -> None:
    """Copy what is committed, durably; blocking. StoreFault, or DiskFull, where that can't be: then
    nothing has changed."""
    kept = directory.with_name(f"{directory.name}.format-{version}")
    begun = directory.with_name(f"{kept.name}.new")
    try:
        shutil.rmtree(begun, ignore_errors=True)  # of a start that a crash ended
        begun.mkdir(mode=0o700)
        opened.copy(str(begun), compact=True)
        _sync(begun / dbdir.DATA_FILE)
        dbdir.sync(begun)
        older = [path for path in copies_of(directory) if path != begun]
        for path in older:
            shutil.rmtree(path)
        begun.rename(kept)
        dbdir.sync(kept)
    except (OSError, lmdb.Error) as error:
        shutil.rmtree(begun, ignore_errors=True)
        said = f'No copy of "{directory}" can be kept before it is migrated'
        disk = os.statvfs(directory)
        if disk.f_bavail * disk.f_frsize < _ROOM_BYTES_MIN or isinstance(error, lmdb.DiskError):
            raise DiskFull(f"{said}: the disk is full. Make room, or say {NO_COPY}.") from error
        raise StoreFault(f"{said}: {error}; it can be done without by {NO_COPY}.") from error


NO_COPY = '`upgrade = "migrate"` in config.toml'


def copies_of(directory: Path) -> Iterator[Path]:
    """What is kept of a database, whole or begun."""
    yield from sorted(directory.parent.glob(f"{directory.name}.format-*"))


def _sync(file: Path) -> None:
    fd = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
