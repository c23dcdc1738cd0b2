"""One native file with several names is one file in the mount, too."""

import os
from pathlib import Path

from tests.household.waiting import until
from tests.mount.conftest import Bench


def inode(path: Path) -> int:
    return path.lstat().st_ino


def linked(bench: Bench) -> tuple[Path, Path]:
    """A file with two names."""
    first, second = bench.mnt / "first", bench.mnt / "second"
    first.write_bytes(b"one file")
    os.link(first, second)
    return first, second


def test_two_names_are_one_inode_with_one_content(bench: Bench) -> None:
    first, second = linked(bench)
    assert inode(first) == inode(second)
    assert (first.stat().st_nlink, second.stat().st_nlink) == (2, 2)
    with second.open("ab") as file:
        file.write(b", two names")
    assert first.read_bytes() == second.read_bytes() == b"one file, two names"
    second.chmod(0o600)
    assert first.stat().st_mode == 0o100600


def test_a_change_through_one_name_is_indexed_for_each(bench: Bench) -> None:
    first, second = linked(bench)
    bench.arena.touched_paths.clear()
    first.write_bytes(b"changed")
    both = {b"first", b"second"}
    until(lambda: both <= set(bench.arena.touched_paths), "it is told when the file is closed")
    bench.arena.touched_paths.clear()
    second.chmod(0o600)
    assert {b"first", b"second"} <= set(bench.arena.touched_paths)


def test_the_other_name_goes_on_when_one_is_removed(bench: Bench) -> None:
    first, second = linked(bench)
    before = inode(first)
    with first.open("r+b") as file:
        first.unlink()
        assert second.stat().st_nlink == os.fstat(file.fileno()).st_nlink == 1
        file.write(b"ONE")
        file.flush()
        assert second.read_bytes() == b"ONE file"
    assert inode(second) == before
    first.write_bytes(b"another one")
    assert inode(first) != before
    assert second.read_bytes() == b"ONE file"


def test_renaming_one_name_leaves_the_other(bench: Bench) -> None:
    first, second = linked(bench)
    before = inode(first)
    (bench.mnt / "d").mkdir()
    first.rename(bench.mnt / "d" / "moved")
    assert inode(bench.mnt / "d" / "moved") == inode(second) == before
    assert (bench.mnt / "d" / "moved").stat().st_nlink == 2
    second.unlink()
    assert (bench.mnt / "d" / "moved").read_bytes() == b"one file"


def test_renaming_one_name_to_the_other_does_nothing(bench: Bench) -> None:
    """POSIX wants it so; of links made natively the kernel doesn't know that they are one."""
    first, second = linked(bench)
    first.rename(second)
    assert inode(first) == inode(second)
    for name in ("a", "b"):
        (bench.mnt / name).write_bytes(name.encode())
    (bench.root / "b").unlink()
    os.link(bench.root / "a", bench.root / "b")
    (bench.mnt / "a").rename(bench.mnt / "b")
    assert sorted(os.listdir(bench.mnt)) == ["a", "b", "first", "second"]


def test_a_file_without_any_name_goes_on_while_it_is_open(bench: Bench) -> None:
    first, second = linked(bench)
    with first.open("rb") as file:
        first.unlink()
        second.unlink()
        assert os.fstat(file.fileno()).st_nlink == 0
        assert file.read() == b"one file"


def test_links_that_another_program_made_are_one_inode(bench: Bench) -> None:
    (bench.root / "d").mkdir()
    (bench.root / "d" / "a").write_bytes(b"1")
    os.link(bench.root / "d" / "a", bench.root / "d" / "b")
    with os.scandir(bench.mnt / "d") as entries:
        assert len({entry.inode() for entry in entries}) == 1
    assert inode(bench.mnt / "d" / "a") == inode(bench.mnt / "d" / "b")


def test_a_name_that_is_replaced_natively_is_a_file_of_its_own(bench: Bench) -> None:
    first, second = linked(bench)
    (bench.root / "new").write_bytes(b"replaced")
    (bench.root / "new").rename(bench.root / "first")
    bench.view.drop(inode(first))
    os.listdir(bench.mnt)  # asks anew what the names mean
    assert second.read_bytes() == b"one file"
    assert first.read_bytes() == b"replaced"


def test_symlinks_and_fifos_can_have_two_names(bench: Bench) -> None:
    (bench.mnt / "s").symlink_to("target")
    os.mkfifo(bench.mnt / "f")
    for name in ("s", "f"):
        os.link(bench.mnt / name, bench.mnt / (name + "2"), follow_symlinks=False)
        assert inode(bench.mnt / name) == inode(bench.mnt / (name + "2"))
    (bench.mnt / "s").unlink()
    assert os.readlink(bench.mnt / "s2") == "target"


def test_an_unreal_file_becomes_real_to_get_another_name(bench: Bench) -> None:
    bench.view.call(bench.arena.peer_adds, "d/a", b"remote")
    os.link(bench.mnt / "d" / "a", bench.mnt / "b")
    assert inode(bench.mnt / "d" / "a") == inode(bench.mnt / "b")
    assert (bench.root / "b").read_bytes() == (bench.root / "d" / "a").read_bytes() == b"remote"
    bench.view.call(bench.arena.peer_adds, "d/s", b"", 0, b"target")
    os.link(bench.mnt / "d" / "s", bench.mnt / "t", follow_symlinks=False)
    assert os.readlink(bench.mnt / "t") == "target"


def test_what_was_made_by_a_link_is_found_when_it_becomes_unreal(bench: Bench) -> None:
    """As git makes its objects: the kernel knows the file by the inode of a name that is gone."""
    first, second = linked(bench)
    before = inode(first)
    first.unlink()
    with second.open("rb"):  # its handle keeps the kernel from forgetting the inode
        bench.view.call(bench.arena.becomes_unreal, b"second")
        bench.view.drop(before)
        assert second.read_bytes() == b"one file"
        assert inode(second) == before
