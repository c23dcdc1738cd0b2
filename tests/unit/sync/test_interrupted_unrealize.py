"""Between a file's leaving the root and its commit only we know that it was us (R8)."""

import errno
import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from realizefs.model.decisions import Action, Decision
from realizefs.model.entries import Holder
from realizefs.model.ids import Inode, PeerId
from realizefs.model.marks import Mark
from realizefs.model.versions import Held
from realizefs.store.hashing import hash_bytes
from realizefs.store.realfile import Root
from realizefs.sync import actions
from realizefs.sync.own_attributes import native_attributes
from tests.fakes.arena_store import arena_store
from tests.fakes.peer import Peer, running_peer, until, write
from tests.fakes.two_peers import two_owners
from tests.unit.sync.test_checking import check

CONTENT = b"somebody else has it, too " * 1000


async def owned(peer: Peer) -> Inode:
    """A real file of which nothing is to be done."""
    write(peer.root, "other", b"so that the root isn't empty")
    write(peer.root, "file", CONTENT)
    await until(lambda: peer.entry("file"))
    await until(lambda: not peer.arena.status()["pending"])
    entry = peer.entry("file")
    assert entry is not None
    return entry.ino


@pytest.mark.parametrize("dirty", [True, False])
async def test_what_a_crash_has_left_out_of_the_root_is_not_deleted(
    tmp_path: Path, dirty: bool
) -> None:
    """Its mark asks for it again meanwhile. Whoever looks first, the engine or the job that was left,
    must not forget who took the file away before the scan misses it."""
    async with running_peer(tmp_path, "one", mark=Mark.OWN) as peer:
        ino = await owned(peer)
        entry = peer.entry("file")
        assert entry is not None
    with arena_store(tmp_path) as store, store.env.write() as txn:
        store.decisions.set(txn, ino, Decision(Action.UNREALIZE, entry.version.hash))
        if dirty:
            store.dirty.mark(txn, ino)
    (tmp_path / "root" / "file").rename(tmp_path / "aside")
    async with running_peer(tmp_path, "one", mark=Mark.OWN) as peer:
        await until(lambda: peer.status("file") == "unavailable")
        await until(peer.arena.scanner.scanned.is_set)
        assert peer.entry("file") is not None


async def test_what_a_user_deletes_before_it_leaves_is_deleted(tmp_path: Path) -> None:
    """Its Unrealize was decided in this process, and somebody who has it open has put that off."""
    async with two_owners(tmp_path) as (a, b):
        ino = await owned(a)
        await until(lambda: b.status("file") == b.status("other") == "real")
        with (a.root / "file").open("ab"):
            await a.arena.set_mark(ino, Mark.WATCH)
            await until(lambda: attempts(a, ino))
            (a.root / "file").unlink()
        await until(lambda: a.paths() == b.paths() == {"other"})


async def test_what_a_repair_takes_away_meanwhile_is_not_deleted(tmp_path: Path) -> None:
    """Though its Unrealize was decided in this process: a repair that fails before its commit leaves
    it out of the root, and nobody deleted it."""
    async with two_owners(tmp_path) as (a, b):
        ino = await owned(a)
        await until(lambda: b.status("file") == b.status("other") == "real")
        with (a.root / "file").open("ab"):
            await a.arena.set_mark(ino, Mark.WATCH)
            await until(lambda: attempts(a, ino))
            async with a.arena.holding(ino):
                (a.root / "file").rename(tmp_path / "aside")
            write(a.root, "seen", b"after it")
            await until(lambda: b.status("seen") == "real")
        await until(lambda: not a.arena.status()["pending"])
        assert a.paths() == b.paths() == {"file", "other", "seen"}
        assert (b.root / "file").read_bytes() == CONTENT


