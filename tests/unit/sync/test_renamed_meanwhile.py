"""A file is renamed while the engine has to do with it: it has one name afterwards, the new one."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trio

from realizefs.model.decisions import Action, Decision
from realizefs.model.ids import Inode
from realizefs.model.marks import Mark
from realizefs.model.versions import Version
from realizefs.store import watch
from realizefs.store.arena import ArenaStore
from realizefs.sync import look, scanner
from realizefs.sync.batch import Batch
from realizefs.sync.fetcher import Fetcher
from realizefs.sync.look import DirectoryScan, Ignores
from realizefs.sync.rootwork import RootWork
from tests.fakes.peer import Peer, introduce, running_peer, until, write

FAR = 2**62
"""Wall-clock nanoseconds: in a hundred years."""


async def test_a_real_file_that_is_to_become_unreal_is_renamed_in_the_root(tmp_path: Path) -> None:
    """By another program, or by the mount of a process that was killed before its commit: found
    missing it isn't taken for what an Unrealize took away, as it is there under another name."""
    for name in ("old", "stays"):
        write(tmp_path / "a/root", name, name.encode())
    async with running_peer(tmp_path / "a", "a", mark=Mark.OWN) as a:
        await until(lambda: a.status("old") == a.status("stays") == "real")
        ino, entry = a.arena.resolve(b"old"), a.entry("old")
        assert entry is not None
        decision = Decision(Action.UNREALIZE, entry.version.hash, retry_at_ns=FAR)

        def decide(batch: Batch) -> None:
            batch.store.decisions.set(batch.txn, ino, decision)

        await a.arena.context.commit(decide)
        (a.root / "old").rename(a.root / "new")
        await until(lambda: a.entry("new"))
        await until(lambda: not a.arena.scanner.is_pending(b"old"))
        assert a.paths() == {"new", "stays"}
        assert a.arena.resolve(b"new") == ino


async def renamed(peer: Peer, ino: Inode) -> None:
    await peer.arena.move(ino, peer.arena.resolve(b"d"), b"new", 0)


def while_it_is_fetched(peer: Peer, patch: pytest.MonkeyPatch) -> None:
    complete: Callable[..., Awaitable[Any]] = Fetcher.complete

    async def complete_and_rename(self: Fetcher, ino: Inode, version: Version) -> Any:
        blob = await complete(self, ino, version)
        if peer.arena.path(ino) == b"old":
            await renamed(peer, ino)
        return blob

    patch.setattr(Fetcher, "complete", complete_and_rename)


def while_it_is_published(peer: Peer, patch: pytest.MonkeyPatch) -> None:
    publish: Callable[..., Any] = RootWork.publish

    def rename_and_publish(self: RootWork, target: Any, *others: Any) -> Any:
        if target.path == b"old":
            trio.from_thread.run(renamed, peer, target.ino)
        return publish(self, target, *others)

    patch.setattr(RootWork, "publish", rename_and_publish)


@pytest.mark.parametrize("meanwhile", [while_it_is_fetched, while_it_is_published])
async def test_an_unreal_file_is_renamed_while_it_becomes_real(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    meanwhile: Callable[[Peer, pytest.MonkeyPatch], None],
) -> None:
    write(tmp_path / "b/root", "old", b"content")
    write(tmp_path / "b/root", "d/other", b"other")
    async with (
        running_peer(tmp_path / "a", "a", mark=Mark.WATCH) as a,
        running_peer(tmp_path / "b", "b", mark=Mark.OWN) as b,
    ):
        await introduce(a, b)
        await until(lambda: a.entry("old") and a.entry("d/other"))
        ino = a.arena.resolve(b"old")
        meanwhile(a, monkeypatch)
        await a.mark("old", Mark.OWN)
        await until(lambda: a.entry("d/new") and a.status("d/new") == "real")
        await until(lambda: b.paths() == {"d", "d/new", "d/other"})
        await until(lambda: a.arena.status()["pending"] == 0)
        assert a.paths() == b.paths()
        assert a.arena.resolve(b"d/new") == ino
        assert (a.root / "d/new").read_bytes() == b"content"
        assert not (a.root / "old").exists()


async def realized_again(peer: Peer, directory: str) -> None:
    """A job has given it permissions that a peer chose: the index has seen it as it is now."""
    ino, path = peer.arena.resolve(directory.encode()), directory.encode()

    def note(batch: Batch) -> None:
        real = batch.store.real.get(batch.txn, ino)
        assert real is not None
        now = batch.store.root.fingerprint(path)
        batch.store.real.put(batch.txn, ino, replace(real, fingerprint=now))

    await peer.arena.context.commit(note)


async def test_what_was_just_made_in_a_directory_is_found_when_that_is_renamed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As by a program that fills a folder and then gives it its name: it was looked for where it no
    longer was, and shared with nobody until the next start."""
    write(tmp_path / "a/root", "tmp/first", b"first")
    async with running_peer(tmp_path / "a", "a", mark=Mark.OWN) as a:
        await until(lambda: a.paths() == {"tmp", "tmp/first"})
        await until(lambda: not a.arena.status()["pending"])
        ino = a.arena.resolve(b"tmp")
        monkeypatch.setattr(watch.RootWatch, "read", lambda self: [])
        write(a.root, "tmp/last", b"last")
        a.arena.touched(b"tmp/last")
        (a.root / "tmp").rename(a.root / "done")
        await a.arena.move(ino, a.arena.root_ino, b"done", 0)
        await realized_again(a, "done")
        await until(lambda: a.paths() == {"done", "done/first", "done/last"})


async def test_what_a_scan_has_still_to_come_to_is_found_when_it_is_renamed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To a place where the scan had been before."""
    write(tmp_path / "a/root", "a/here", b"here")
    async with running_peer(tmp_path / "a", "a", mark=Mark.OWN) as a:
        write(a.root, "z/y/first", b"first")
        await until(lambda: "z/y/first" in a.paths())
        await until(lambda: not a.arena.status()["pending"])
        ino, scanned = a.arena.resolve(b"z/y"), trio.Event()
        scan = look.scan_directory
        monkeypatch.setattr(watch.RootWatch, "read", lambda self: [])

        def watched(store: ArenaStore, path: bytes, _ignores: Ignores) -> DirectoryScan:
            if path == b"z":  # it has come to "a" before, and goes on to "z/y"
                found = scan(store, path)
                trio.from_thread.run_sync(scanned.set)
                trio.from_thread.run(trio.sleep, 0.1)
                return found
            return scan(store, path)

        monkeypatch.setattr(scanner, "scan_directory", watched)
        (a.root / "z/y/unseen").write_bytes(b"unseen")
        a.arena.scanner._scan_anew()
        await scanned.wait()
        (a.root / "z/y").rename(a.root / "a/y")
        await a.arena.move(ino, a.arena.resolve(b"a"), b"y", 0)
        for path in ("a", "a/y"):
            await realized_again(a, path)
        await until(lambda: "a/y/unseen" in a.paths())
