"""What other programs do in the arena root is seen in the mount, though the kernel trusts it long."""

import os
import stat
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from realizefs.fs import attrs, items
from realizefs.model.limits import KERNEL_CACHE_SECONDS_REAL, KERNEL_CACHE_SECONDS_WATCHED
from realizefs.store.watch import RootEvent
from tests.fakes.mounted_peer import MountedPeer
from tests.household.waiting import until
from tests.mount.conftest import Bench
from tests.mount.renaming import exchange

LONG, SHORT = KERNEL_CACHE_SECONDS_WATCHED, KERNEL_CACHE_SECONDS_REAL


@pytest.fixture
def settled_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What has just been changed is trusted as what is old."""
    monkeypatch.setattr(attrs, "SETTLED_SECONDS", -1.0)


@pytest.fixture
def mounted(fuse: None, settled_at_once: None, tmp_path: Path) -> Iterator[MountedPeer]:
    with MountedPeer(tmp_path) as mounted:
        yield mounted


def trust(bench: Bench, path: bytes) -> tuple[float, float]:
    """Seconds for which the kernel is to trust the name and the attributes of a real file."""

    def look() -> tuple[float, float]:
        found = bench.view.served.attributes(items.at(bench.arena, path))
        return found.entry_timeout, found.attr_timeout

    return bench.view.call(look)


def test_only_what_cannot_change_unseen_is_trusted_for_long(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    (bench.root / "d").mkdir()
    for name in ("alone", "one", "d/in"):
        (bench.root / name).write_text("here")
    (bench.root / "other").hardlink_to(bench.root / "one")
    assert trust(bench, b"alone") == (SHORT, SHORT)
    bench.arena.watched.add(b"")
    monkeypatch.setattr(attrs, "SETTLED_SECONDS", 3600.0)
    assert trust(bench, b"alone") == (LONG, SHORT), "it has just changed"
    monkeypatch.setattr(attrs, "SETTLED_SECONDS", -1.0)
    assert trust(bench, b"alone") == (LONG, LONG)
    assert trust(bench, b"") == (LONG, LONG)
    assert trust(bench, b"one") == (LONG, SHORT), "it may change under another name"
    assert trust(bench, b"d") == (LONG, SHORT), "nobody sees what comes and goes in it"
    assert trust(bench, b"d/in") == (SHORT, SHORT)
    bench.arena.watched.add(b"d")
    assert trust(bench, b"d") == trust(bench, b"d/in") == (LONG, LONG)
    monkeypatch.setattr(bench.arena.store.root, "device", -1)
    assert trust(bench, b"alone") == (SHORT, SHORT), "another machine may change it"


def edit(path: Path) -> None:
    path.write_text("longer than before")


def replace(path: Path) -> None:
    new = path.with_name("new")
    new.write_text("other")
    os.utime(new, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    new.rename(path)


@pytest.mark.parametrize("change", [edit, replace])
def test_a_change_in_the_root_is_seen_by_stat_and_read(
    mounted: MountedPeer, change: Callable[[Path], None]
) -> None:
    """Replaced by a file of another size, or by one of the same size and time."""
    real, shown = mounted.root / "d" / "file", mounted.mnt / "d" / "file"
    real.parent.mkdir()
    real.write_text("first")
    until(lambda: mounted.peer.paths() == {"d", "d/file"}, "it is indexed")
    until(shown.exists, "it is shown")
    assert shown.read_text() == "first"
    change(real)
    until(lambda: shown.stat().st_ctime_ns == real.stat().st_ctime_ns, "stat sees it")
    assert shown.read_text() == real.read_text()
    real.chmod(0o600)
    until(lambda: stat.S_IMODE(shown.stat().st_mode) == 0o600, "stat sees the mode")


def test_what_was_exchanged_and_then_changes_in_the_root_is_seen(mounted: MountedPeer) -> None:
    """Each of the two by the name that it has got."""
    for name in ("a", "b", "stays"):  # an empty root would be a missing disk
        (mounted.root / name).write_text(name)
    until(lambda: mounted.peer.paths() == {"a", "b", "stays"}, "they are indexed")
    for name in ("a", "b"):
        assert (mounted.mnt / name).read_text() == name
    exchange(mounted.mnt / "a", mounted.mnt / "b")
    for name, other in (("a", "b"), ("b", "a")):
        real, shown = mounted.root / name, mounted.mnt / name
        assert shown.read_text() == other
        real.chmod(0o600)
        until(partial(has_mode, shown, 0o600), f"the mode of {name} is seen")
        real.unlink()
        until(partial(is_missing, shown), f"that {name} is gone")


def has_mode(path: Path, mode: int) -> bool:
    return stat.S_IMODE(path.stat().st_mode) == mode


def is_missing(path: Path) -> bool:
    return not path.exists()


def test_names_that_come_and_go_in_the_root_are_seen(mounted: MountedPeer) -> None:
    real, shown = mounted.root / "d", mounted.mnt / "d"
    real.mkdir()
    until(lambda: mounted.peer.paths() == {"d"}, "it is indexed")
    for round_ in range(5):
        assert not (shown / "file").exists()
        (real / "file").write_text(str(round_))
        until((shown / "file").exists, "it is there")
        assert (shown / "file").read_text() == str(round_)
        until(lambda: shown.stat().st_mtime_ns == real.stat().st_mtime_ns, "its directory is new")
        (real / "file").rename(real / "renamed")
        until(lambda: os.listdir(shown) == ["renamed"], "it is renamed")
        until(lambda: not (shown / "file").exists(), "its old name is gone")
        (real / "renamed").unlink()
        until(lambda: not (shown / "renamed").exists(), "it is gone")
    (real / "kind").mkdir()
    until((shown / "kind").is_dir, "a directory is there")
    (real / "kind").rmdir()
    (real / "kind").write_text("now a file")
    until((shown / "kind").is_file, "a file is there instead")


def test_a_change_under_a_new_other_name_is_seen(mounted: MountedPeer) -> None:
    """No event says that a file which was alone has another name: all that is known is dropped."""
    real, shown = mounted.root / "one", mounted.mnt / "one"
    real.write_text("first")
    until(lambda: mounted.peer.paths() == {"one"}, "it is indexed")
    assert shown.stat().st_nlink == 1
    (mounted.root / "two").hardlink_to(real)
    until(lambda: shown.stat().st_nlink == 2, "it has two names")
    (mounted.root / "two").write_text("changed under the other")
    until(lambda: shown.read_text() == "changed under the other", "its content is seen")


def test_what_is_done_through_the_mount_is_not_told_to_the_kernel(
    bench: Bench, settled_at_once: None
) -> None:
    """Thousands of notices would hold up a program that unpacks an archive."""
    bench.arena.watched.add(b"")
    (bench.mnt / "before").write_text("here")
    bench.view.settle()
    told = bench.view.notices()
    for number in range(20):
        file = bench.mnt / f"f{number}"
        file.write_text("content")
        file.chmod(0o600)
        for kind in ("created", "changed", "closed", "attrib"):
            bench.view.call(bench.arena.sees, file.name, kind)
        (bench.mnt / "").stat()
    bench.view.seen()
    assert bench.view.notices() - told <= 20, "of the directory only"
    (bench.root / "f3").write_text("by another program")
    bench.view.call(bench.arena.sees, "f3", "changed")
    bench.view.seen()
    assert (bench.mnt / "f3").read_text() == "by another program"


def test_what_is_opened_before_a_change_is_told_is_read_whole(
    bench: Bench, settled_at_once: None
) -> None:
    """The new content was cut off at the size that the kernel still knew."""
    bench.arena.watched.add(b"")
    real, shown = bench.root / "file", bench.mnt / "file"
    real.write_text("first")
    assert shown.read_text() == "first"
    shown.stat()
    real.write_text("second, and longer")
    assert shown.read_text() == "second, and longer"


def test_when_events_are_lost_nothing_is_trusted(bench: Bench, settled_at_once: None) -> None:
    bench.arena.watched.add(b"")
    real, shown = bench.root / "file", bench.mnt / "file"
    real.write_text("first")
    assert shown.read_text() == "first"
    shown.stat()  # once more: its time of access was asked for
    real.write_text("second, of which no event tells")
    assert shown.stat().st_size == len("first"), "the kernel trusts what it was told"
    bench.view.call(bench.arena.sees, "", "overflow")
    bench.view.seen()
    assert shown.read_text() == "second, of which no event tells"


def test_more_paths_than_may_wait_are_as_lost_events(bench: Bench, settled_at_once: None) -> None:
    bench.arena.watched.add(b"")
    real, shown = bench.root / "file", bench.mnt / "file"
    real.write_text("first")
    assert shown.read_text() == "first"
    shown.stat()
    real.write_text("second, one of many")
    bench.view.limit_seen(10)
    events = [RootEvent(b"f%d" % number, "created") for number in range(11)]
    bench.view.call(bench.arena.watchers[0], events)
    bench.view.seen()
    assert shown.read_text() == "second, one of many"
