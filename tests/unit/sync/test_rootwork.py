"""What jobs do in the arena root."""

import shutil
import threading
from pathlib import Path

import pytest

from realizefs.model import limits
from realizefs.model.decisions import Decision
from realizefs.model.entries import Fingerprint
from realizefs.model.ids import Inode
from realizefs.store.realfile import Root
from realizefs.sync.jobs import Jobs
from realizefs.sync.rootwork import RootWork
from realizefs.sync.trash import Trash
from tests.fakes.clock import SystemClock
from tests.fakes.peer import WAIT_SECONDS, running_peer, until
from tests.fakes.two_peers import two_owners


async def test_a_folder_leaves_the_root_while_that_which_it_was_in_leaves_it_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two jobs at once: what is synced is the first one above that is still there."""
    async with running_peer(tmp_path / "a", "a") as peer:
        root = peer.store.root
        (peer.root / "d/e/f").mkdir(parents=True)
        work = RootWork(peer.store, Trash(root, SystemClock()))
        rmdir, synced = Root.rmdir, list[bytes]()

        def all_at_once(self: Root, path: bytes) -> None:
            for one in (path, b"d/e"):
                rmdir(self, one)

        sync = Root.sync_directory

        def sync_directory(self: Root, path: bytes) -> None:
            sync(self, path)
            synced.append(path)

        monkeypatch.setattr(Root, "rmdir", all_at_once)
        monkeypatch.setattr(Root, "sync_directory", sync_directory)
        assert work.leave(b"d/e/f", root.fingerprint(b"d/e/f")) == b""
        assert synced == [b"d"]
        assert not (peer.root / "d/e").exists()


async def test_a_folder_that_was_not_empty_yet_is_removed_as_soon_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long it would be put off."""
    monkeypatch.setattr(limits, "BUSY_SECONDS", (3600.0,))
    leave, tried = RootWork.leave, threading.Event()

    def leave_last(self: RootWork, path: bytes, expected: Fingerprint) -> bytes:
        if path == b"d/file":
            tried.wait(WAIT_SECONDS)
        return leave(self, path, expected)

    failed = Jobs._failed

    async def noted(self: Jobs, ino: Inode, decision: Decision, error: Exception) -> None:
        await failed(self, ino, decision, error)
        tried.set()

    monkeypatch.setattr(RootWork, "leave", leave_last)
    monkeypatch.setattr(Jobs, "_failed", noted)
    async with two_owners(tmp_path, {"d/file": b"file", "stays": b"stays"}) as (a, b):
        await until(lambda: b.arena.status()["pending"] == 0)
        shutil.rmtree(a.root / "d")
        await until(lambda: not (b.root / "d").exists())
        assert tried.is_set()
