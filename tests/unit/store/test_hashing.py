"""Contents, blocks, and the root of the block list, in one pass."""

import os
from pathlib import Path

import pytest
from blake3 import blake3

from realizefs.model.errors import Cancelled
from realizefs.model.limits import BLOCK_BYTES_MIN, BLOCKS_MAX, MIB
from realizefs.store.hashing import (
    READ_BYTES,
    ContentHash,
    block_size,
    check_block,
    hash_bytes,
    hash_fd,
)

K128 = BLOCK_BYTES_MIN


@pytest.mark.parametrize(
    ("size", "block"),
    [
        (0, K128),
        (K128 * BLOCKS_MAX, K128),
        (K128 * BLOCKS_MAX + 1, 2 * K128),
        (4 << 40, 1 << 30),
    ],
)
def test_blocks_are_few_and_a_power_of_two(size: int, block: int) -> None:
    assert block_size(size) == block


@pytest.mark.parametrize("size", [0, 1, K128 - 1, K128])
def test_a_content_of_one_block_has_no_block_list(tmp_path: Path, size: int) -> None:
    data = os.urandom(size)
    found = _hash(tmp_path, data)
    assert (found.hash, found.size) == (blake3(data).digest(), size)
    assert found.blocks == found.block_root == b""


@pytest.mark.parametrize("size", [K128 + 1, 2 * K128, READ_BYTES - 1, READ_BYTES + 1, 3 * MIB + 77])
def test_every_block_can_be_checked_alone(tmp_path: Path, size: int) -> None:
    data = os.urandom(size)
    found = _hash(tmp_path, data)
    assert found.hash == hash_bytes(data)
    assert found.block_root == hash_bytes(found.blocks)
    digests = [found.blocks[at : at + 32] for at in range(0, len(found.blocks), 32)]
    pieces = [data[at : at + K128] for at in range(0, size, K128)]
    assert len(digests) == len(pieces)
    assert all(check_block(piece, digest) for piece, digest in zip(pieces, digests, strict=True))
    assert not check_block(pieces[0][:-1] + b"\0", digests[1])


def test_blocks_larger_than_a_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in files of 4 GiB and more."""
    data = os.urandom(3 * K128 + 5)
    expected = _hash(tmp_path, data)
    monkeypatch.setattr("realizefs.store.hashing.READ_BYTES", 40_000)
    assert _hash(tmp_path, data) == expected


def test_the_position_of_the_descriptor_does_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    with path.open("rb") as file:
        file.seek(2)
        assert hash_fd(file.fileno()).hash == hash_bytes(b"abc")


def test_it_can_be_given_up(tmp_path: Path) -> None:
    asked = iter([False, False, True])
    path = tmp_path / "file"
    path.write_bytes(bytes(8 * MIB))
    with path.open("rb") as file, pytest.raises(Cancelled):
        hash_fd(file.fileno(), lambda: next(asked))


def _hash(tmp_path: Path, data: bytes) -> ContentHash:
    path = tmp_path / "file"
    path.write_bytes(data)
    with path.open("rb") as file:
        return hash_fd(file.fileno())
