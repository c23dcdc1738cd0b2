"""What mountinfo says, read as text; nothing is mounted here."""

import os
from pathlib import Path

import pytest

from realizefs.fs import callers, mountpoints
from realizefs.fs.mountpoints import MountInfo

LINES = rb"""21 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
40 21 0:39 / /home/me/my\040arena rw,nosuid - fuse.realizefs realizefs:a rw,user_id=0
41 40 0:40 / /home/me/my\040arena rw,nosuid shared:7 master:2 - fuse.realizefs realizefs:b\134c rw
42 21 0:41 / /odd\012\\\377 rw - tmpfs none rw
"""


def test_the_last_mount_of_a_place_is_on_top(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(Path, "read_bytes", lambda path: LINES.replace(rb"\\", b""))
    found = mountpoints.find_mount(Path("/home/me/my arena"))
    assert found == MountInfo(
        b"/home/me/my arena", "fuse.realizefs", "realizefs:b\\c", os.makedev(0, 40), 41, 40
    )
    assert mountpoints.is_mounted(Path("/home/me/../me/my arena"))
    assert not mountpoints.is_mounted(Path("/"))
    assert mountpoints.find_mount(tmp_path) is None


def test_a_mountpoint_is_made_if_its_parent_exists(tmp_path: Path) -> None:
    assert mountpoints.prepare(tmp_path / "new") == tmp_path / "new"
    assert (tmp_path / "new").is_dir()
    assert mountpoints.prepare(tmp_path / "new") == tmp_path / "new"


def test_comm_names_are_those_of_the_process_and_shortened() -> None:
    mine = Path("/proc/self/comm").read_text(encoding="utf-8").strip()
    assert callers.is_one_of(callers.comm_names((mine,)), os.getpid())
    assert not callers.is_one_of(callers.comm_names(("another",)), os.getpid())
    assert not callers.is_one_of(callers.comm_names((mine,)), 0)
    assert callers.comm_names(("gnome-desktop-thumbnailer",)) == {b"gnome-desktop-t"}


def test_the_umask_is_read_without_setting_it() -> None:
    before = os.umask(0o027)
    try:
        assert callers.process_umask() == 0o027
    finally:
        os.umask(before)
