"""What a power failure could take back: a model of the page cache, kept by watching the steps.

kill -9 loses nothing that was written, a power failure all that wasn't synced. So at each commit
it is asked what the database says, and whether the disk would say the same after a power failure:

- bytes that a blob's row promises were synced, and so was the name of its file (bytes, then range);
- what happened to names in the arena root was synced (rename, then fsync, then commit), so were
  the attributes of what the index calls real.
"""

import os
import stat
from pathlib import Path

from realizefs.store.queues import BlobRows, Step
from tests.crash.points import COMMIT
from tests.crash.points import Step as Taken
from tests.crash.world import World

_NAMES = {"link": 1, "mkdir": 0, "rmdir": 0, "symlink": 1, "unlink": 0, "open": 0}
"""Which argument is the name that changes."""
_ATTRIBUTES = ("chmod", "utime", "setxattr", "removexattr", "xattr.set", "xattr.remove")
_EMPTY_FILES = "RootWork.create_empty"
"""Makes what is about to be written: nothing is promised about it."""


class Unsynced:
    """What of this world's disk is in memory only; `breaches` are sentences."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._bytes: set[int] = set()
        self._lost: set[int] = set()
        self._attributes: set[int] = set()
        self._names: set[str] = set()
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
            self._bytes, self._attributes, self._names = set(), set(), set()
        elif operation in ("pwrite", "ftruncate"):
            self._bytes.add(os.fstat(arguments[0]).st_ino)
            self._lost.discard(os.fstat(arguments[0]).st_ino)
        elif operation in _ATTRIBUTES:
            found = _stat(step)
            if not stat.S_ISLNK(found.st_mode):  # can't be synced, but with its directory
                self._attributes.add(found.st_ino)
        elif operation == "renameat2":
            self._names |= {_path(*arguments[:2]), _path(*arguments[2:4])}
        elif operation in _NAMES and _EMPTY_FILES not in step.point:
            options = dict(step.options)
            directory = options.get("dst_dir_fd", options.get("dir_fd"))
            self._names.add(_path(directory, arguments[_NAMES[operation]]))

    def watch_failed(self, step: Taken) -> None:
        """A sync that fails has lost what it was to write: the next one succeeds without it."""
        if step.operation in ("fsync", "fdatasync"):
            self._lost |= self._bytes & {os.fstat(step.arguments[0]).st_ino}
        elif step.operation == "syncfs":
            self._lost |= self._bytes

    def _synced(self, fd: int, *, attributes: bool) -> None:
        inode, path = os.fstat(fd).st_ino, os.readlink(f"/proc/self/fd/{fd}")
        self._bytes.discard(inode)
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
            for ino, row in list(world.store.real.all(txn)):
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
                if file.stat().st_ino in self._bytes | self._lost:
                    found.append(f"the bytes of blob {row.id} aren't durable")
                if str(file) in self._names:
                    found.append(f"the name of blob {row.id} isn't durable")
        return found


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
