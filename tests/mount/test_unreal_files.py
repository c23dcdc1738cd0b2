"""Unreal files through the mount: shown from the index, read from the cache or a peer."""

import errno
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from realizefs.fs.mount import MountOptions
from realizefs.fs.views import SingleView
from tests.fakes.arena import MTIME_NS, FakeArena
from tests.fakes.mounted import MountedView
from tests.household.waiting import until
from tests.mount.conftest import Bench, failure

BIG = bytes(range(256)) * 4096


def unreal(bench: Bench, path: str, content: bytes | None = b"remote", mode: int = 0o640) -> int:
    return bench.view.call(bench.arena.peer_adds, path, content, mode)


def test_listing_and_stat_need_no_peer(bench: Bench) -> None:
    unreal(bench, "d/a", b"12345", 0o640)
    bench.arena.reachable = False
    (bench.root / "native").touch()
    assert sorted(os.listdir(bench.mnt)) == ["d", "native"]
    assert os.listdir(bench.mnt / "d") == ["a"]
    shown = (bench.mnt / "d" / "a").stat()
    owner = bench.root.stat()
    assert (shown.st_mode, shown.st_size, shown.st_mtime_ns) == (0o100640, 5, MTIME_NS)
    assert (shown.st_uid, shown.st_gid, shown.st_blocks) == (owner.st_uid, owner.st_gid, 0)
    assert stat.S_ISDIR((bench.mnt / "d").stat().st_mode)


def test_reading_fetches_once_and_counts_as_disk_blocks(bench: Bench) -> None:
    ino = unreal(bench, "a", BIG)
    assert (bench.mnt / "a").read_bytes() == BIG
    bench.arena.reachable = False
    assert (bench.mnt / "a").read_bytes() == BIG
    assert bench.arena.fetches == 1
    bench.view.drop(ino)
    assert (bench.mnt / "a").stat().st_blocks == len(BIG) // 512
    assert not (bench.root / "a").exists()


def test_no_peer_is_ehostunreach_and_a_retry_works(bench: Bench) -> None:
    unreal(bench, "a", BIG)
    bench.arena.reachable = False
    assert failure((bench.mnt / "a").read_bytes) == errno.EHOSTUNREACH
    bench.arena.reachable = True
    assert (bench.mnt / "a").read_bytes() == BIG


def test_an_open_file_is_of_one_version(bench: Bench) -> None:
    """R4: the handle that was opened before a peer's change reads on in the old version."""
    ino = unreal(bench, "a", b"old" * 100_000)
    with open(bench.mnt / "a", "rb", buffering=0) as old:
        assert old.read(6) == b"oldold"
        bench.view.call(bench.arena.peer_changes, ino, b"new" * 100_000)
        bench.view.settle()
        with open(bench.mnt / "a", "rb", buffering=0) as new:
            assert new.read() == b"new" * 100_000
            old.seek(0)
            assert old.read() == b"old" * 100_000
            new.seek(0)
            assert new.read() == b"new" * 100_000
    assert (bench.mnt / "a").read_bytes() == b"new" * 100_000


def test_a_peers_change_is_seen_at_once(bench: Bench) -> None:
    ino = unreal(bench, "d/a", b"one")
    assert (bench.mnt / "d" / "a").read_bytes() == b"one"
    bench.view.call(bench.arena.peer_changes, ino, b"longer")
    bench.view.settle()
    assert (bench.mnt / "d" / "a").stat().st_size == 6
    assert (bench.mnt / "d" / "a").read_bytes() == b"longer"
    unreal(bench, "d/b")
    bench.view.call(bench.arena.peer_removes, ino)
    bench.view.settle()
    assert os.listdir(bench.mnt / "d") == ["b"]
    assert not (bench.mnt / "d" / "a").exists()


def test_a_name_that_was_missing_appears(bench: Bench) -> None:
    assert not (bench.mnt / "a").exists()
    unreal(bench, "a", b"here")
    bench.view.settle()
    assert (bench.mnt / "a").read_bytes() == b"here"


def test_writing_realizes_first(bench: Bench) -> None:
    unreal(bench, "d/a", b"12345")
    with (bench.mnt / "d" / "a").open("r+b") as file:
        file.seek(5)
        file.write(b"678")
    assert (bench.root / "d" / "a").read_bytes() == b"12345678"
    assert (bench.mnt / "d" / "a").read_bytes() == b"12345678"


