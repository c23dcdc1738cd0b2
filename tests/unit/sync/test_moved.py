"""Renames that another program makes in the arena root are seen as renames."""

import os
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from realizefs.model.ids import Inode
from realizefs.model.limits import KIB
from realizefs.model.marks import Mark
from realizefs.store import watch
from realizefs.sync.known import Known
from realizefs.sync.look import look
from realizefs.sync.moving import record_move
from realizefs.sync.recording import record_together
from tests.fakes.peer import Peer, introduce, running_peer, until, write
from tests.fakes.two_peers import two_owners


def inode(peer: Peer, path: str) -> Inode:
    return peer.arena.resolve(path.encode())


def number_of(peer: Peer, path: str) -> int:
    """The native inode."""
    return (peer.root / path).stat().st_ino


@asynccontextmanager
async def one_peer(tmp_path: Path, *names: str) -> AsyncIterator[Peer]:
    """A peer that has indexed these files, each with its name as content."""
    for name in names:
        write(tmp_path / "a/root", name, name.encode())
    async with running_peer(tmp_path / "a", "a", mark=Mark.OWN) as a:
        await until(lambda: all(a.status(name) == "real" for name in names))
        yield a


async def test_a_file_keeps_its_inode_and_a_symlink_its_mark(tmp_path: Path) -> None:
    async with one_peer(tmp_path, "d/file", "e/other") as peer:
        (peer.root / "link").symlink_to("d/file")
        await until(lambda: peer.entry("link"))
        await peer.mark("link", Mark.KEEP)
        file, link = inode(peer, "d/file"), inode(peer, "link")
        (peer.root / "d/file").rename(peer.root / "e/moved")
        (peer.root / "link").rename(peer.root / "d/link")
        await until(lambda: peer.paths() == {"d", "e", "e/other", "e/moved", "d/link"})
        assert (inode(peer, "e/moved"), inode(peer, "d/link")) == (file, link)
        assert peer.arena.explicit_mark(link) is Mark.KEEP


async def test_a_directory_keeps_all_inodes_below_it(tmp_path: Path) -> None:
    async with one_peer(tmp_path, "d/a", "d/sub/b") as peer:
        before = [inode(peer, path) for path in ("d", "d/a", "d/sub", "d/sub/b")]
        (peer.root / "d").rename(peer.root / "e")
        (peer.root / "e/new").write_bytes(b"made before anybody has looked")
        await until(lambda: peer.paths() == {"e", "e/a", "e/sub", "e/sub/b", "e/new"})
        assert [inode(peer, path) for path in ("e", "e/a", "e/sub", "e/sub/b")] == before


async def test_a_rename_over_another_file_replaces_it(tmp_path: Path) -> None:
    async with one_peer(tmp_path, "a", "b") as peer:
        ino = inode(peer, "a")
        (peer.root / "a").rename(peer.root / "b")
        await until(lambda: peer.paths() == {"b"})
        assert inode(peer, "b") == ino
        assert peer.arena.context.store.root.lstat(b"b").st_size == 1


async def test_another_file_with_the_inode_number_of_a_deleted_one_is_no_rename(
    tmp_path: Path,
) -> None:
    """A filesystem gives the number of a deleted file to the next that is made."""
    async with one_peer(tmp_path, "a", "d/in", "stays") as peer:
        file, directory = inode(peer, "a"), inode(peer, "d")
        for _ in range(20):
            (peer.root / "a").unlink(missing_ok=True)
            (peer.root / "b").write_bytes(os.urandom(8))
        os.unlink(peer.root / "d/in")
        os.rmdir(peer.root / "d")
        os.mkdir(peer.root / "e")
        (peer.root / "e/else").write_bytes(b"else")
        await until(lambda: peer.paths() == {"b", "e", "e/else", "stays"})
        assert inode(peer, "b") != file
        assert inode(peer, "e") != directory


async def test_a_folder_is_scanned_while_files_are_moved_into_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where they were hasn't been quiet for long enough, and nothing is said of that yet."""
    async with one_peer(tmp_path, "d/file", "d/stays") as peer:
        file = inode(peer, "d/file")
        monkeypatch.setattr(watch.RootWatch, "read", lambda self: [])
        (peer.root / "e").mkdir()
        (peer.root / "d/file").rename(peer.root / "e/file")
        peer.arena.scanner.touched(b"d/file", 3600)
        peer.arena.scanner.touched(b"e", 0)
        await until(lambda: peer.paths() == {"d", "d/stays", "e", "e/file"})
        assert inode(peer, "e/file") == file


