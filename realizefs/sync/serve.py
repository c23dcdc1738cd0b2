"""Serving peers: bytes of exactly the version they name, or VersionGone (R4).

A real file counts as the version that was indexed only while its fingerprint is the indexed one,
before and after reading. Runs in worker threads.
"""

import logging
import os
from typing import cast

from realizefs.codec import several
from realizefs.codec.buffers import BUFFERS, LARGE_BYTES_MIN
from realizefs.model import paths
from realizefs.model.entries import Entry
from realizefs.model.errors import RealizeError, RequestFailed, VersionGone
from realizefs.model.ids import Digest
from realizefs.model.messages import Read, ReadBlocks, ReadDelta, ReadSeveral, Small
from realizefs.store.arena import ArenaStore
from realizefs.store.fingerprint import fingerprint_of
from realizefs.store.pagecache import read_waiting
from realizefs.store.txn import Txn

log = logging.getLogger(__name__)


class Moved(VersionGone):
    """The real file isn't what was indexed: `path` must be looked at again."""

    def __init__(self, path: bytes) -> None:
        super().__init__(f'"{paths.show(path)}" changed.')
        self.path = path


def read(store: ArenaStore, request: Read | ReadDelta | ReadSeveral | ReadBlocks) -> bytes:
    """The bytes that a request names."""
    if isinstance(request, ReadBlocks):
        data = read_range(store, request.path, request.hash, request.start, request.length)
        return b"".join([read_blocks(store, request.path, request.hash), data])
    if isinstance(request, ReadSeveral):
        return several.join([_small(store, file) for file in request.files])
    return read_range(store, request.path, request.hash, request.start, request.length)


def _small(store: ArenaStore, file: Small) -> bytes:
    """b"" of what isn't here: who asks for it alone is told why, and has it looked at again."""
    try:
        return read_range(store, file.path, file.hash, 0, file.size)
    except (RealizeError, OSError) as error:
        log.debug('"%s" isn\'t served with others: %s', paths.show(file.path), error)
        return b""


def read_range(store: ArenaStore, path: bytes, digest: Digest, start: int, length: int) -> bytes:
    """Bytes [start, start+length) of that content of `path`, fewer only at its end."""
    with store.env.read() as txn:
        entry = _entry(store, txn, path)
        real = store.real.get(txn, entry.ino)
    if real is not None and real.hash == digest:
        return _read_real(store, path, real.fingerprint, start, length)
    blob = store.blobs.opened(entry.ino, digest) or store.blobs.open_existing(entry.ino, digest)
    if blob is None:
        raise VersionGone(f'"{paths.show(path)}" is not here in that version.')
    try:
        data = blob.read(start, min(length, max(blob.size - start, 0)))
    finally:
        blob.close()
    if data is None:
        raise VersionGone(f'That part of "{paths.show(path)}" is not here.')
    return data


def read_blocks(store: ArenaStore, path: bytes, digest: Digest) -> bytes:
    """The block list of that content."""
    with store.env.read() as txn:
        _entry(store, txn, path)
        digests = store.blocks.get(txn, digest)
    if digests is None:
        raise VersionGone(f'The block list of "{paths.show(path)}" is not here.')
    return digests


def _entry(store: ArenaStore, txn: Txn, path: bytes) -> Entry:
    entry = store.tree.entry_at(txn, path)
    if entry is None:
        raise VersionGone(f'"{paths.show(path)}" is not known here.')
    return entry


def _read_real(store: ArenaStore, path: bytes, expected: object, start: int, length: int) -> bytes:
    try:
        fd = store.root.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise Moved(path) from None
    except OSError as error:
        raise RequestFailed("io", f'"{paths.show(path)}": {error.strerror}.') from error
    try:
        if fingerprint_of(os.fstat(fd)) != expected:
            raise Moved(path)
        data = _pread(fd, start, length)
        if fingerprint_of(os.fstat(fd)) != expected:
            raise Moved(path)
        return data
    finally:
        os.close(fd)


def _pread(fd: int, start: int, length: int) -> bytes:
    """All of the range that the file has."""
    data = BUFFERS.take(length)
    got = read_waiting(fd, data, start)
    return bytes(data[:got]) if length < LARGE_BYTES_MIN else cast("bytes", data[:got])
