"""BLAKE3 of contents and of their blocks, in the one pass that reads the file (DESIGN 6).

A content longer than one block has a block list: the digests of its blocks, in order. Its own
BLAKE3, the block root, travels with the version, so that every block can be checked alone,
whoever sends it.

Memory: one buffer of READ_BYTES a call, whatever the file's size. Both hashers release the GIL.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass

from blake3 import blake3

from realizefs.model.errors import Cancelled
from realizefs.model.ids import NO_DIGEST, Digest
from realizefs.model.limits import BLOCK_BYTES_MIN, BLOCKS_MAX, MIB

READ_BYTES = MIB
"""Bytes read at a time: large enough that the hashers' SIMD and not Python's calls set the pace,
and what is hashed twice (whole and block) is still in the processor's cache."""


@dataclass(frozen=True, slots=True)
class ContentHash:
    """What one pass over a content of `size` bytes gives.

    `blocks` are the concatenated 32-byte digests of its blocks and `block_root` their BLAKE3;
    both b"" where the content is one block or less.
    """

    hash: Digest
    block_root: Digest
    size: int
    blocks: bytes


def block_size(size: int) -> int:
    """Bytes of a block in a file of `size` bytes: a power of two giving <= BLOCKS_MAX blocks."""
    block = BLOCK_BYTES_MIN
    while block * BLOCKS_MAX < size:
        block *= 2
    return block


def hash_bytes(data: bytes | memoryview) -> Digest:
    """The BLAKE3 of `data`, as b3sum prints it."""
    return Digest(blake3(data).digest())


def check_block(data: bytes | memoryview, digest: bytes) -> bool:
    """Whether `data` is the block with this digest."""
    return blake3(data).digest() == digest


def hash_fd(fd: int, cancel: Callable[[], bool] | None = None) -> ContentHash:
    """Hash the open file from its start to its end; the fd's own position doesn't matter.

    The block size goes by the size at the start; a file that changes meanwhile gives the digest
    of some mixture, which the caller learns by comparing fingerprints before and after. `cancel`
    is asked about every READ_BYTES; Cancelled if it says so. OSErrors pass through.
    """
    size = os.fstat(fd).st_size
    if size <= BLOCK_BYTES_MIN:
        data = os.pread(fd, BLOCK_BYTES_MIN + 1, 0)
        if len(data) <= BLOCK_BYTES_MIN:
            return ContentHash(hash_bytes(data), NO_DIGEST, len(data), b"")
        size = len(data)  # it grew just now
    return _hash_blocks(fd, block_size(size), cancel)


def _hash_blocks(fd: int, block: int, cancel: Callable[[], bool] | None) -> ContentHash:
    buffer = memoryview(bytearray(READ_BYTES))
    whole = blake3()
    blocks = _BlockHasher(block)
    position = 0
    while got := os.preadv(fd, [buffer], position):
        if cancel is not None and cancel():
            raise Cancelled("Hashing was given up.")
        whole.update(buffer[:got])
        blocks.update(buffer[:got])
        position += got
    digests = blocks.digests()
    if len(digests) <= 32:  # it shrank to one block meanwhile
        return ContentHash(Digest(whole.digest()), NO_DIGEST, position, b"")
    return ContentHash(Digest(whole.digest()), hash_bytes(digests), position, digests)


class _BlockHasher:
    """Digests of consecutive blocks of a stream that arrives in pieces of any length."""

    def __init__(self, block: int) -> None:
        self._block = block
        self._hasher = blake3()
        self._filled = 0
        self._digests = bytearray()

    def update(self, data: memoryview) -> None:
        while data:
            piece = data[: self._block - self._filled]
            self._hasher.update(piece)
            self._filled += len(piece)
            data = data[len(piece) :]
            if self._filled == self._block:
                self._finish()

    def _finish(self) -> None:
        self._digests += self._hasher.digest()
        self._hasher = blake3()
        self._filled = 0

    def digests(self) -> bytes:
        if self._filled:
            self._finish()
        return bytes(self._digests)