@pytest.mark.parametrize("deleted", [True, False])
async def test_what_changed_in_a_folder_just_before_it_was_moved_into_a_new_one_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, deleted: bool
) -> None:
    """The new one is scanned before what changed is looked at, and after that it is elsewhere."""
    async with one_peer(tmp_path, "d/s/t/old", "d/s/t/stays") as peer:
        directory = inode(peer, "d")
        await until(lambda: not peer.arena.scanner._due)
        monkeypatch.setattr(watch.RootWatch, "read", lambda self: [])
        changed, touched = "d/s/t/old" if deleted else "d/s/t/new", peer.arena.scanner.touched
        if deleted:
            (peer.root / changed).unlink()
        else:
            write(peer.root, changed, b"new")
        (peer.root / "e").mkdir()
        (peer.root / "d").rename(peer.root / "e/d")
        touched(changed.encode(), 0.2)
        touched(b"d", 0.3)
        touched(b"e/d", 0.3)
        touched(b"e", 0)
        left = {"e", "e/d", "e/d/s", "e/d/s/t", "e/d/s/t/stays"}
        more = set() if deleted else {"e/d/s/t/old", "e/d/s/t/new"}
        await until(lambda: peer.paths() == left | more)
        assert inode(peer, "e/d") == directory


@pytest.mark.parametrize("last", ["e", "d"])
async def test_what_changed_in_a_folder_that_moves_is_seen_though_it_was_looked_for_in_vain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, last: str
) -> None:
    """It was looked at when the folder had another name, natively, of which nothing was heard yet; be
    it that it has its old one again when it is."""
    async with one_peer(tmp_path, "d/s/t/stays") as peer:
        await until(lambda: not peer.arena.scanner._due)
        read = watch.RootWatch.read
        with monkeypatch.context() as patch:
            patch.setattr(watch.RootWatch, "read", lambda self: [])
            (peer.root / "d").rename(peer.root / "e")
            write(peer.root, "e/s/t/new", b"new")
            for path in (b"d/s/t/new", b"d/s/t/stays"):
                peer.arena.scanner.touched(path, 0)
            await until(lambda: not peer.arena.scanner._due)
            assert peer.paths() == {"d", "d/s", "d/s/t", "d/s/t/stays"}
            if last == "d":
                (peer.root / "e").rename(peer.root / "d")
        # Only of what happens to names, as if the rest had been read before.
        names = ("moved_from", "moved_to")
        monkeypatch.setattr(
            watch.RootWatch, "read", lambda self: [one for one in read(self) if one.kind in names]
        )
        paths = {"", "/s", "/s/t", "/s/t/new", "/s/t/stays"}
        await until(lambda: peer.paths() == {f"{last}{path}" for path in paths})


