"""Mounts from beginning to end: laid over the root, recovered, refused, unmounted."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from realizefs.fs import mountpoints
from realizefs.fs.views import SingleView
from realizefs.model.errors import Busy, Misuse, NotFound
from tests.fakes.arena import FakeArena
from tests.fakes.mounted import MountedView
from tests.household.waiting import until
from tests.mount.conftest import Bench

ROOT = Path(__file__).parents[2]

CHILD = """
import sys
from pathlib import Path
from realizefs.fs.views import SingleView
from tests.fakes.arena import FakeArena
from tests.fakes.mounted import MountedView
root, mountpoint = map(Path, sys.argv[1:])
with MountedView(SingleView(FakeArena(root)), mountpoint) as view:
    print("mounted", flush=True)
    view.wait_ended()
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    root.mkdir()
    (root / "a").write_bytes(b"native")
    return root


@pytest.fixture
def child(fuse: None, root: Path, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A daemon of another process, mounted at tmp_path/mnt."""
    mountpoint = tmp_path / "mnt"
    command = [sys.executable, "-c", CHILD, str(root), str(mountpoint)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "mounted\n"
            yield process
        finally:
            if mountpoints.is_mounted(mountpoint):
                mountpoints.unmount(mountpoint, lazy=True)
            process.kill()


def test_the_mount_says_what_it_is(bench: Bench) -> None:
    found = mountpoints.find_mount(bench.mnt)
    assert found is not None
    assert (found.type, found.source) == ("fuse.realizefs", "realizefs:test")


def test_laid_over_the_root_itself(fuse: None, root: Path) -> None:
    arena = FakeArena(root)
    arena.peer_adds("b", b"remote")
    with MountedView(SingleView(arena), root):
        assert sorted(os.listdir(root)) == ["a", "b"]
        assert (root / "a").read_bytes() == b"native"
        assert (root / "b").read_bytes() == b"remote"
        (root / "c").write_bytes(b"new")
    assert sorted(os.listdir(root)) == [".realize", "a", "c"]
    assert (root / "c").read_bytes() == b"new"
    arena.store.root.close()


def test_ends_when_somebody_unmounts(fuse: None, root: Path, tmp_path: Path) -> None:
    arena = FakeArena(root)
    with MountedView(SingleView(arena), tmp_path / "mnt") as view:
        until(lambda: view.hand, "the hand is there")  # it has for a moment what is open here
        os.listdir(view.path)
        mountpoints.unmount(view.path)
        view.wait_ended()
    assert not mountpoints.is_mounted(tmp_path / "mnt")
    assert arena.listeners == []
    arena.store.root.close()


def test_a_mount_of_a_killed_daemon_is_recovered(
    child: subprocess.Popen[str], root: Path, tmp_path: Path
) -> None:
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert mountpoints.is_mounted(tmp_path / "mnt")
    arena = FakeArena(root)
    with MountedView(SingleView(arena), tmp_path / "mnt") as view:
        assert (view.path / "a").read_bytes() == b"native"
    assert not mountpoints.is_mounted(tmp_path / "mnt")
    arena.store.root.close()


def test_a_live_mount_is_refused(child: subprocess.Popen[str], root: Path, tmp_path: Path) -> None:
    arena = FakeArena(root)
    mounted = MountedView(SingleView(arena), tmp_path / "mnt")
    with pytest.raises(Misuse, match="already shows realizefs:test"):
        mounted.__enter__()
    assert (tmp_path / "mnt" / "a").read_bytes() == b"native"
    arena.store.root.close()


def test_a_busy_mount_says_who_uses_it(child: subprocess.Popen[str], tmp_path: Path) -> None:
    fd = os.open(tmp_path / "mnt" / "a", os.O_RDONLY)
    try:
        with pytest.raises(Busy, match=rf"is in use by \S+ \(pid {os.getpid()}\)"):
            mountpoints.unmount(tmp_path / "mnt")
    finally:
        os.close(fd)
    mountpoints.unmount(tmp_path / "mnt")
    assert child.wait(20) == 0


def test_one_mount_per_process(bench: Bench, tmp_path: Path) -> None:
    second = MountedView(SingleView(bench.arena), tmp_path / "second")
    with pytest.raises(Misuse, match="can have one only"):
        second.__enter__()
    assert os.listdir(bench.mnt) == []


def test_mountpoints_that_cannot_be(fuse: None, root: Path, tmp_path: Path) -> None:
    with pytest.raises(Misuse, match="not a directory"):
        mountpoints.prepare(root / "a")
    with pytest.raises(Misuse, match="doesn't exist; make it first"):
        mountpoints.prepare(tmp_path / "no" / "such")
    with pytest.raises(NotFound, match="Nothing is mounted"):
        mountpoints.unmount(root)
    with pytest.raises(Misuse, match="is not RealizeFS but proc"):
        mountpoints.unmount(Path("/proc"))


def test_it_ends_while_a_reader_waits_for_a_peer(fuse: None, root: Path, tmp_path: Path) -> None:
    arena = FakeArena(root)
    arena.peer_adds("slow", b"12345")
    arena.stall = True
    with (
        MountedView(SingleView(arena), tmp_path / "mnt") as view,
        subprocess.Popen(["cat", view.path / "slow"], stderr=subprocess.DEVNULL) as reader,
    ):
        while not view.call(lambda: len(view.served.handles)):
            os.statvfs(view.path)
        view.__exit__()
        assert reader.wait(20) != 0
    arena.store.root.close()
