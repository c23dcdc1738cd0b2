"""Changes in an arena root without a mount: seen as they happen, or found by a scan, each once."""

import errno
import os
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import pytest
import trio

from realizefs.model.errors import StoreFault
from realizefs.model.limits import MIB
from realizefs.model.marks import Mark
from realizefs.store import hashing
from realizefs.store.arena import ArenaStore
from realizefs.store.hashing import ContentHash, hash_fd
from realizefs.store.watch import RootEvent, RootWatch
from realizefs.sync import following, look
from realizefs.sync import scanner as scanning
from realizefs.sync.known import Known, known_of
from tests.fakes.peer import Peer, running_peer, until, write
from tests.fakes.two_peers import two_owners

LARGE = os.urandom(MIB)


def is_indexed(peer: Peer, name: str, content: bytes) -> bool:
    entry = peer.entry(name)
    return entry is not None and entry.version.hash == hashing.hash_bytes(content)


async def test_events_that_were_lost_are_made_up_for_by_a_scan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel's queue was full: it says so, and nothing of what there was."""
    read = RootWatch.read

    def overflown(watch: RootWatch) -> Sequence[RootEvent]:
        return [RootEvent(b"", "overflow")] if read(watch) else []

    write(tmp_path / "a/root", "old", b"old")
    async with running_peer(tmp_path / "a", "a") as a:
        await until(lambda: a.entry("old"))
        with monkeypatch.context() as patch:
            patch.setattr(RootWatch, "read", overflown)
            (a.root / "old").unlink()
            write(a.root, "d/new", b"new")
            await until(lambda: a.paths() == {"d", "d/new"})
        write(a.root, "d/later", b"later")  # it is watched, though nothing was heard of it
        await until(lambda: a.paths() == {"d", "d/new", "d/later"})


