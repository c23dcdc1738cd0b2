"""What is found out about a filesystem, and that nothing is left there."""

import os
from pathlib import Path

import pytest

from realizefs.store.features import features


def test_what_a_filesystem_can_do_is_tried(tmp_path: Path) -> None:
    fd = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        found = features(fd)
    finally:
        os.close(fd)
    disk = os.statvfs(tmp_path)
    assert found.size == disk.f_blocks * disk.f_frsize
    assert 0 < found.free <= found.size
    assert found.sparse  # of what tests run on
    assert list(tmp_path.iterdir()) == []


def test_a_directory_that_is_gone_is_an_error(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    fd = os.open(gone, os.O_RDONLY | os.O_DIRECTORY)
    gone.rmdir()
    try:
        with pytest.raises(OSError, match="Errno"):
            features(fd)
    finally:
        os.close(fd)
