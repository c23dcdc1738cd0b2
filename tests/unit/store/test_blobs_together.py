"""Many blobs opened with one commit: `Blobs.open_all`."""

import os
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from realizefs.codec.records import REMEMBERED_BYTES_MAX, decode_blob, encode_blob
from realizefs.model.blobs import BlobRow
from realizefs.model.errors import StoreFault
from realizefs.model.ids import BlobId, Digest, Inode
from realizefs.model.limits import KIB, MIB
from realizefs.model.ranges import Ranges
from realizefs.store.blobdir import BlobDirectory
from realizefs.store.blobs import Blobs
from realizefs.store.env import Environment
from realizefs.store.txn import Txn
from tests.unit.store.cached import any_may_go, at_most, check, version


@pytest.fixture
def blobs(env: Environment, tmp_path: Path) -> Iterator[Blobs]:
    (tmp_path / "blobs").mkdir()
    fd = os.open(tmp_path / "blobs", os.O_RDONLY | os.O_DIRECTORY)
    blobs = Blobs(env, fd, at_most(8 * MIB))
    yield blobs
    blobs.close()
    check(env, blobs, tmp_path)
    os.close(fd)


class Made:
    """Whom a commit has made."""

    def __init__(self) -> None:
        self.inodes: list[list[Inode]] = []

    def __call__(self, txn: Txn, new: Iterable[Inode]) -> None:
        self.inodes.append(list(new))


def test_what_is_missing_is_made_with_one_commit(env: Environment, blobs: Blobs) -> None:
    blobs.open(Inode(3), version("there", 10)).close()
    wanted = [(Inode(ino), version("there" if ino == 3 else f"{ino}", 10)) for ino in (2, 3, 4)]
    made = Made()
    found = blobs.open_all(wanted, {Inode(2), Inode(3)}, made)
    assert made.inodes == [[Inode(2), Inode(4)]]
    assert [blob.ino for blob in found if blob is not None] == [2, 3, 4]
    with env.read() as txn:
        rows = {ino: blobs.find(txn, Inode(ino)) for ino in (2, 3, 4)}
    assert {ino: row is not None and row.protected for ino, row in rows.items()} == {
        2: True,  # new, and to be protected
        3: False,  # was there: who wants it protected says so
        4: False,
    }
    for blob in found:
        assert blob is not None
        assert blobs.store(blob, 0, b"0123456789", any_may_go)
        blob.close()


def test_the_same_content_twice_is_one_blob(blobs: Blobs) -> None:
    one, other = blobs.open_all([(Inode(2), version("a", 10))] * 2, (), Made())
    assert one is not None
    assert one is other
    assert one.users == 2
    one.close()
    one.close()


def test_nothing_is_made_where_all_are_there(blobs: Blobs) -> None:
    wanted = [(Inode(ino), version(f"{ino}", 10)) for ino in (2, 3)]
    with closing(blobs.open(*wanted[0])), closing(blobs.open(*wanted[1])):
        made = Made()
        for blob in blobs.open_all(wanted, {Inode(2)}, made):
            assert blob is not None
            blob.close()
        assert not made.inodes


def test_a_disk_that_makes_no_file_leaves_none_open(
    blobs: Blobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = blobs.open(Inode(2), version("there", 10))
    monkeypatch.setattr(BlobDirectory, "make", _no_room)
    with pytest.raises(OSError, match="No space left"):
        blobs.open_all(
            [(Inode(2), version("there", 10)), (Inode(3), version("new", 10))], (), Made()
        )
    monkeypatch.undo()
    assert there.users == 1
    there.close()
    assert blobs.recover() == 2  # the row was committed before its file


def _no_room(files: BlobDirectory, blob: BlobId, size: int) -> None:
    raise OSError(28, "No space left on device")


def test_the_first_file_of_a_directory_makes_it(tmp_path: Path) -> None:
    fd = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    files = BlobDirectory(fd)
    for blob in (1, 257, 1):
        files.make(BlobId(blob), 5000)
    assert sorted(path.name for path in (tmp_path / "01").iterdir()) == [
        "0000000000000001",
        "0000000000000101",
    ]
    assert {path.stat().st_size for path in (tmp_path / "01").iterdir()} == {5000}
    os.close(fd)


def test_a_row_is_remembered_only_if_it_is_short() -> None:
    short = BlobRow(BlobId(3), Inode(5), Digest(b"x" * 32), MIB, Ranges.of(0, KIB))
    data = encode_blob(short)
    assert decode_blob(data) is decode_blob(bytes(bytearray(data)))
    assert decode_blob(data) == short
    many = Ranges(tuple((at, at + 1) for at in range(0, 4000, 3)))
    long = BlobRow(BlobId(3), Inode(5), Digest(b"x" * 32), MIB, many)
    data = encode_blob(long)
    assert len(data) > REMEMBERED_BYTES_MAX
    assert decode_blob(data) is not decode_blob(data)
    assert decode_blob(data) == long


def test_a_damaged_row_is_never_remembered() -> None:
    for _ in range(2):
        with pytest.raises(StoreFault, match="damaged BlobRow"):
            decode_blob(b"\x10\xff\xff")
