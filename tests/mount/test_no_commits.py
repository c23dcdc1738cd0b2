"""Changes of real files through the mount while nothing can be committed."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.mounted_peer import MountedPeer
from tests.household.waiting import until
from tests.mount.renaming import exchange

NAMES = ("d/one", "d/two", "doc", "other", "gone", "stays")


@pytest.fixture
def mounted(fuse: None, tmp_path: Path) -> Iterator[MountedPeer]:
    with MountedPeer(tmp_path) as mounted:
        yield mounted


@pytest.fixture
def filled(mounted: MountedPeer) -> MountedPeer:
    """With files that are indexed, each with its name as content."""
    for name in NAMES:
        (mounted.mnt / name).parent.mkdir(exist_ok=True)
        (mounted.mnt / name).write_text(name)
    until(lambda: mounted.peer.paths() == {"d", *NAMES}, "all is indexed")
    until(lambda: not mounted.pending(), "nothing is left to do")
    return mounted


def all_below(top: Path) -> dict[str, str | None]:
    """Contents by path; None for directories."""
    found: dict[str, str | None] = {}
    for path in top.rglob("*"):
        name = str(path.relative_to(top))
        if not name.startswith(".realize"):
            found[name] = path.read_text() if path.is_file() else None
    return found


def test_everything_native_returns_and_is_seen_without_a_commit(filled: MountedPeer) -> None:
    mnt = filled.mnt
    numbers = {name: (mnt / name).stat().st_ino for name in (*NAMES, "d")}
    block = filled.block()
    try:
        (mnt / "new").write_text("new")
        (mnt / "new").write_text("written again")
        os.link(mnt / "new", mnt / "hard")
        (mnt / "link").symlink_to("new")
        (mnt / "made").mkdir()
        os.mkfifo(mnt / "fifo")
        (mnt / "fifo").rename(mnt / "pipe")
        (mnt / "d").rename(mnt / "made/e")
        (mnt / "made/e/one").rename(mnt / "made/e/uno")
        (mnt / "save").write_text("saved")
        (mnt / "save").rename(mnt / "doc")
        exchange(mnt / "other", mnt / "stays")
        (mnt / "gone").unlink()
        (mnt / "gone").write_text("made anew")
        (mnt / "pipe").unlink()
        with open(mnt / "made/e/two", "a") as file:
            file.write(" and more")
            os.fsync(file.fileno())
        directory = os.open(mnt / "made", os.O_RDONLY | os.O_DIRECTORY)
        os.fsync(directory)
        os.close(directory)
        expected: dict[str, str | None] = {
            "new": "written again",
            "hard": "written again",
            "link": "written again",
            "made": None,
            "made/e": None,
            "made/e/uno": "d/one",
            "made/e/two": "d/two and more",
            "doc": "saved",
            "other": "stays",
            "stays": "other",
            "gone": "made anew",
        }
        assert all_below(mnt) == all_below(filled.root) == expected
        for old, new in (("d", "made/e"), ("d/one", "made/e/uno"), ("other", "stays")):
            assert (mnt / new).stat().st_ino == numbers[old]
        assert (mnt / "gone").stat().st_ino != numbers["gone"]
    finally:
        block.end()
    until(lambda: filled.peer.paths() == set(expected), "the index has followed")
    until(lambda: not filled.pending(), "nothing is left to do")
    assert all_below(mnt) == all_below(filled.root) == expected
    for old, new in (("d", "made/e"), ("d/one", "made/e/uno"), ("other", "stays")):
        assert (mnt / new).stat().st_ino == numbers[old]


def test_a_mark_waits_for_its_commit(filled: MountedPeer) -> None:
    path = filled.mnt / "d"
    set_it = threading.Thread(
        target=lambda: os.setxattr(path, b"user.realize.mark", b"keep"), name="setxattr"
    )
    block = filled.block()
    try:
        set_it.start()
        until(lambda: filled.peer.arena.context.writer._queue, "it is queued")
        assert set_it.is_alive()
    finally:
        block.end()
        set_it.join(20)
    assert not set_it.is_alive()
    assert os.getxattr(path, b"user.realize.mark") == b"keep"


def test_a_tree_is_removed_while_its_names_are_being_changed(filled: MountedPeer) -> None:
    """`rm -r` right after `mv`: every name on the way is one that no commit knows."""
    mnt = filled.mnt
    block = filled.block()
    try:
        (mnt / "d").rename(mnt / "e")
        for name in ("one", "two"):
            (mnt / "e" / name).unlink()
        (mnt / "e").rmdir()
        (mnt / "d").mkdir()
        (mnt / "d/new").write_text("new")
    finally:
        block.end()
    until(
        lambda: filled.peer.paths() == {"d", "d/new", *(name for name in NAMES if "/" not in name)},
        "the index has followed",
    )