@pytest.fixture
def few_watches(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """The kernel allows no watch on anything called "unwatched", until this is called."""
    watch = RootWatch._watch
    full = True

    def limited(self: RootWatch, path: bytes) -> bool:
        if full and b"unwatched" in path:
            from realizefs.store.watch import _too_many  # noqa: PLC0415

            raise _too_many("max_user_watches", OSError(errno.ENOSPC, "full"))
        return watch(self, path)

    def enough() -> None:
        nonlocal full
        full = False

    monkeypatch.setattr(RootWatch, "_watch", limited)
    monkeypatch.setattr(following, "RESCAN_SECONDS", 0.1)
    return enough


@pytest.mark.parametrize("when", ["at the start", "later", "as events were lost"])
async def test_too_few_watches_are_told_and_scans_serve_instead(
    tmp_path: Path, few_watches: Callable[[], None], monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    (tmp_path / "a/root/unwatched").mkdir(parents=True)
    if when != "at the start":
        (tmp_path / "a/root/unwatched").rename(tmp_path / "elsewhere")
    async with running_peer(tmp_path / "a", "a") as a:
        if when != "at the start":
            await until(lambda: a.arena.status()["notice"] is None)
        with monkeypatch.context() as patch:
            if when == "as events were lost":
                lost = [RootEvent(b"", "overflow")]
                patch.setattr(RootWatch, "read", lambda self: self._inotify.read(0) and lost)
            if when != "at the start":
                (tmp_path / "elsewhere").rename(a.root / "unwatched")
            await until(lambda: a.arena.status()["notice"] is not None)
        await until(lambda: "max_user_watches=1048576" in str(a.arena.status()["notice"]))
        for number in range(3):
            write(a.root, f"unwatched/{number}", b"content")
            await until(lambda: is_indexed(a, f"unwatched/{number}", b"content"))  # noqa: B023
        few_watches()
        await until(lambda: a.arena.status()["notice"] is None)
        write(a.root, "unwatched/last", b"content")
        await until(lambda: is_indexed(a, "unwatched/last", b"content"))


async def test_too_few_watches_found_by_who_catches_up_are_made_up_for_by_scans_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The wait that was under way went on for a day."""
    (tmp_path / "unwatched").mkdir()

    async def hear_nothing(_self: following.Following) -> None:
        await trio.sleep_forever()

    monkeypatch.setattr(following.Following, "_follow", hear_nothing)
    async with running_peer(tmp_path / "a", "a") as a:
        await until(lambda: a.arena.status()["notice"] is None)
        monkeypatch.undo()
        monkeypatch.setattr(following, "RESCAN_SECONDS", 0.1)
        (tmp_path / "unwatched").rename(a.root / "unwatched")
        heard = a.arena.scanner._following
        assert heard is not None
        with monkeypatch.context() as patch:
            patch.setattr(RootWatch, "read", full)
            await heard.caught_up()
        await until(lambda: "max_user_watches" not in str(a.arena.status()["notice"]))
        await until(lambda: b"unwatched" in heard)
        write(a.root, "unwatched/0", b"content")
        await until(lambda: is_indexed(a, "unwatched/0", b"content"))


def full(_watch: RootWatch) -> list[RootEvent]:
    raise StoreFault("The kernel's bound on watched directories is reached: max_user_watches.")


async def test_what_no_event_told_is_found_once_a_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def deaf(watch: RootWatch) -> list[RootEvent]:
        watch._inotify.read(0)
        return []

    monkeypatch.setattr(following, "RESCAN_SECONDS_WATCHED", 0.2)
    monkeypatch.setattr(RootWatch, "read", deaf)
    async with running_peer(tmp_path / "a", "a") as a:
        for name in ("f", "stays"):
            write(a.root, name, name.encode())
        await until(lambda: is_indexed(a, "f", b"f") and is_indexed(a, "stays", b"stays"))
        await until(lambda: a.arena.status()["notice"] is None)  # the scan at the start is over
        (a.root / "f").unlink()
        await until(lambda: a.paths() == {"stays"})


async def test_a_file_that_is_being_written_is_indexed_when_it_is_stable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was read while somebody wrote is no version that ever was."""
    torn: list[bytes] = []

    def hash_while_written(fd: int, cancel: Callable[[], bool] | None = None) -> ContentHash:
        if len(torn) < 2:
            torn.append(b"torn")
            path = os.readlink(f"/proc/self/fd/{fd}")
            Path(path).write_bytes(b"whole %d" % len(torn))
        return hash_fd(fd, cancel)

    async with running_peer(tmp_path / "a", "a") as a:
        versions: set[bytes] = set()
        a.arena.listeners.append(
            lambda _: versions.update(
                [entry.version.hash] if (entry := a.entry("f")) is not None else []
            )
        )
        monkeypatch.setattr(look, "hash_fd", hash_while_written)
        write(a.root, "f", b"first")
        await until(lambda: is_indexed(a, "f", b"whole 2"))
        await until(lambda: versions)  # told a moment after the commit
        assert versions == {hashing.hash_bytes(b"whole 2")}


async def test_what_is_renamed_is_neither_hashed_nor_fetched_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("big", "d/one", "d/two"):
        write(tmp_path / "a/root", name, LARGE + name.encode())
    async with two_owners(tmp_path) as (a, b):
        await until(lambda: all(b.status(n) == "real" for n in ("big", "d/one", "d/two")))
        await until(lambda: not b.arena.status()["pending"])
        sent = a.household.counters.bytes_out

        def refuse(*_: object) -> ContentHash:
            raise AssertionError("it is hashed again")

        monkeypatch.setattr(look, "hash_fd", refuse)
        (a.root / "big").rename(a.root / "d" / "bigger")
        await until((b.root / "d" / "bigger").exists)
        await until(lambda: a.paths() == b.paths() == {"d", "d/bigger", "d/one", "d/two"})
        (a.root / "d").rename(a.root / "renamed")
        await until((b.root / "renamed" / "bigger").exists)
        await until((b.root / "renamed" / "two").exists)
        await until(lambda: not (b.root / "d").exists())
        assert (b.root / "renamed/bigger").read_bytes() == LARGE + b"big"
        assert a.household.counters.bytes_out - sent < MIB // 2


async def test_what_waits_in_a_folder_that_is_renamed_is_not_hashed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is looked at once the folder is known by its new name, and so its content is."""
    write(tmp_path / "a/root", "d/big", LARGE)
    async with running_peer(tmp_path / "a", "a", mark=Mark.OWN) as a:
        await until(lambda: is_indexed(a, "d/big", LARGE))
        hashed, looks, may_go_on = list[int](), threading.Event(), threading.Event()

        def held(store: ArenaStore, gone: Iterable[bytes]) -> Known:
            looks.set()
            assert may_go_on.wait(20)
            return known_of(store, gone)

        monkeypatch.setattr(look, "hash_fd", lambda fd, *_: hashed.append(fd))
        monkeypatch.setattr(scanning, "known_of", held)
        scanner = a.arena.scanner
        scanner.touched(b"d/big")
        await until(looks.is_set)
        (a.root / "d").rename(a.root / "renamed")
        await until(lambda: b"renamed/big" in scanner._due)
        may_go_on.set()
        await until(lambda: a.paths() == {"renamed", "renamed/big"})
        await until(lambda: not scanner.is_pending(b"renamed/big"))
        assert not hashed


async def test_what_was_in_a_folder_that_was_made_anew_is_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A scan finds it gone, and as that is looked at a job has just made one of its name."""
    write(tmp_path / "a/root", "d/e/file", b"file")
    async with running_peer(tmp_path / "a", "a", mark=Mark.OWN) as a:
        await until(lambda: is_indexed(a, "d/e/file", b"file"))
        await until(lambda: not a.arena.status()["pending"])
        monkeypatch.setattr(RootWatch, "read", lambda self: [])
        (a.root / "d").rename(tmp_path / "away")

        def made_then(store: ArenaStore, path: bytes, ignores: look.Ignores) -> look.DirectoryScan:
            found = look.scan_directory(store, path, ignores)
            (a.root / "d/e").mkdir(parents=True, exist_ok=True)
            return found

        monkeypatch.setattr(scanning, "scan_directory", made_then)
        await a.arena.scanner._scan_below(b"")
        await until(lambda: a.paths() == {"d", "d/e"})


async def test_a_renamed_file_that_was_written_to_is_hashed(tmp_path: Path) -> None:
    write(tmp_path / "a/root", "big", LARGE)
    async with running_peer(tmp_path / "a", "a") as a:
        await until(lambda: is_indexed(a, "big", LARGE))
        with (a.root / "big").open("r+b") as file:
            (a.root / "big").rename(a.root / "new")
            file.write(b"changed")
        await until(lambda: is_indexed(a, "new", b"changed" + LARGE[7:]))


def longer(path: Path) -> None:
    path.write_bytes(b"longer than it was")


def same_size(path: Path) -> None:
    path.write_bytes(b"CONTENT")


def same_size_and_mtime(path: Path) -> None:
    """Only its ctime tells."""
    before = path.stat()
    path.write_bytes(b"CONTENT")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def another_file_of_the_same_size_and_mtime(path: Path) -> None:
    before = path.stat()
    other = path.with_name("other")
    other.write_bytes(b"CONTENT")
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.rename(path)


@pytest.mark.parametrize(
    "change",
    [longer, same_size, same_size_and_mtime, another_file_of_the_same_size_and_mtime],
)
async def test_what_changed_while_the_daemon_was_down_is_found(
    tmp_path: Path, change: Callable[[Path], None]
) -> None:
    write(tmp_path / "a/root", "f", b"content")
    write(tmp_path / "a/root", "gone", b"gone")
    async with running_peer(tmp_path / "a", "a") as a:
        await until(lambda: a.entry("f") and a.entry("gone"))
    change(tmp_path / "a/root/f")
    (tmp_path / "a/root/gone").unlink()
    write(tmp_path / "a/root", "d/new", b"new")
    content = (tmp_path / "a/root/f").read_bytes()
    async with running_peer(tmp_path / "a", "a") as a:
        await until(lambda: is_indexed(a, "f", content))
        await until(lambda: a.paths() == {"f", "d", "d/new"})


async def test_a_mark_set_on_a_file_or_folder_of_the_root_counts(tmp_path: Path) -> None:
    write(tmp_path / "a/root", "d/f", b"content")
    async with running_peer(tmp_path / "a", "a") as a:
        await until(lambda: a.entry("d/f"))
        for name, mark in (("d", b"keep"), ("d/f", b"own")):
            os.setxattr(a.root / name, "user.realize.mark", mark)
        ino = a.arena.resolve(b"d/f")
        await until(lambda: a.arena.describe(ino).mark is Mark.OWN)
        assert a.arena.describe(a.arena.resolve(b"d")).mark is Mark.KEEP
        os.removexattr(a.root / "d/f", "user.realize.mark")
        await until(lambda: a.arena.describe(ino).mark is Mark.KEEP)
