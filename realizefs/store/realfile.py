"""The one way to the real files of an arena: `Root`.

Every path is relative to a directory fd that is opened once, before the mount is laid over the
same directory, and is resolved by openat2: nothing a peer or a local program puts in the root
makes us follow a symlink or leave it (R7). Operations on a name open the parent directory that
way and then use the *at call on the last name, without following it either.

The arena's own state directory doesn't exist for callers: FileNotFoundError.
"""

import errno
import os
import re
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import xattr

from realizefs.model.entries import Fingerprint
from realizefs.model.errors import RootGone
from realizefs.model.paths import STATE_DIR, components, is_reserved, join, show, split
from realizefs.model.versions import Kind
from realizefs.store.fingerprint import fingerprint_of
from realizefs.store.openat import RENAME_NOREPLACE, RENAME_WHITEOUT, openat2, renameat2
from realizefs.store.publish import Keeper, Place, put_directory, put_in, take_out
from realizefs.store.statedir import StateDirectory

_NOT_PLAIN = re.compile(rb"(?:\A|/)\.{0,2}(?:/|\Z)|\0")
"""Paths that the kernel would read otherwise than we do: empty, "." or ".." names, zero bytes."""

_LINK = os.O_PATH | os.O_NOFOLLOW

OWNER_SECONDS = 1.0
"""Seconds for which it is taken for granted whose the root is."""


@dataclass(frozen=True, slots=True)
class NativeName:
    """One name in a directory; `kind` None for what isn't synced (devices, fifos, sockets)."""

    name: bytes
    kind: Kind | None