def test_overwriting_and_truncating_fetch_nothing(bench: Bench) -> None:
    unreal(bench, "a", b"12345")
    unreal(bench, "b", b"12345")
    bench.arena.reachable = False
    (bench.mnt / "a").write_bytes(b"new")
    os.truncate(bench.mnt / "b", 0)
    assert bench.arena.fetches == 0
    assert (bench.root / "a").read_bytes() == b"new"
    assert (bench.root / "b").read_bytes() == b""


def test_writing_offline_is_ehostunreach(bench: Bench) -> None:
    unreal(bench, "a", b"12345")
    bench.arena.reachable = False
    assert failure((bench.mnt / "a").open, "r+b") == errno.EHOSTUNREACH
    assert failure(os.truncate, bench.mnt / "a", 3) == errno.EHOSTUNREACH


def test_renaming_and_deleting_moves_no_bytes(bench: Bench) -> None:
    unreal(bench, "d/a", b"12345")
    unreal(bench, "d/b", b"12345")
    bench.arena.reachable = False
    before = (bench.mnt / "d" / "a").stat().st_ino
    (bench.mnt / "d" / "a").rename(bench.mnt / "c")
    assert (bench.mnt / "c").stat().st_ino == before
    (bench.mnt / "d").rename(bench.mnt / "e")
    assert os.listdir(bench.mnt / "e") == ["b"]
    assert failure((bench.mnt / "e").rmdir) == errno.ENOTEMPTY
    (bench.mnt / "e" / "b").unlink()
    (bench.mnt / "e").rmdir()
    assert os.listdir(bench.mnt) == ["c"]
    assert os.listdir(bench.root) == [".realize"]


def test_a_whole_unreal_tree_is_changed_offline(bench: Bench) -> None:
    """Renamed, its modes and times set, and deleted, without a byte from anywhere."""
    for number in range(20):
        unreal(bench, f"tree/d{number % 4}/f{number}", BIG)
    bench.arena.reachable = False
    (bench.mnt / "tree").rename(bench.mnt / "moved")
    for path in (bench.mnt / "moved").rglob("*"):
        path.chmod(0o700)
        os.utime(path, ns=(1, 2))
    shown = (bench.mnt / "moved" / "d3" / "f3").stat()
    assert (shown.st_mode, shown.st_mtime_ns, shown.st_size) == (0o100700, 2, len(BIG))
    shutil.rmtree(bench.mnt / "moved")
    assert os.listdir(bench.mnt) == []
    assert os.listdir(bench.root) == [".realize"]
    assert bench.arena.fetches == 0


def test_a_reader_of_the_old_version_keeps_it_while_others_write(bench: Bench) -> None:
    """As far as the file is as long as that: its end is the same for all, says the kernel."""
    unreal(bench, "a", BIG)
    with (bench.mnt / "a").open("rb", buffering=0) as reader:
        assert reader.read(10) == BIG[:10]
        (bench.mnt / "a").write_bytes(BIG[::-1])
        with (bench.mnt / "a").open("ab") as writer:
            writer.write(b", and more")
        reader.seek(0)
        assert reader.read(len(BIG)) == BIG
    assert (bench.mnt / "a").read_bytes() == BIG[::-1] + b", and more"


def test_the_users_own_attributes_of_unreal_things(bench: Bench) -> None:
    unreal(bench, "d/a")
    for path in (bench.mnt / "d", bench.mnt / "d" / "a"):
        os.setxattr(path, "user.colour", b"red")
        with pytest.raises(FileExistsError):
            os.setxattr(path, "user.colour", b"blue", os.XATTR_CREATE)
        assert os.getxattr(path, "user.colour") == b"red"
        assert os.listxattr(path) == ["user.colour"]
        assert failure(os.removexattr, path, "user.x") == errno.ENODATA
    (bench.mnt / "d" / "new").touch()
    assert os.getxattr(bench.root / "d", "user.colour") == b"red"
    os.removexattr(bench.mnt / "d" / "a", "user.colour")
    assert os.listxattr(bench.mnt / "d" / "a") == []
    assert bench.arena.fetches == 0


def test_renames_between_real_and_unreal(bench: Bench) -> None:
    unreal(bench, "d/a", b"remote")
    (bench.mnt / "real").write_bytes(b"real")
    (bench.mnt / "real").rename(bench.mnt / "d" / "a")
    assert (bench.root / "d" / "a").read_bytes() == b"real"
    unreal(bench, "b", b"remote")
    (bench.mnt / "b").rename(bench.mnt / "d" / "a")
    assert (bench.mnt / "d" / "a").read_bytes() == b"remote"
    assert os.listdir(bench.root / "d") == []


