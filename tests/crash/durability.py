"""What a power failure could take back: a model of the page cache, kept by watching the steps.

kill -9 loses nothing that was written, a power failure all that wasn't synced. So at each commit
it is asked what the database says, and whether the disk would say the same after a power failure:

- bytes that a blob's row promises were synced, and so was the name of its file (bytes, then range);
- what happened to names in the arena root was synced (rename, then fsync, then commit), so were
  the attributes of what the index calls real.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from realizefs.codec.index_records import decode_real
from realizefs.model.entries import RealRow
from realizefs.model.errors import StoreFault
from realizefs.model.ids import Inode
from realizefs.model.ranges import NO_RANGES, Ranges
from realizefs.store.keys import inode_of
from realizefs.store.queues import BlobRows, Step
from realizefs.store.schema import REAL
from realizefs.store.txn import Txn
from tests.crash.points import COMMIT
from tests.crash.points import Step as Taken
from tests.crash.world import World

_NAMES = {"link": 1, "mkdir": 0, "rmdir": 0, "symlink": 1, "unlink": 0, "open": 0}
"""Which argument is the name that changes."""
_ATTRIBUTES = ("chmod", "utime", "setxattr", "removexattr", "xattr.set", "xattr.remove")
_END = 2**63
"""Behind the end of every file."""
_EMPTY_FILES = "RootWork.create_empty"
"""Makes what is about to be written: nothing is promised about it."""


class Unsynced:
    """What of this world's disk is in memory only; `breaches` are sentences."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._bytes: dict[int, Ranges] = {}
        self._lost: dict[int, Ranges] = {}
        self._attributes: set[int] = set()
        self._names: set[str] = set()
        self._there = {str(path) for path in (world.state / "blobs").resolve().rglob("*")}
        self.breaches: list[str] = []
        self.commits = 0

    def watch(self, step: Taken) -> None:
        """After each step, in the thread that took it."""
        operation, arguments = step.operation, step.arguments
        if operation == COMMIT:
            self.commits += 1
            self.breaches += [f"{step.point}: {one}" for one in self._at_commit()]
        elif operation in ("fsync", "fdatasync"):
            self._synced(arguments[0], attributes=operation == "fsync")
        elif operation == "syncfs":
            self._bytes, self._attributes, self._names = {}, set(), set()
        elif operation == "pwrite":
            fd, data, start = arguments
            self._written(os.fstat(fd).st_ino, start, start + len(data))
        elif operation == "ftruncate":
            fd, size = arguments
            self._written(os.fstat(fd).st_ino, size, _END)
        elif operation in _ATTRIBUTES:
            found = _stat(step)
            if not stat.S_ISLNK(found.st_mode):  # can't be synced, but with its directory
                self._attributes.add(found.st_ino)
        elif operation == "renameat2":
            self._names |= {_path(*arguments[:2]), _path(*arguments[2:4])}
        elif operation in _NAMES and _EMPTY_FILES not in step.point:
            options = dict(step.options)
            directory = options.get("dst_dir_fd", options.get("dir_fd"))
            self._named(operation, _path(directory, arguments[_NAMES[operation]]))

    def _named(self, operation: str, path: str) -> None:
        if operation == "open" and path in self._there:
            return  # opened, not made
        self._names.add(path)
        self._there.discard(path)

    def watch_failed(self, step: Taken) -> None:
        """A sync that fails has lost what it was to write: the next one succeeds without it."""
        if step.operation in ("fsync", "fdatasync"):
            inode = os.fstat(step.arguments[0]).st_ino
            self._lose(inode, self._bytes.get(inode, NO_RANGES))
        elif step.operation == "syncfs":
            for inode, ranges in self._bytes.items():
                self._lose(inode, ranges)

    def _written(self, inode: int, start: int, end: int) -> None:
        self._bytes[inode] = self._bytes.get(inode, NO_RANGES).add(start, end)
        self._lost[inode] = self._lost.get(inode, NO_RANGES).without(start, end)

    def _lose(self, inode: int, ranges: Ranges) -> None:
        self._lost[inode] = self._lost.get(inode, NO_RANGES).union(ranges)

    def _synced(self, fd: int, *, attributes: bool) -> None:
        inode, path = os.fstat(fd).st_ino, os.readlink(f"/proc/self/fd/{fd}")
        self._bytes.pop(inode, None)
        if attributes:
            self._attributes.discard(inode)
        self._names = {name for name in self._names if os.path.dirname(name) != path}

    def _at_commit(self) -> list[str]:
        world = self._world
        found: list[str] = []
        root = str(world.root.resolve())
        found += [
            f"what happened to {name} isn't durable"
            for name in sorted(self._names)
            if name.startswith(f"{root}/") and not name.startswith(f"{root}/.realize")
        ]
        with world.store.env.read() as txn:
            for ino, row in _real(txn):
                if row.fingerprint.ino in self._attributes:
                    path = world.store.tree.path(txn, ino)
                    found.append(f"the attributes of {path!r} aren't durable")
        return found + self._blobs()

    def _blobs(self) -> list[str]:
        world, rows = self._world, BlobRows()
        found: list[str] = []
        with world.store.env.read() as txn:
            for key in list(txn.scan_keys("blob.row")):
                row = rows.get(txn, int.from_bytes(key, "big"))  # type: ignore[arg-type]
                if row is None or not row.ranges or rows.step(txn, row.id) is Step.ADOPTING:
                    continue
                file = Path(world.state / "blobs" / os.fsdecode(_name(world, row.id))).resolve()
                if not file.exists():
                    continue
                if self._in_memory(file.stat().st_ino, row.ranges):
                    found.append(f"the bytes of blob {row.id} aren't durable")
                if str(file) in self._names:
                    found.append(f"the name of blob {row.id} isn't durable")
        return found

    def _in_memory(self, inode: int, ranges: Ranges) -> bool:
        """Whether a power failure takes any of these bytes of a file."""
        unsynced = self._bytes.get(inode, NO_RANGES).union(self._lost.get(inode, NO_RANGES))
        return any(unsynced.overlaps(start, end) for start, end in ranges)


def _real(txn: Txn) -> Iterator[tuple[Inode, RealRow]]:
    """The real files, but for rows that are damaged: they promise nothing."""
    for key, value in list(txn.scan(REAL)):
        with suppress(StoreFault):
            yield inode_of(key), decode_real(value)


def _name(world: World, blob: int) -> bytes:
    return world.store.blobs.moves.file_name(blob)  # type: ignore[arg-type]


def _stat(step: Taken) -> os.stat_result:
    """Of what a change of attributes was made to."""
    options = dict(step.options)
    return os.stat(
        step.arguments[0],
        dir_fd=options.get("dir_fd"),
        follow_symlinks=options.get("follow_symlinks", True),
    )


def _path(directory: int | None, name: bytes | str) -> str:
    """The absolute path of a name in an open directory."""
    above = os.getcwd() if directory is None else os.readlink(f"/proc/self/fd/{directory}")
    return os.path.join(above, os.fsdecode(name))
