"""What happens in the root is heard of, wherever in it, whatever its name."""

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from inotify_simple import Event

from realizefs.model.errors import StoreFault
from realizefs.store.openat import RENAME_EXCHANGE
from realizefs.store.realfile import Root
from realizefs.store.watch import RETOLD_MAX, RootEvent, RootWatch


@pytest.fixture
def here(tmp_path: Path) -> Path:
    (tmp_path / "root" / "a" / "b").mkdir(parents=True)
    return tmp_path / "root"


@pytest.fixture
def watch(here: Path) -> Iterator[RootWatch]:
    root = Root(here)
    watch = RootWatch(root)
    watch.add_tree(b"")
    yield watch
    watch.close()
    root.close()


def test_the_whole_tree_is_watched(here: Path) -> None:
    root = Root(here)
    watch = RootWatch(root)
    assert watch.add_tree(b"") == [b"", b"a", b"a/b"]
    assert len(watch) == 3
    watch.close()
    root.close()


def test_nothing_to_read_never_waits(watch: RootWatch) -> None:
    assert watch.read() == []


def test_a_file_being_written(watch: RootWatch, here: Path) -> None:
    (here / "a" / "b" / "f").write_bytes(b"x")
    assert _kinds(watch) == [
        (b"a/b/f", "created"),
        (b"a/b/f", "changed"),
        (b"a/b/f", "closed"),
    ]
    (here / "a" / "b" / "f").chmod(0o600)
    (here / "a" / "b" / "f").unlink()
    assert _kinds(watch) == [(b"a/b/f", "attrib"), (b"a/b/f", "gone")]


def test_names_are_bytes(watch: RootWatch, here: Path) -> None:
    os.mkdir(bytes(here) + b"/\xff\xfe:")
    os.mkdir(bytes(here) + b"/\xff\xfe:/\x80")
    assert {b"\xff\xfe:"} <= {event.path for event in watch.read()}
    os.close(os.open(bytes(here) + b"/\xff\xfe:/\x80/\xe9", os.O_CREAT | os.O_WRONLY))
    assert (b"\xff\xfe:/\x80/\xe9", "created") in _kinds(watch)


def test_what_a_new_directory_already_contains_is_reported(watch: RootWatch, here: Path) -> None:
    """It was filled before we could watch it."""
    (here / "new" / "deep").mkdir(parents=True)
    (here / "new" / "deep" / "file").write_bytes(b"x")
    assert (b"new/deep/file", "created") in _kinds(watch)
    (here / "new" / "deep" / "file").unlink()
    assert (b"new/deep/file", "gone") in _kinds(watch)


def test_a_directory_moved_within_keeps_its_watches(watch: RootWatch, here: Path) -> None:
    (here / "a").rename(here / "z")
    events = watch.read()
    assert [(event.path, event.kind, event.is_dir) for event in events] == [
        (b"a", "moved_from", True),
        (b"z", "moved_to", True),
    ]
    assert events[0].cookie == events[1].cookie != 0
    (here / "z" / "b" / "f").touch()
    assert (b"z/b/f", "created") in _kinds(watch)
    assert len(watch) == 3


def test_what_happened_in_a_directory_before_it_moved_is_told_of_where_it_is(
    watch: RootWatch, here: Path
) -> None:
    (here / "a" / "b" / "f").touch()
    (here / "a").rename(here / "c")
    assert {(b"a/b/f", "created"), (b"c/b/f", "created")} <= set(_kinds(watch))


def test_a_directory_moved_away_is_no_longer_watched(watch: RootWatch, here: Path) -> None:
    (here / "a").rename(here.parent / "away")
    assert _kinds(watch) == [(b"a", "moved_from")]
    assert len(watch) == 1
    (here.parent / "away" / "b" / "f").touch()
    assert watch.read() == []


def test_a_directory_moved_in_is_reported_with_its_contents(watch: RootWatch, here: Path) -> None:
    (here.parent / "full" / "x").mkdir(parents=True)
    (here.parent / "full" / "x" / "f").touch()
    (here.parent / "full").rename(here / "full")
    assert _kinds(watch) == [
        (b"full", "moved_to"),
        (b"full/x", "created"),
        (b"full/x/f", "created"),
    ]


def test_moved_and_moved_again_before_we_read(watch: RootWatch, here: Path) -> None:
    (here / "a").rename(here / "c")
    (here / "c").rename(here / "d")
    (here / "a").mkdir()
    watch.read()
    (here / "d" / "b" / "f").touch()
    (here / "a" / "g").touch()
    assert {(b"d/b/f", "created"), (b"a/g", "created")} <= set(_kinds(watch))