@pytest.mark.parametrize("fails", [False, True])
async def test_what_is_wanted_again_while_it_leaves_counts_as_leaving(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: bool
) -> None:
    """A crash in this moment must find that it was us who took the file out of the root."""
    adopt, out, on = Root.adopt, threading.Event(), threading.Event()

    def halted(root: Root, *arguments: object, **options: object) -> None:
        if not out.is_set():
            out.set()
            assert on.wait(20)
            if fails:
                raise OSError(errno.EIO, "the disk fails")
        adopt(root, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Root, "adopt", halted)
    async with two_owners(tmp_path) as (a, b):
        ino = await owned(a)
        await until(lambda: b.status("file") == b.status("other") == "real")
        await a.arena.set_mark(ino, Mark.KEEP)
        await until(out.is_set)
        await a.arena.set_mark(ino, Mark.OWN)
        await until(lambda: not is_dirty(a))
        assert wanted(a, ino) is Action.UNREALIZE
        on.set()
        await until(lambda: wanted(a, ino) is None and a.status("file") == "real")
        assert (a.root / "file").read_bytes() == CONTENT


@pytest.mark.parametrize("mark", [Mark.KEEP, Mark.WATCH])
async def test_what_is_wanted_again_before_it_leaves_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mark: Mark
) -> None:
    """By the mark of its folder, while its job looks at it."""
    begun, on = threading.Event(), threading.Event()

    def halted(root: Root, path: bytes) -> Mapping[bytes, bytes]:
        begun.set()
        assert on.wait(20)
        return native_attributes(root, path)

    async with two_owners(tmp_path, {"d/file": CONTENT, "other": b"other"}) as (a, b):
        await until(lambda: not a.arena.status()["pending"] and not b.arena.status()["pending"])
        ino, native = a.arena.resolve(b"d/file"), (a.root / "d/file").stat().st_ino
        monkeypatch.setattr(actions, "native_attributes", halted)
        await a.mark("d", mark)
        await until(begun.is_set)
        await a.mark("d", Mark.OWN)
        await until(lambda: not is_dirty(a))
        assert wanted(a, ino) is Action.UNREALIZE, "until its job has ended"
        on.set()
        await until(lambda: wanted(a, ino) is None and a.status("d/file") == "real")
        assert (a.root / "d/file").stat().st_ino == native


def is_dirty(peer: Peer) -> bool:
    with peer.store.env.read() as txn:
        return peer.store.dirty.any(txn)


def wanted(peer: Peer, ino: Inode) -> Action | None:
    with peer.store.env.read() as txn:
        decision = peer.store.decisions.get(txn, ino)
    return decision.action if decision is not None else None


def attempts(peer: Peer, ino: Inode) -> int:
    with peer.store.env.read() as txn:
        decision = peer.store.decisions.get(txn, ino)
    return decision.attempts if decision is not None else 0


async def test_a_file_that_a_repair_moves_is_in_hand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No job that is due moves it, and a scan that misses it meanwhile looks again."""
    adopt, in_hand = Root.adopt, []

    def watched(root: Root, *arguments: object, **options: object) -> None:
        in_hand.append(peer.arena.context.in_hand)
        adopt(root, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Root, "adopt", watched)
    async with running_peer(tmp_path, "one", mark=Mark.OWN) as peer:
        ino = await owned(peer)
        with peer.store.env.write() as txn:
            entry, real = peer.store.tree.entry(txn, ino), peer.store.real.get(txn, ino)
            assert entry is not None
            assert real is not None
            right = replace(entry.version, hash=hash_bytes(b"as it was before its disk turned"))
            peer.store.tree.put(txn, ino, entry.parent, entry.name, right)
            peer.store.real.put(txn, ino, replace(real, hash=right.hash))
            peer.store.holders.put(txn, ino, Holder(PeerId(9), Held.OWN, right.hash))
        report = await check(peer, repair=True, deep=True)
        assert (report.found, report.repaired) == (0, 1)
        assert in_hand == [frozenset({ino})]
        assert peer.arena.context.in_hand == frozenset()
        await until(lambda: peer.status("file") == "remote")
        [aside] = (tmp_path / "root" / ".realize" / "lost+found").iterdir()
        assert aside.read_bytes() == CONTENT
