"""Files that were lost or came back once, each by its name."""

import os
import shutil
import threading
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from realizefs.model.entries import Fingerprint
from realizefs.model.marks import Mark
from realizefs.store import realfile
from realizefs.store.publish import Place, take_out
from tests.fakes.peer import WAIT_SECONDS, Peer, introduce, running_peer, until, write


@asynccontextmanager
async def _two_owners(directory: Path) -> AsyncIterator[tuple[Peer, Peer]]:
    async with (
        running_peer(directory / "a", "a", mark=Mark.OWN) as a,
        running_peer(directory / "b", "b", mark=Mark.OWN) as b,
    ):
        await introduce(a, b)
        yield a, b


async def test_a_rename_of_an_unreal_file_renames_the_real_one_at_its_owner(
    tmp_path: Path,
) -> None:
    """The owner applied a tombstone and a new name, and the only copy went to the trash."""
    write(tmp_path / "a/root", "f", b"only copy")
    async with running_peer(tmp_path / "a", "a") as a, running_peer(tmp_path / "b", "b") as b:
        await introduce(a, b)
        await until(lambda: b.entry("f"))
        await b.arena.move(b.arena.resolve(b"f"), b.arena.root_ino, b"g", 0)
        await until(lambda: a.status("g") == "real")
        assert not (a.root / "f").exists()
        assert await b.read("g") == b"only copy"


async def test_a_renamed_unreal_directory_takes_the_real_files_along(tmp_path: Path) -> None:
    """Twice, while the owner is away: the tombstones come long before the last names."""
    for number in range(30):
        write(tmp_path / "a/root", f"d/e/{number}", b"%d" % (number // 2) * 500)
    (tmp_path / "a/root/d/e").chmod(0o775)
    async with running_peer(tmp_path / "b", "b") as b:
        async with running_peer(tmp_path / "a", "a") as a:
            await introduce(a, b)
            await until(lambda: b.entry("d/e/9") and len(b.paths()) == 32)
        await until(lambda: not any(peer.connected for peer in b.household.peers()))
        for name in (b"x", b"y"):
            old = b.arena.resolve(b"d" if name == b"x" else b"x")
            await b.arena.move(old, b.arena.root_ino, name, 0)
        async with running_peer(tmp_path / "a", "a") as a:
            await until(lambda: not (a.root / "d").exists())
            await until(lambda: len(list(a.root.glob("y/e/*"))) == 30)
            await until(lambda: a.paths() == b.paths() and "d" not in a.paths())
            for number in range(30):
                assert (a.root / f"y/e/{number}").read_bytes() == b"%d" % (number // 2) * 500
            assert (a.root / "y/e").stat().st_mode & 0o777 == 0o775


async def test_an_unreal_file_renamed_over_another_keeps_its_content(tmp_path: Path) -> None:
    write(tmp_path / "a/root", "draft", b"the new text")
    write(tmp_path / "a/root", "final", b"the old text")
    async with running_peer(tmp_path / "a", "a") as a, running_peer(tmp_path / "b", "b") as b:
        await introduce(a, b)
        await until(lambda: b.entry("draft") and b.entry("final"))
        await b.arena.move(b.arena.resolve(b"draft"), b.arena.root_ino, b"final", 0)
        await until(lambda: a.status("final") == "real" and a.entry("draft") is None)
        assert (a.root / "final").read_bytes() == b"the new text"
        assert not (a.root / "draft").exists()
        assert await b.read("final") == b"the new text"
        trashed = (a.root / ".realize/trash").glob("*/*-final")
        assert [one.read_bytes() for one in trashed] == [b"the old text"]


async def test_a_directory_deleted_by_a_peer_does_not_come_back(tmp_path: Path) -> None:
    """Its mtime changed while its files left it; that was taken for a new directory."""
    for number in range(60):
        write(tmp_path / "a/root", f"d/e/{number}", b"%d" % number)
    async with _two_owners(tmp_path) as (a, b):
        await until(lambda: len(list(b.root.glob("d/e/*"))) == 60)
        shutil.rmtree(a.root / "d")
        await until(lambda: not (b.root / "d").exists())
        await until(lambda: not (b.arena.status()["pending"] or a.arena.status()["pending"]))
        assert not a.paths()
        assert not b.paths()
        assert not (a.root / "d").exists()


async def test_an_unrealize_on_a_slow_disk_is_no_deletion(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """inotify told of the file's leaving before the index had it: a tombstone went to the peer."""

    looked_at: dict[bytes, threading.Event] = defaultdict(threading.Event)

    def slowly(source: Place, expected: Fingerprint, target: Place, shown: str) -> None:
        take_out(source, expected, target, shown)
        assert looked_at[source[1]].wait(WAIT_SECONDS), "inotify tells of it"

    for name in ("one", "two"):
        write(tmp_path / "a/root", name, name.encode())
    write(tmp_path / "a/root", "empty", b"")
    os.symlink("nowhere", tmp_path / "a/root/link")
    names = ("one", "two", "empty", "link")
    async with _two_owners(tmp_path) as (a, b):
        await until(lambda: all(os.path.lexists(b.root / name) for name in names))
        await until(lambda: not b.arena.status()["pending"])
        monkeypatch.setattr(realfile, "take_out", slowly)
        index = b.arena.scanner._index

        async def index_and_tell(touched: list[bytes], *, descend: bool = True) -> None:
            await index(touched, descend=descend)
            for path in touched:
                looked_at[path].set()

        monkeypatch.setattr(b.arena.scanner, "_index", index_and_tell)
        await b.arena.set_default_mark(Mark.WATCH)
        await until(lambda: all(b.status(name) == "cached" for name in names))
        await until(lambda: not b.arena.status()["pending"])
        assert a.paths() == b.paths() == set(names)
        assert {one.name for one in a.root.iterdir()} == {*names, ".realize"}
