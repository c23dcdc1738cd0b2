"""Files that were lost or came back once, each by its name."""

import errno
import os
import shutil
import threading
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from realizefs.model.decisions import Action, Decision
from realizefs.model.entries import Fingerprint
from realizefs.model.ids import Digest, PeerId
from realizefs.model.limits import MIB
from realizefs.model.marks import Mark
from realizefs.model.versions import COUNTER_MAX, Kind, Version
from realizefs.store import realfile, watch
from realizefs.store.publish import Place, take_out
from realizefs.store.realfile import NativeName, Root
from realizefs.sync.batch import Batch
from tests.fakes.peer import WAIT_SECONDS, introduce, running_peer, until, write
from tests.fakes.two_peers import at_rest, owner_and_watcher, two_owners


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
        await until(lambda: b.status("g") == "remote")  # the owner has said that it has it
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
        await until(lambda: b.status("final") == "remote")
        assert await b.read("final") == b"the new text"
        trashed = (a.root / ".realize/trash").glob("*/final")
        assert [one.read_bytes() for one in trashed] == [b"the old text"]


async def test_a_directory_deleted_by_a_peer_does_not_come_back(tmp_path: Path) -> None:
    """Its mtime changed while its files left it; that was taken for a new directory."""
    for number in range(60):
        write(tmp_path / "a/root", f"d/e/{number}", b"%d" % number)
    write(tmp_path / "a/root", "stays", b"an emptied root would be a missing disk")
    async with two_owners(tmp_path) as (a, b):
        await until(lambda: len(list(b.root.glob("d/e/*"))) == 60 and b.status("stays") == "real")
        shutil.rmtree(a.root / "d")
        await until(lambda: not (b.root / "d").exists())
        await until(lambda: not (b.arena.status()["pending"] or a.arena.status()["pending"]))
        assert a.paths() == {"stays"}
        assert b.paths() == {"stays"}
        assert not (a.root / "d").exists()