@pytest.mark.parametrize("at_once", [1, 2, 3, 100])
def test_two_directories_that_changed_places_are_known_by_their_new_ones(
    watch: RootWatch, here: Path, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    """However many of the events the kernel has when they are read."""
    (here / "c" / "d").mkdir(parents=True)
    watch.read()
    queued: list[Event] = []
    read = watch._inotify.read

    def in_pieces(timeout: int | None = None) -> list[Event]:
        queued.extend(read(timeout=0))
        piece = queued[:at_once]
        del queued[:at_once]
        return piece

    monkeypatch.setattr(watch._inotify, "read", in_pieces)
    watch._root.rename(b"a", b"c", RENAME_EXCHANGE)
    told = list(watch.read())
    while queued:
        told += watch.read()
    assert {b"a/d", b"c/b"} <= {event.path for event in told}
    for path in ("a/d/one", "c/b/two", "a/three", "c/four"):
        (here / path).touch()
        heard = {event.path for event in watch.read()}
        while queued:
            heard |= {event.path for event in watch.read()}
        assert heard == {path.encode()}
    assert len(watch) == 5


def test_many_moves_at_once_are_one_look_at_everything(watch: RootWatch, here: Path) -> None:
    """Each would cost a look at all that was told before it."""
    names = [here / "a", here / "c"] * (RETOLD_MAX + 1)
    for old, new in pairwise(names[: RETOLD_MAX + 2]):
        (here / "a" / "b" / "f").touch() if old.name == "a" else None
        old.rename(new)
    told = watch.read()
    assert [event.path for event in told if event.kind == "overflow"] == [b""]
    assert len(told) < 10 * RETOLD_MAX
    (names[RETOLD_MAX + 1] / "b" / "g").touch()
    assert {event.path for event in watch.read()} == {
        os.fsencode(names[RETOLD_MAX + 1].name) + b"/b/g"
    }


def test_a_directory_that_was_made_and_moved_before_we_read_is_watched(
    watch: RootWatch, here: Path
) -> None:
    """As by who unpacks beside a place, and moves what is complete there."""
    (here / "new").mkdir()
    (here / "new" / "f").touch()
    (here / "new").rename(here / "a" / "final")
    assert b"a/final/f" in {event.path for event in watch.read()}
    (here / "a" / "final" / "g").touch()
    assert {event.path for event in watch.read()} == {b"a/final/g"}


DIRECTORIES = st.sampled_from(["a", "b", "c", "a/a", "a/b", "b/a", "b/c", "a/a/b", "c/b/a"])
DEEDS = st.one_of(
    st.tuples(st.sampled_from(["mkdir", "remove", "out", "in"]), DIRECTORIES, st.none()),
    st.tuples(st.sampled_from(["rename", "exchange"]), DIRECTORIES, DIRECTORIES),
    st.tuples(st.just("read"), st.none(), st.none()),
)


def _do(here: Path, root: Root, deed: str, path: str, to: str | None) -> None:
    """A deed of the native kind, where it can be done."""
    away = here.parent / "away"
    with suppress(OSError):
        match deed:
            case "mkdir":
                (here / path).mkdir()
            case "remove":
                shutil.rmtree(here / path)
            case "out":
                (here / path).rename(away)
            case "in":
                away.rename(here / path)
            case "rename":
                (here / path).rename(here / str(to))
            case _:
                root.rename(path.encode(), str(to).encode(), RENAME_EXCHANGE)


def _directories(here: Path) -> set[Path]:
    return {one for one in here.rglob("*") if one.is_dir() and ".realize" not in str(one)}


@settings(deadline=None, max_examples=200)
@given(deeds=st.lists(DEEDS, max_size=20))
@example(deeds=[("mkdir", "a", None), ("rename", "a", "c"), ("rename", "b", "a")])
@example(deeds=[("out", "b", None), ("mkdir", "b", None)])
def test_whatever_happens_to_directories_each_is_watched_by_its_name(
    deeds: list[tuple[str, str, str | None]],
) -> None:
    with tempfile.TemporaryDirectory() as name:
        here = Path(name) / "root"
        (here / "b" / "a").mkdir(parents=True)
        root = Root(here)
        watch = RootWatch(root)
        watch.add_tree(b"")
        try:
            for deed, path, to in deeds:
                watch.read() if deed == "read" else _do(here, root, deed, path, to)
            while watch.read():
                pass
            there = _directories(here)
            for directory in there:
                (directory / "heard").touch()
            heard = {event.path for event in watch.read() if event.kind == "created"}
            assert heard == {os.fsencode(one.relative_to(here) / "heard") for one in there}
            assert len(watch) == len(there) + 1
        finally:
            watch.close()
            root.close()


def test_a_removed_tree_is_forgotten(watch: RootWatch, here: Path) -> None:
    (here / "a" / "b").rmdir()
    (here / "a").rmdir()
    assert {(b"a/b", "gone"), (b"a", "gone")} <= set(_kinds(watch))
    assert len(watch) == 1


def test_a_symlink_to_a_directory_is_not_entered(watch: RootWatch, here: Path) -> None:
    (here.parent / "outside").mkdir()
    (here / "link").symlink_to("../outside")
    watch.read()
    (here.parent / "outside" / "f").touch()
    assert watch.read() == []


def test_our_own_state_is_silent(watch: RootWatch, here: Path) -> None:
    (here / ".realize" / "tmp" / "x").touch()
    (here / ".realize").chmod(0o700)
    assert watch.read() == []


def test_the_mark_of_the_root_itself(watch: RootWatch, here: Path) -> None:
    os.setxattr(here, "user.realize.mark", b"keep")
    assert watch.read() == [RootEvent(b"", "attrib", is_dir=True)]


def test_the_root_itself_going(watch: RootWatch, here: Path) -> None:
    here.rename(here.parent / "elsewhere")
    assert RootEvent(b"", "root_gone", is_dir=True) in watch.read()


def test_lost_events_are_told(watch: RootWatch, here: Path) -> None:
    bound = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    names = [here / "f", here / "g"]  # two in turn, as equal events in a row are merged
    for number in range(bound + 2):
        names[number % 2].touch()
    assert RootEvent(b"", "overflow") in watch.read()


def test_too_many_watches_has_a_sentence(
    watch: RootWatch, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(watch._inotify, "add_watch", full)
    with pytest.raises(StoreFault, match=r"sysctl fs\.inotify\.max_user_watches"):
        watch.add_tree(b"a")


def _kinds(watch: RootWatch) -> list[tuple[bytes, str]]:
    return [(event.path, event.kind) for event in watch.read()]
