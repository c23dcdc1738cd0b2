"""A file is renamed while the engine has to do with it: it has one name afterwards, the new one."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import trio

from realizefs.model.decisions import Action, Decision
from realizefs.model.ids import Inode
from realizefs.model.marks import Mark
from realizefs.model.versions import Version
from realizefs.sync.batch import Batch
from realizefs.sync.fetcher import Fetcher
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
