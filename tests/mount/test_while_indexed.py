"""What programs do in the mount at the very moment in which the scanner indexes it."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.mounted_peer import MountedPeer
from tests.household.waiting import until


@pytest.fixture
def mounted(fuse: None, tmp_path: Path) -> Iterator[MountedPeer]:
    with MountedPeer(tmp_path) as mounted:
        yield mounted


def settled(mounted: MountedPeer, names: set[str]) -> None:
    until(lambda: mounted.peer.paths() == names, f"{names} are indexed")
    until(lambda: not mounted.pending(), "nothing is left to do")


def test_a_file_saved_again_and_again_keeps_the_number_of_what_was_saved(
    mounted: MountedPeer,
) -> None:
    """It had another one for the moment between two commits, and once it had been forgotten."""
    doc, temporary = mounted.mnt / "doc", mounted.mnt / "tmp"
    for step in range(100):
        temporary.write_bytes(b"%d" % step)
        number = temporary.stat().st_ino
        temporary.rename(doc)
        for _ in range(step % 20):
            assert doc.stat().st_ino == number
            assert [one.inode() for one in os.scandir(mounted.mnt)] == [number]
    settled(mounted, {"doc"})
    assert doc.stat().st_ino == number


def test_everything_may_be_deleted_in_the_mount_again_and_again(mounted: MountedPeer) -> None:
    """The arena stopped: its root was empty, and the index didn't know yet that this was asked."""
    for count in (3, 40, 200, 7, 400):
        for number in range(count):
            directory = mounted.mnt / f"d{number % 5}"
            directory.mkdir(exist_ok=True)
            (directory / str(number)).write_text(str(number))
            (mounted.mnt / f"f{number}").write_text(str(number))
        if count != 200:  # else they are deleted while they are indexed
            until(lambda: not mounted.pending(), "all is indexed")
        for path in list(mounted.mnt.iterdir()):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        until(lambda: os.listdir(mounted.mnt) == [], "everything is gone")
    (mounted.mnt / "last").write_text("it still works")
    settled(mounted, {"last"})