class Root:
    """The arena root at `path`; its own state in `state_dir` (default: `path`/.realize).

    Any thread. OSErrors pass through unchanged (EINVAL: a path with "." or ".." in it). RootGone
    if there is no such directory, StoreFault if the state directory can't serve it.
    """

    def __init__(self, path: Path, state_dir: Path | None = None) -> None:
        self.path = path.absolute()
        try:
            self.fd = os.open(self.path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise RootGone(
                f'The arena root "{path}" can\'t be opened: {error.strerror}.'
            ) from error
        try:
            self._owner, self._owner_until = os.fstat(self.fd), 0.0
            self.device = self._owner.st_dev
            chosen = state_dir or self.path / os.fsdecode(STATE_DIR)
            self.state = StateDirectory(chosen.absolute(), self.path, self.fd)
        except BaseException:
            os.close(self.fd)
            raise

    def close(self) -> None:
        """Close all directory fds; again is harmless."""
        if self.fd >= 0:
            self.state.close()
            os.close(self.fd)
            self.fd = -1

    # -- looking ----------------------------------------------------------------------------

    def open(self, path: bytes, flags: int, mode: int = 0) -> int:
        """An fd, close-on-exec; ELOOP where `path` is a symlink (but O_PATH|O_NOFOLLOW)."""
        _check(path)
        return openat2(self.fd, path or b".", flags, mode)

    def lstat(self, path: bytes) -> os.stat_result:
        """stat of the name itself."""
        _check(path)
        if b"/" not in path:
            return os.stat(path or b".", dir_fd=self.fd, follow_symlinks=False)
        fd = openat2(self.fd, path, _LINK)
        try:
            return os.fstat(fd)
        finally:
            os.close(fd)

    def owner(self) -> os.stat_result:
        """stat of the root as it was at most OWNER_SECONDS ago: whose it is hardly ever changes."""
        now = time.monotonic()
        if now > self._owner_until:
            self._owner, self._owner_until = self.lstat(b""), now + OWNER_SECONDS
        return self._owner

    def fingerprint(self, path: bytes) -> Fingerprint:
        """The fingerprint of the name itself."""
        return fingerprint_of(self.lstat(path))

    def fingerprint_if_any(self, path: bytes) -> Fingerprint | None:
        """The same; None where there is nothing of that name, or a symlink on the way to it."""
        try:
            return self.fingerprint(path)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
                return None
            raise

    def list(self, path: bytes) -> Sequence[NativeName]:
        """The names in a directory, in no order, without . and .. and our own state."""
        fd = self.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            with os.scandir(fd) as found:
                names = [NativeName(os.fsencode(one.name), _kind(one)) for one in found]
        finally:
            os.close(fd)
        return names if path else [one for one in names if one.name != STATE_DIR]

    def readlink(self, path: bytes) -> bytes:
        """Where the symlink points; EINVAL if it is none."""
        with self._place(path) as (parent, name):
            return os.readlink(name, dir_fd=parent)

    def statvfs(self) -> os.statvfs_result:
        """Of the filesystem of the root."""
        return os.statvfs(self.fd)

    # -- changing names ---------------------------------------------------------------------

    def mkdir(self, path: bytes, mode: int = 0o755) -> None:
        """Make one directory; not durable."""
        with self._place(path) as (parent, name):
            os.mkdir(name, mode, dir_fd=parent)

    def rmdir(self, path: bytes) -> None:
        """Remove an empty directory."""
        with self._place(path) as (parent, name):
            os.rmdir(name, dir_fd=parent)

    def unlink(self, path: bytes) -> None:
        """Remove a name that is no directory."""
        with self._place(path) as (parent, name):
            os.unlink(name, dir_fd=parent)

    def symlink(self, target: bytes, path: bytes) -> None:
        """Make `path` point to `target`, which is stored as it is and never followed."""
        with self._place(path) as (parent, name):
            os.symlink(target, name, dir_fd=parent)

    def mknod(self, path: bytes, mode: int, device: int = 0) -> None:
        """Make a file, fifo, socket or device; `mode` has the type."""
        with self._place(path) as (parent, name):
            os.mknod(name, mode, device, dir_fd=parent)

    def link(self, old: bytes, new: bytes) -> None:
        """Another name for the same file; a symlink is linked itself."""
        with self._place(old) as (old_parent, old_name), self._place(new) as (parent, name):
            os.link(old_name, name, src_dir_fd=old_parent, dst_dir_fd=parent, follow_symlinks=False)

    def rename(self, old: bytes, new: bytes, flags: int = 0) -> None:
        """renameat2 with RENAME_NOREPLACE or RENAME_EXCHANGE; nothing is synced."""
        if flags & RENAME_WHITEOUT:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), old)
        with self._place(old) as (old_parent, old_name), self._place(new) as (parent, name):
            renameat2(old_parent, old_name, parent, name, flags)

    def make_parents(self, path: bytes, mode: int = 0o755) -> Sequence[bytes]:
        """Make the missing directories above `path`; returns those made, outermost first."""
        made = []
        directory = b""
        for name in components(path)[:-1]:
            directory = join(directory, name)
            try:
                self.mkdir(directory, mode)
            except FileExistsError:
                continue  # if it isn't a directory, the next step says so
            made.append(directory)
        return made

    # -- changing attributes ----------------------------------------------------------------

    def chmod(self, path: bytes, mode: int) -> None:
        """Of what is no symlink: EOPNOTSUPP."""
        with self._magic(path) as name:
            os.chmod(name, mode)

    def chown(self, path: bytes, uid: int, gid: int) -> None:
        """-1 leaves one as it is."""
        with self._place(path) as (parent, name):
            os.chown(name, uid, gid, dir_fd=parent, follow_symlinks=False)

    def utime_ns(self, path: bytes, atime_ns: int | None, mtime_ns: int | None) -> None:
        """Nanoseconds since 1970; None leaves one as it is."""
        with self._place(path) as (parent, name):
            if atime_ns is None or mtime_ns is None:
                now = os.stat(name, dir_fd=parent, follow_symlinks=False)
                atime_ns = now.st_atime_ns if atime_ns is None else atime_ns
                mtime_ns = now.st_mtime_ns if mtime_ns is None else mtime_ns
            os.utime(name, ns=(atime_ns, mtime_ns), dir_fd=parent, follow_symlinks=False)

    def truncate(self, path: bytes, size: int) -> None:
        """Cut or lengthen a regular file."""
        fd = self.open(path, os.O_WRONLY | os.O_NONBLOCK)
        try:
            os.ftruncate(fd, size)
        finally:
            os.close(fd)

    def getxattr(self, path: bytes, name: bytes) -> bytes:
        """The value; ENODATA if there is none."""
        with self._magic(path) as item:
            return xattr.get(item, name)

    def setxattr(self, path: bytes, name: bytes, value: bytes, flags: int = 0) -> None:
        """`flags`: XATTR_CREATE or XATTR_REPLACE of os."""
        with self._magic(path) as item:
            xattr.set(item, name, value, flags)

    def removexattr(self, path: bytes, name: bytes) -> None:
        """ENODATA if there is none."""
        with self._magic(path) as item:
            xattr.remove(item, name)

    def listxattr(self, path: bytes) -> Sequence[bytes]:
        """The names of all attributes that we may see."""
        with self._magic(path) as item:
            return xattr.list(item)

    # -- making it last, and moving contents in and out ---------------------------------------

    def sync_directory(self, path: bytes) -> None:
        """Make the names in it durable."""
        with self._directory(path) as fd:
            os.fsync(fd)

    def sync(self, path: bytes) -> None:
        """Make a file or directory durable, attributes included, if we may open it at all; what
        is neither can't be."""
        mode = self.lstat(path).st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            return
        with suppress(PermissionError):
            fd = self.open(path, os.O_RDONLY | os.O_NONBLOCK)
            try:
                os.fsync(fd)
            finally:
                os.close(fd)

    def make_directory(
        self, path: bytes, mode: int, mtime_ns: int | None, prepare: Callable[[int], None]
    ) -> None:
        """A durable directory with permissions and mtime; see `publish.put_directory`."""
        parent, name = self._split(path)
        with self._directory(parent) as fd:
            put_directory(self.state.temp.place(name), (fd, name), mode, mtime_ns, prepare)

    def publish(
        self,
        temp_name: bytes,
        path: bytes,
        expected: Fingerprint | None,
        keeper: Keeper | None = None,
    ) -> Fingerprint:
        """Move a temp file, synced by the caller, to `path`; durable. See `publish.put_in`."""
        parent, name = self._split(path)
        with self._directory(parent) as fd:
            source = (self.state.tmp_fd, temp_name)
            return put_in(source, (fd, name), expected, show(path), keeper)

    def adopt(
        self, path: bytes, expected: Fingerprint, to: tuple[int, bytes], *, alone: bool = True
    ) -> None:
        """Move the real file `path` out to a place of our own; see `publish.take_out`."""
        parent, name = self._split(path)
        with self._directory(parent) as fd:
            take_out((fd, name), expected, to, show(path), alone=alone)

    def restore(self, place: bytes, path: bytes) -> None:
        """Move a file of the state directory, say from the trash, to the free name `path`."""
        self.put_back((self.state.fd, place), path)

    def put_back(self, place: Place, path: bytes) -> None:
        """The same for a file of any directory of ours."""
        with self._place(path) as (parent, name):
            renameat2(*place, parent, name, RENAME_NOREPLACE)

    # -- ways in ------------------------------------------------------------------------------

    @contextmanager
    def _place(self, path: bytes) -> Iterator[Place]:
        """(O_PATH fd of the parent, last name); for the root itself ".", which can't be moved."""
        _check(path)
        if b"/" not in path:
            yield self.fd, path or b"."
            return
        parent, name = split(path)
        fd = openat2(self.fd, parent, os.O_PATH | os.O_DIRECTORY)
        try:
            yield fd, name
        finally:
            os.close(fd)

    def _split(self, path: bytes) -> tuple[bytes, bytes]:
        _check(path)
        if not path:
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY), path)
        return split(path)

    @contextmanager
    def _directory(self, path: bytes) -> Iterator[int]:
        fd = self.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            yield fd
        finally:
            os.close(fd)

    @contextmanager
    def _magic(self, path: bytes) -> Iterator[str]:
        """A path that means the very inode, for calls that have no *at form."""
        fd = self.open(path, _LINK)
        try:
            yield f"/proc/self/fd/{fd}"
        finally:
            os.close(fd)


def _check(path: bytes) -> None:
    """Refuse what isn't a plain path below the root, and what is our own."""
    if path and _NOT_PLAIN.search(path):
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), path)
    if path.startswith(STATE_DIR) and is_reserved(path):
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)


def _kind(entry: os.DirEntry[str]) -> Kind | None:
    """From the d_type of the listing; a stat only where the filesystem gives none."""
    if entry.is_file(follow_symlinks=False):
        return Kind.FILE
    if entry.is_dir(follow_symlinks=False):
        return Kind.DIRECTORY
    return Kind.SYMLINK if entry.is_symlink() else None
