"""The kernel's settings for one mount, in a directory that looks like /sys."""

import os
from pathlib import Path

from realizefs.fs.connection import BACKGROUND, BACKGROUND_DEFAULT, READ_AHEAD_KIB, widen

DEVICE = os.makedev(0, 1_000_003)


def test_what_can_be_set_is_set(tmp_path: Path) -> None:
    connection, disk = tmp_path / "fs/fuse/connections/1000003", tmp_path / "class/bdi/0:1000003"
    connection.mkdir(parents=True)
    disk.mkdir(parents=True)
    for setting in (connection / "max_background", connection / "congestion_threshold"):
        setting.write_text("12\n")
    (disk / "read_ahead_kb").write_text("128\n")
    assert widen(DEVICE, tmp_path) == BACKGROUND
    assert (connection / "max_background").read_text() == f"{BACKGROUND}\n"
    assert int((connection / "congestion_threshold").read_text()) < BACKGROUND
    assert (disk / "read_ahead_kb").read_text() == f"{READ_AHEAD_KIB}\n"


def test_where_there_is_nothing_to_set_the_kernels_own_bound_holds(tmp_path: Path) -> None:
    assert widen(DEVICE, tmp_path) == BACKGROUND_DEFAULT
    assert list(tmp_path.iterdir()) == []


def test_settings_that_cannot_seek_are_written_all_the_same(tmp_path: Path) -> None:
    """The kernel's can't, and were left as they are."""
    connection = tmp_path / "fs/fuse/connections/1000003"
    connection.mkdir(parents=True)
    settings = [connection / "max_background", connection / "congestion_threshold"]
    for setting in settings:
        os.mkfifo(setting)
    readers = [os.open(setting, os.O_RDONLY | os.O_NONBLOCK) for setting in settings]
    try:
        assert widen(DEVICE, tmp_path) == BACKGROUND
        assert os.read(readers[0], 100) == b"%d\n" % BACKGROUND
    finally:
        for reader in readers:
            os.close(reader)