async def test_what_is_looked_for_before_its_rename_is_heard_of_is_renamed_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its old name waited to be looked at for another reason: a deletion and a new file were told."""
    async with one_peer(tmp_path, "d/file", "stays") as peer:
        file, scanner = inode(peer, "d/file"), peer.arena.scanner
        await until(lambda: not scanner._due)
        looked, read, gone_of = threading.Event(), watch.RootWatch.read, scanner._gone_of

        def late(self: watch.RootWatch) -> Sequence[watch.RootEvent]:
            assert looked.wait(20)
            return read(self)

        def looks(touched: list[bytes]) -> tuple[list[bytes], list[bytes], Known]:
            found = gone_of(touched)
            looked.set()
            return found

        monkeypatch.setattr(watch.RootWatch, "read", late)
        monkeypatch.setattr(scanner, "_gone_of", looks)
        (peer.root / "d/file").rename(peer.root / "d/renamed")
        scanner.touched(b"d/file", 0)
        await until(lambda: peer.paths() == {"d", "d/renamed", "stays"})
        assert inode(peer, "d/renamed") == file


async def test_a_folder_is_known_again_that_is_moved_into_one_that_moves(tmp_path: Path) -> None:
    async with one_peer(tmp_path, "p/stays", "d/s/file") as peer:
        before = [inode(peer, path) for path in ("p", "d", "d/s", "d/s/file")]
        (peer.root / "p/new").mkdir()
        (peer.root / "d").rename(peer.root / "p/new/d")
        (peer.root / "p").rename(peer.root / "q")
        after = ["q", "q/new/d", "q/new/d/s", "q/new/d/s/file"]
        await until(lambda: peer.paths() == {*after, "q/new", "q/stays"})
        assert [inode(peer, path) for path in after] == before


async def test_many_files_moved_one_by_one_are_told_and_fetched_by_nobody(tmp_path: Path) -> None:
    names = [f"d/{number:03}" for number in range(300)]
    for name in names:
        write(tmp_path / "a/root", name, os.urandom(4 * KIB))
    async with (
        running_peer(tmp_path / "a", "a", mark=Mark.OWN) as a,
        running_peer(tmp_path / "b", "b", mark=Mark.OWN) as b,
    ):
        # On a busy machine so many renames come in halves that somebody would be asked (see `guard`).
        b.arena.context.guard.percent = 100.0
        await introduce(a, b)
        await until(lambda: all((b.root / name).exists() for name in names))
        await until(lambda: b.arena.status()["pending"] == 0)
        native = {name: number_of(b, name) for name in names}
        before = b.household.counters.bytes_in
        (a.root / "e").mkdir()
        for name in names:
            (a.root / name).rename(a.root / name.replace("d/", "e/"))
        moved = {name.replace("d/", "e/") for name in names}
        await until(lambda: b.paths() == {"d", "e", *moved})
        await until(lambda: all((b.root / name).exists() for name in moved))
        await until(lambda: b.arena.status()["pending"] == 0)
        assert b.household.counters.bytes_in - before < len(names) * 2 * KIB
        kept = [name for name in names if number_of(b, name.replace("d/", "e/")) == native[name]]
        assert len(kept) == len(names)


async def test_folders_that_are_renamed_again_and_again_are_no_deletion(tmp_path: Path) -> None:
    """Each time as many as there are leave the root of who follows; nothing was in them by then."""
    (tmp_path / "a/root/0").mkdir(parents=True)
    for number in range(120):
        (tmp_path / f"a/root/0/{number}").mkdir()
    write(tmp_path / "a/root", "stays", b"stays")
    async with two_owners(tmp_path) as (a, b):
        for number in range(4):
            if number:
                (a.root / f"{number - 1}").rename(a.root / f"{number}")
            await until(lambda: len(list((b.root / f"{number}").glob("*"))) == 120)  # noqa: B023
            await until(lambda: b.arena.status()["pending"] == 0)
        assert {path.name for path in b.root.iterdir()} == {".realize", "3", "stays"}


async def test_very_many_folders_that_moved_are_scanned_one_after_the_other(tmp_path: Path) -> None:
    """And none within another."""
    async with one_peer(tmp_path, "d/file") as peer:
        scanner = peer.arena.scanner
        scanner._moved |= {str(number).encode(): None for number in range(3000)}
        scanner.touched(b"d")  # which wakes it
        await until(lambda: not scanner._moved, seconds=60)
        write(peer.root, "d/new", b"new")
        await until(lambda: peer.paths() == {"d", "d/file", "d/new"})


async def test_what_has_left_since_it_was_looked_at_has_not_come_from_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It seemed to be renamed to its own name, and its tombstone took its place in the index."""
    async with one_peer(tmp_path, "d/file", "other") as peer:
        await until(lambda: not peer.arena.status()["pending"])
        monkeypatch.setattr(watch.RootWatch, "read", lambda self: [])
        found = look(peer.store.root, b"d/file", lambda: False)
        assert found is not None
        (peer.root / "d/file").rename(tmp_path / "away")
        await record_together(peer.arena.context, [found], [b"d/file"], set())
        peer.arena.touched(b"d/file")
        await until(lambda: peer.paths() == {"d", "other"})


async def test_what_is_renamed_to_its_own_name_stays(tmp_path: Path) -> None:
    async with one_peer(tmp_path, "d/file") as peer:
        entry = peer.entry("d/file")
        assert entry is not None
        place = entry.parent, entry.name
        await peer.arena.context.commit(
            lambda batch: record_move(batch, entry.ino, place, peer.arena.context.clock.wall_ns())
        )
        assert peer.entry("d/file") == entry
