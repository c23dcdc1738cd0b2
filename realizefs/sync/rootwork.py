"""What actions do in the arena root: blocking, in worker threads, and without a transaction.

Each is one rename, or a few steps of which the last is; Busy means that the native file isn't the
one that was indexed, and that nothing was done to it.
"""

import errno
import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

from realizefs.model import paths
from realizefs.model.blobs import BlobRow
from realizefs.model.entries import Entry, Fingerprint, RealRow
from realizefs.model.errors import Busy
from realizefs.model.ids import Inode
from realizefs.model.marks import Mark
from realizefs.model.versions import LOCAL_MODE, Kind, Version
from realizefs.store import in_root
from realizefs.store.arena import ArenaStore
from realizefs.store.blob import Blob
from realizefs.store.fingerprint import NEVER_INDEXED, fingerprint_of, same_but_renamed
from realizefs.store.openat import RENAME_NOREPLACE
from realizefs.store.realfile import Root
from realizefs.store.txn import Txn
from realizefs.sync.marking import write_fd_mark
from realizefs.sync.our_doing import OURS_TO_WRITE
from realizefs.sync.own_attributes import (
    native_attributes,
    write_fd_attributes,
)
from realizefs.sync.record import MARK_XATTR
from realizefs.sync.trash import Trash


@dataclass(frozen=True, slots=True)
class Target:
    """What an action works on, as of one moment."""

    ino: Inode
    path: bytes
    entry: Entry
    real: RealRow | None
    mark: Mark | None
    attributes: Mapping[bytes, bytes] = field(default_factory=dict)
    """the user's own, of when it was last unreal"""

    @property
    def version(self) -> Version:
        """The version that is wanted here."""
        return self.entry.version


