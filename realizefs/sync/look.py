"""Looking at native things: what is at a path, hashed; and what a directory's scan turns up.

Runs in worker threads; nothing here writes.
"""

import errno
import logging
import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from realizefs.model import paths
from realizefs.model.entries import Dirent, Fingerprint
from realizefs.model.errors import BadMark
from realizefs.model.marks import Mark
from realizefs.model.versions import Kind
from realizefs.store.arena import ArenaStore
from realizefs.store.fingerprint import fingerprint_of
from realizefs.store.hashing import ContentHash, hash_fd
from realizefs.store.realfile import Root
from realizefs.store.txn import Txn
from realizefs.sync.known import Known, nothing
from realizefs.sync.record import MARK_XATTR, Found

log = logging.getLogger(__name__)


class Unstable(Exception):
    """The file changed while it was hashed."""


def look(
    root: Root, path: bytes, cancel: Callable[[], bool], known: Known = nothing
) -> Found | None:
    """What is at `path`; None for nothing and for what isn't synced (fifos, devices …). What is
    `known` of its content isn't read.

    Raises Unstable, and OSError where a file can't be read.
    """
    try:
        found = fingerprint_of(root.lstat(path))
        kind = kind_of(found.mode)
        if kind is None:
            return None
        mark, readable = _mark(root, path, kind)
        if kind is Kind.FILE:
            found, content = _hashed(root, path, found, cancel, known)
            return Found(path, kind, found, content, b"", mark, readable)
        target = root.readlink(path) if kind is Kind.SYMLINK else b""
        return Found(path, kind, found, None, target, mark, readable)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EINVAL):  # replaced by a symlink, or no longer one
            raise Unstable from error
        raise


def is_indexed(store: ArenaStore, path: bytes) -> bool:
    """Whether the thing at `path` has the very fingerprint that was indexed."""
    with store.env.read() as txn:
        ino = store.tree.resolve(txn, path)
        real = store.real.get(txn, ino) if ino is not None and path else None
    return real is not None and real.fingerprint == store.root.fingerprint_if_any(path)


def is_gone(store: ArenaStore, path: bytes) -> bool:
    """Whether nothing is at `path`; False also where it can't be asked: who looks closer says so."""
    try:
        return store.root.fingerprint_if_any(path) is None
    except OSError:
        return False


def kind_of(mode: int) -> Kind | None:
    """The synced kind of an st_mode."""
    if stat.S_ISREG(mode):
        return Kind.FILE
    if stat.S_ISDIR(mode):
        return Kind.DIRECTORY
    return Kind.SYMLINK if stat.S_ISLNK(mode) else None


def _hashed(
    root: Root, path: bytes, seen: Fingerprint, cancel: Callable[[], bool], known: Known
) -> tuple[Fingerprint, ContentHash]:
    fd = _open_quietly(root, path)
    try:
        before = fingerprint_of(os.fstat(fd))
        if kind_of(before.mode) is not Kind.FILE:
            raise Unstable
        content = known(before) or hash_fd(fd, cancel)
        if fingerprint_of(os.fstat(fd)) != before or before != seen:
            raise Unstable
        return before, content
    finally:
        os.close(fd)


def _open_quietly(root: Root, path: bytes) -> int:
    """Where we may, without a trace in atime: to be indexed isn't to be used."""
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        return root.open(path, flags | os.O_NOATIME)
    except PermissionError:
        return root.open(path, flags)


def _mark(root: Root, path: bytes, kind: Kind) -> tuple[Mark | None, bool]:
    """The mark xattr, and whether this thing can have one; nonsense counts as none."""
    if kind is Kind.SYMLINK:
        return None, False
    try:
        return Mark.parse(root.getxattr(path, MARK_XATTR)), True
    except BadMark:
        return None, True
    except OSError as error:
        if error.errno == errno.ENODATA:
            return None, True
        if error.errno in (errno.ENOTSUP, errno.EACCES, errno.EPERM):
            return None, False
        raise


@dataclass(slots=True)
class DirectoryScan:
    """A directory against the index: `changed` and `gone` paths, what isn't shared because it is
    `ignored`, and where to go on."""

    changed: list[bytes] = field(default_factory=list)
    ignored: list[bytes] = field(default_factory=list)
    gone: list[bytes] = field(default_factory=list)
    directories: list[bytes] = field(default_factory=list)


class Ignores(Protocol):
    """Whether a path of which the index has nothing real is ignored."""

    def __call__(self, path: bytes, *, is_directory: bool) -> bool: ...


def _nothing_is(path: bytes, *, is_directory: bool) -> bool:
    return False


def scan_directory(store: ArenaStore, path: bytes, ignores: Ignores = _nothing_is) -> DirectoryScan:
    """Compare one native directory with the index by names and fingerprints; hashes nothing."""
    scan = DirectoryScan()
    try:
        device = store.root.lstat(path).st_dev
        native = {one.name: one.kind for one in store.root.list(path)}
    except (FileNotFoundError, NotADirectoryError):
        return scan
    except OSError as error:  # closed to us, say: what is in it is neither new nor gone
        log.warning('"%s" can\'t be listed: %s.', paths.show(path), error.strerror)
        return scan
    with store.env.read() as txn:
        ino = store.tree.resolve(txn, path)
        known = {child.name: child for child in store.tree.children(txn, ino)} if ino else {}
        _compare(store, txn, (path, native), known, ignores, scan)
        for name, dirent in known.items():
            real = store.real.get(txn, dirent.ino) if native.get(name) is None else None
            # R8: on another device than its directory, a disk was unmounted, not a file
            # deleted: what was mounted there is left alone until it is back.
            if real is not None and real.fingerprint.dev in (0, device):
                scan.gone.append(paths.join(path, name))
    return scan


def _compare(
    store: ArenaStore,
    txn: Txn,
    directory: tuple[bytes, Mapping[bytes, Kind | None]],
    known: Mapping[bytes, Dirent],
    ignores: Ignores,
    scan: DirectoryScan,
) -> None:
    """What is natively in a directory, path and names, against what is known of it."""
    path, native = directory
    # Sorted, so that names of one directory fill the database's pages in their order.
    for name, kind in sorted(native.items()):
        child = paths.join(path, name)
        if kind is None:
            continue
        if paths.is_too_deep(child):
            log.warning('"%s" is too deep to be shared.', paths.show(child))
            break  # and so is everything else in here
        dirent = known.get(name)
        real = store.real.get(txn, dirent.ino) if dirent else None
        is_new = real is None and not _is_known_directory(dirent, kind)
        if is_new and ignores(child, is_directory=kind is Kind.DIRECTORY):
            scan.ignored.append(child)
            continue
        if kind is Kind.DIRECTORY:
            scan.directories.append(child)
        if real is None or real.fingerprint != _fingerprint(store.root, child):
            scan.changed.append(child)


def _is_known_directory(dirent: Dirent | None, kind: Kind) -> bool:
    """One that peers know, too: what is in it may be shared, whatever the patterns say."""
    both = dirent is not None and dirent.kind is kind is Kind.DIRECTORY
    return both and not (dirent is None or dirent.deleted)


def _fingerprint(root: Root, path: bytes) -> Fingerprint | None:
    """None also where it can't be asked: whoever looks closer says so."""
    try:
        return root.fingerprint_if_any(path)
    except OSError:
        return None