async def test_an_unrealize_on_a_slow_disk_is_no_deletion(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """inotify told of the file's leaving before the index had it: a tombstone went to the peer."""

    looked_at: dict[bytes, threading.Event] = defaultdict(threading.Event)

    def slowly(
        source: Place, expected: Fingerprint, target: Place, shown: str, *, alone: bool = True
    ) -> None:
        take_out(source, expected, target, shown, alone=alone)
        assert looked_at[source[1]].wait(WAIT_SECONDS), "inotify tells of it"

    for name in ("one", "two"):
        write(tmp_path / "a/root", name, name.encode())
    write(tmp_path / "a/root", "empty", b"")
    os.symlink("nowhere", tmp_path / "a/root/link")
    names = ("one", "two", "empty", "link")
    async with two_owners(tmp_path) as (a, b):
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


async def test_a_renamed_file_is_owned_by_nobody_who_has_not_said_so(tmp_path: Path) -> None:
    """The owners of the old name counted as owners of the new one: the last copy could be dropped."""
    async with running_peer(tmp_path / "b", "b", mark=Mark.OWN) as b:
        async with running_peer(tmp_path / "a", "a", mark=Mark.OWN) as a:
            write(a.root, "d/f", b"owned by both")
            await introduce(a, b)
            await until(lambda: b.arena.describe(b.arena.resolve(b"d/f")).status == "real")
            await until(
                lambda: b.arena.describe(b.arena.resolve(b"d/f")).holders == (("a", "own"),)
            )
        (b.root / "d").rename(b.root / "e")
        await b.arena.move(b.arena.resolve(b"d"), b.arena.root_ino, b"e", 0)
        await b.arena.context.names_committed()
        assert b.arena.describe(b.arena.resolve(b"e/f")).holders == ()
        async with running_peer(tmp_path / "a", "a", mark=Mark.OWN) as a:
            await until(
                lambda: b.arena.describe(b.arena.resolve(b"e/f")).holders == (("a", "own"),)
            )
            assert (a.root / "e/f").read_bytes() == b"owned by both"


async def test_what_was_on_a_disk_that_is_unmounted_is_not_deleted(tmp_path: Path) -> None:
    """Directories of the disk told that they were unmounted, and were taken for deleted."""
    write(tmp_path / "a/root", "disk/in/f", b"elsewhere")
    async with two_owners(tmp_path) as (a, b):
        await until(lambda: b.status("disk/in/f") == "real")
        inodes = [a.arena.resolve(path) for path in (b"disk/in", b"disk/in/f")]

        def put_elsewhere(batch: Batch) -> None:
            for ino in inodes:
                real = batch.store.real.get(batch.txn, ino)
                assert real is not None
                there = replace(real, fingerprint=replace(real.fingerprint, dev=1))
                batch.store.real.put(batch.txn, ino, there)

        await a.arena.context.commit(put_elsewhere)
        shutil.rmtree(a.root / "disk/in")
        write(a.root, "later", b"")
        await until(lambda: b.status("later") == "real")
        assert b.status("disk/in/f") == "real"


async def test_one_directory_that_cannot_be_listed_does_not_stop_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PermissionError ended the scanner, and with it the arena."""
    listed = Root.list

    def refuse(self: Root, path: bytes) -> Sequence[NativeName]:
        if path == b"locked":
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return listed(self, path)

    monkeypatch.setattr(Root, "list", refuse)
    monkeypatch.setattr(watch, "_GONE", (errno.EACCES,))
    write(tmp_path / "a/root", "locked/f", b"")
    write(tmp_path / "a/root", "open/f", b"")
    async with two_owners(tmp_path) as (_, b):
        await until(lambda: b.status("open/f") == "real")
        assert b.paths() == {"locked", "open", "open/f"}


async def test_sizes_and_counters_that_a_peer_invents_do_no_harm(tmp_path: Path) -> None:
    """The sum of sizes overflowed 64 bits; our next counter was one that peers refuse."""
    huge = Version(
        Kind.FILE,
        hash=Digest(b"h" * 32),
        block_root=Digest(b"r" * 32),
        size=2**63 - 1,
        mode=0o644,
        vector=((PeerId(7), COUNTER_MAX),),
        author=PeerId(7),
    )
    async with two_owners(tmp_path) as (a, b):
        tree, inodes = b.store.tree, b.store.inodes
        await b.arena.context.commit(
            lambda batch: [
                batch.add(inodes.allocate(), tree.root, b"huge%d" % number, huge)
                for number in range(4)
            ]
        )
        await until(lambda: a.entry("huge3"))
        await a.arena.change_metadata(a.arena.resolve(b"huge0"), 0o600, None)
        await until(lambda: b.entry("huge0"))
        await a.arena.remove(a.arena.resolve(b"huge1"))
        write(a.root, "alive", b"")
        await until(lambda: b.status("alive") == "real")


async def test_unrealize_again_after_a_crash_before_its_commit_keeps_the_cached_copy(
    tmp_path: Path,
) -> None:
    """The rename was done, the index said "real" still: the job promised a second blob, found no
    file for it, and the complete first one had been pushed out as outdated."""
    write(tmp_path / "a/root", "f", b"x" * 1000)
    async with owner_and_watcher(tmp_path) as (_, b):
        await until(lambda: b.entry("f"))
        await b.mark("f", Mark.OWN)
        await until(lambda: b.status("f") == "real")
        ino = b.arena.resolve(b"f")
        with b.store.env.read() as txn:
            real = b.store.real.get(txn, ino)
        assert real is not None
        await b.mark("f", None)
        await until(lambda: b.status("f") == "cached")
        await until(lambda: not b.arena.scanner.is_pending(b"f"))  # which would miss it
        decision = Decision(Action.UNREALIZE, real.hash)
        await b.arena.context.commit(lambda batch: b.store.real.put(batch.txn, ino, real))
        await b.arena._actions.carry_out(ino, decision)
        assert b.status("f") == "cached"


async def test_a_decision_is_not_carried_out_once_the_last_owner_has_let_go(
    tmp_path: Path,
) -> None:
    """R1: the job went by what was known when it was decided, and took the last copy away."""
    write(tmp_path / "a/root", "f", b"x" * MIB)
    async with running_peer(tmp_path / "a", "a", cache_max=MIB // 2) as a:
        await until(lambda: a.status("f") == "real")
        entry = a.entry("f")
        assert entry is not None
        await a.arena._actions.carry_out(entry.ino, Decision(Action.UNREALIZE, entry.version.hash))
        assert (a.root / "f").read_bytes() == b"x" * MIB


async def test_permissions_of_what_is_open_for_writing_are_no_change_of_its_user(
    tmp_path: Path,
) -> None:
    """The version that nobody made won against what their author did next."""
    async with two_owners(tmp_path, {"f": b"content"}) as (a, b):
        with (b.root / "f").open("r+b"):
            for mode in (0o640, 0o600):
                (a.root / "f").chmod(mode)
                await until(lambda mode=mode: (b.root / "f").stat().st_mode & 0o777 == mode)  # type: ignore[misc]
            await until(lambda: not b.arena.scanner.is_pending(b"f") and at_rest(a, b))
        assert (a.root / "f").stat().st_mode & 0o777 == 0o600
        entry = b.entry("f")
        assert entry is not None
        assert len(entry.version.vector) == 1, "nobody else has changed it"