class RootWork:
    """The native half of `Actions`, for one arena."""

    def __init__(self, store: ArenaStore, trash: Trash) -> None:
        self._store = store
        self._root: Root = store.root
        self._trash = trash

    def publish(self, target: Target, blob: Blob, row: BlobRow) -> tuple[Fingerprint, bytes]:
        """From take to discard; the fingerprint that the real file has afterwards, and the place
        in the trash of what it replaced, b"" if nothing."""
        root, moves, version = self._root, self._store.blobs.moves, target.version
        write_fd_mark(blob.fd, target.mark)
        write_fd_attributes(blob.fd, self._own_attributes(target))
        self._drop_strays(os.fstat(blob.fd))
        temporary = root.state.temp.link(
            moves.directory, moves.file_name(row.id), paths.split(target.path)[1]
        )
        try:
            root.state.temp.stamp(temporary, version.mode, version.mtime_ns)
            os.fsync(blob.fd)
            stamped = fingerprint_of(os.fstat(blob.fd))
            expected = target.real.fingerprint if target.real else None
            replaced: list[bytes] = []
            root.publish(
                *(temporary, target.path, expected),
                lambda place: replaced.append(self._trash.keep(target.path, place)),
            )
        except BaseException:
            root.state.temp.drop(temporary, os.fstat(blob.fd).st_ino)
            raise
        moves.discard(row)
        now = _unless_edited(stamped, fingerprint_of(os.fstat(blob.fd)))
        return now, replaced[0] if replaced else b""

    def follow(self, txn: Txn, target: Target, published: Fingerprint) -> Fingerprint:
        """Who renames an entry at the very moment when it becomes real finds nothing native to
        rename: in the transaction that indexes the file, it follows. Returns what it is now.

        Where it can't (something is at the new name already), it stays: a file of its own.
        """
        path = self._store.tree.path(txn, target.ino)
        if not path or path == target.path:
            return published
        if self._root.fingerprint_if_any(target.path) == published:
            self.make_parents(path)
            with suppress(FileExistsError):
                self._root.rename(target.path, path, RENAME_NOREPLACE)
                for one in (path, target.path):  # before the commit that says so
                    self._root.sync_directory(paths.split(one)[0])
        now = self._root.fingerprint_if_any(path)  # or it has come with its directory
        return NEVER_INDEXED if now is None else _unless_edited(published, now)

    def _drop_strays(self, found: os.stat_result) -> None:
        """Temp links that couldn't be removed when an earlier try failed."""
        if found.st_nlink > 1:
            for name in self._root.state.temp.names_of(found.st_ino):
                self._root.state.temp.drop(name, found.st_ino)

    def _own_attributes(self, target: Target) -> Mapping[bytes, bytes]:
        """They stay where a peer's version replaces a real file, and come back with an unreal one."""
        if target.real is None:
            return target.attributes
        return native_attributes(self._root, target.path)

    def realize_in_place(self, target: Target) -> Fingerprint:
        """Directories, symlinks, and files of which only permissions or mtime changed."""
        version, path = target.version, target.path
        found = self._root.fingerprint_if_any(path)
        is_directory = found is not None and _is_directory(found)
        if found != (target.real.fingerprint if target.real else None) and not (
            is_directory and version.kind is Kind.DIRECTORY
        ):
            raise _changed(path)
        if version.kind is Kind.DIRECTORY:
            return self._realize_directory(target, found)
        if version.kind is Kind.SYMLINK:
            return self._realize_symlink(target)
        assert found is not None, "its content is here"
        return in_root.stamp(self._root, path, found, version.mode, version.mtime_ns)

    def _realize_symlink(self, target: Target) -> Fingerprint:
        temporary, ino = self._root.state.temp.symlink(
            target.version.target, target.version.mtime_ns, paths.split(target.path)[1]
        )
        expected = target.real.fingerprint if target.real else None
        try:
            return self._root.publish(temporary, target.path, expected)
        except BaseException:
            self._root.state.temp.drop(temporary, ino)
            raise

    def _realize_directory(self, target: Target, found: Fingerprint | None) -> Fingerprint:
        version, path = target.version, target.path
        if found is None:
            prepare = partial(_give, mark=target.mark, attributes=target.attributes)
            self._root.make_directory(path, version.mode, version.mtime_ns, prepare)
            return self._root.fingerprint(path)
        if not _is_directory(found):
            raise _changed(path)
        self._root.chmod(path, _mode(version, found))
        if target.mark is not None:
            self._root.setxattr(path, MARK_XATTR, target.mark.value.encode())
        if target.real is None:
            self._root.utime_ns(path, None, version.mtime_ns)
        self._root.sync(path)
        return self._root.fingerprint(path)

    def make_parents(self, path: bytes) -> list[tuple[bytes, Entry | None]]:
        """Native directories above `path`, with the modes that the index has for them; those made,
        each with what it is in the index."""
        parent, _ = paths.split(path)
        above, made = b"", list[tuple[bytes, Entry | None]]()
        for name in paths.components(parent):
            above = paths.join(above, name)
            with self._store.env.read() as txn:
                entry = self._store.tree.entry_at(txn, above)
                attributes = self._store.attributes.of(txn, entry.ino) if entry else {}
            is_known = entry is not None and not entry.version.deleted
            mode = entry.version.mode if entry is not None and is_known else 0o755
            mode |= OURS_TO_WRITE
            if self._root.fingerprint_if_any(above) is None:
                prepare = partial(_give, mark=None, attributes=attributes)
                with suppress(FileExistsError):
                    self._root.make_directory(above, mode, None, prepare)
                    made.append((above, entry))
        return made

    def create_empty(self, target: Target) -> None:
        """A native file that is about to be written, marked as its entry is."""
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC
        fd = self._root.open(target.path, flags, target.version.mode)
        try:
            if target.mark is not None:
                os.setxattr(fd, MARK_XATTR, target.mark.value.encode())
            write_fd_attributes(fd, target.attributes)
            os.fchmod(fd, target.version.mode)  # this process's umask has no say
        finally:
            os.close(fd)

    def adopt(self, target: Target, real: RealRow, row: BlobRow) -> None:
        """The real file becomes that blob's; Busy if it isn't the indexed one."""
        with self._store.blobs.moves.receive(row) as (directory, name):
            self._root.adopt(target.path, real.fingerprint, (directory, name))
            os.chmod(name, 0o600, dir_fd=directory)

    def check_indexed(self, target: Target) -> None:
        """Busy where something else is than was indexed: nothing is fetched for such a place. It
        may be what was realized just before a crash."""
        expected = target.real.fingerprint if target.real else None
        if self._root.fingerprint_if_any(target.path) != expected:
            raise _changed(target.path)

    def check_alone(self, path: bytes) -> None:
        """Busy for one of several names of a file: unreal, it would be a file of its own."""
        try:
            found = self._root.lstat(path)
        except FileNotFoundError:
            return  # a crash came before the commit
        if not stat.S_ISDIR(found.st_mode) and found.st_nlink > 1:
            raise Busy(f'"{paths.show(path)}" has other hard links, so it stays in the root.')

    def leave(self, path: bytes, expected: Fingerprint) -> bytes:
        """Out of the root: to the trash, at the place returned, what has content, else away."""
        found = self._root.fingerprint_if_any(path)
        if found is None:
            return b""
        if _is_directory(found):
            self._remove_directory(path)
            return b""
        if found != expected:
            raise _changed(path)
        return self._trash.take(path, expected)

    def drop(self, path: bytes, expected: Fingerprint) -> bytes:
        """Out of the root and away, as others have promised to keep it: no place. By way of tmp/, until it
        is known that the right one came out."""
        if self._root.fingerprint_if_any(path) is not None:
            directory, name = self._root.state.temp.place(paths.split(path)[1])
            self._root.adopt(path, expected, (directory, name))
            os.unlink(name, dir_fd=directory)
        return b""

    def _remove_directory(self, path: bytes) -> None:
        try:
            self._root.rmdir(path)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
            raise Busy(f'"{paths.show(path)}" still contains something.') from None
        self._sync_above(path)

    def _sync_above(self, path: bytes) -> None:
        """Make durable that a directory is gone; what it was in, empty now, may be gone as well."""
        above, _ = paths.split(path)
        while True:
            try:
                self._root.sync_directory(above)
            except FileNotFoundError:
                if not above:
                    raise
                above, _ = paths.split(above)
            else:
                return


def _give(fd: int, mark: Mark | None, attributes: Mapping[bytes, bytes]) -> None:
    write_fd_mark(fd, mark)
    write_fd_attributes(fd, attributes)


def _mode(version: Version, found: Fingerprint) -> int:
    """The permission bits to set: setuid and setgid are this machine's own business."""
    return version.mode | (found.mode & LOCAL_MODE)


def _unless_edited(known: Fingerprint, now: Fingerprint) -> Fingerprint:
    """What to index: `now` if only ctime differs (our renames change it); a user may write to the
    file as soon as it has its name, and that must not pass for what was published."""
    return now if same_but_renamed(known, now) else NEVER_INDEXED


def _is_directory(fingerprint: Fingerprint) -> bool:
    return fingerprint.mode & 0o170000 == 0o040000


def _changed(path: bytes) -> Busy:
    return Busy(f'"{paths.show(path)}" changed just now; it is looked at again.')