def test_metadata_of_unreal_files(bench: Bench) -> None:
    unreal(bench, "a", b"12345")
    (bench.mnt / "a").chmod(0o600)
    os.utime(bench.mnt / "a", ns=(5, -7))
    os.chown(bench.mnt / "a", os.getuid(), -1)
    shown = (bench.mnt / "a").stat()
    assert (shown.st_mode, shown.st_mtime_ns) == (0o100600, -7)
    assert failure(os.chown, bench.mnt / "a", 12345, -1) == errno.EPERM
    assert bench.arena.fetches == 0


def test_creating_in_an_unreal_directory_makes_it_native(bench: Bench) -> None:
    unreal(bench, "d", None, 0o770)
    unreal(bench, "d/e", None, 0o777)
    (bench.mnt / "d" / "e" / "new").write_bytes(b"1")
    assert (bench.root / "d" / "e" / "new").read_bytes() == b"1"
    assert stat.S_IMODE((bench.root / "d").stat().st_mode) == 0o770
    assert stat.S_IMODE((bench.root / "d" / "e").stat().st_mode) == 0o777


def test_symlinks_of_peers(bench: Bench) -> None:
    bench.view.call(bench.arena.peer_adds, "s", b"", 0, b"../x")
    assert os.readlink(bench.mnt / "s") == "../x"
    assert (bench.mnt / "s").lstat().st_size == 4


def test_what_vanished_natively_is_hidden_not_unreal(bench: Bench) -> None:
    ino = unreal(bench, "a")
    bench.arena.real.add(ino)  # type: ignore[arg-type]
    assert os.listdir(bench.mnt) == []
    assert not (bench.mnt / "a").exists()
    (bench.mnt / "a").write_bytes(b"again")
    assert (bench.mnt / "a").read_bytes() == b"again"


def test_a_large_directory_is_listed_once_each_while_it_changes(bench: Bench) -> None:
    for number in range(5000):
        bench.arena.peer_adds(f"d/{number:05}", None if number % 100 == 0 else b"x")
    (bench.root / "d").mkdir()
    for number in range(5000, 10_000):
        (bench.root / "d" / f"{number:05}").touch()
    names = []
    with os.scandir(bench.mnt / "d") as entries:
        for position, entry in enumerate(entries):
            names.append(entry.name)
            if position == 10:
                (bench.mnt / "d" / "00000").rmdir()
                (bench.mnt / "d" / "09999").unlink()
                (bench.mnt / "d" / "new").touch()
    kept = [f"{number:05}" for number in range(1, 9999)]
    assert len(set(names)) == len(names)
    assert set(kept) <= set(names)
    assert len(os.listdir(bench.mnt / "d")) == 9999


def test_a_rewound_directory_is_read_anew(bench: Bench) -> None:
    (bench.mnt / "a").touch()
    fd = os.open(bench.mnt, os.O_RDONLY | os.O_DIRECTORY)
    assert os.listdir(fd) == ["a"]
    (bench.mnt / "b").touch()
    assert sorted(os.listdir(fd)) == ["a", "b"]  # Python rewinds
    os.close(fd)


def test_what_the_kernel_forgets_we_forget(bench: Bench) -> None:
    """Memory is bounded by what the kernel holds; it drops the inodes of deleted files."""
    before = len(bench.view.served.lookups)
    for number in range(100):
        unreal(bench, f"u{number}")
        (bench.mnt / f"r{number}").touch()
    bench.view.settle()  # what is told of a name later has the kernel forget it
    subprocess.run(["find", bench.mnt, "-printf", ""], check=True)
    assert len(bench.view.served.lookups) == before + 200
    for name in os.listdir(bench.mnt):
        (bench.mnt / name).unlink()
    until(lambda: len(bench.view.served.lookups) == before, "the kernel has forgotten")
    until(lambda: not len(bench.view.served.handles), "all is closed")


READ = "import sys; open(sys.argv[1], 'rb').read()"


def test_programs_that_must_not_fetch(fuse: None, tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    arena = FakeArena(tmp_path / "root")
    arena.peer_adds("a", b"12345")
    comm = Path(sys.executable).name[:15]
    command = [sys.executable, "-c", READ, str(tmp_path / "mnt" / "a")]
    options = MountOptions("test", no_fetch=(comm,))
    with MountedView(SingleView(arena), tmp_path / "mnt", options) as view:
        refused = subprocess.run(command, check=False, capture_output=True, text=True)
        assert "Permission denied" in refused.stderr
        subprocess.run(["cat", view.path / "a"], check=True, capture_output=True)
        subprocess.run(command, check=True)
    arena.store.root.close()
