"""What jobs do in the arena root."""

from pathlib import Path

import pytest

from realizefs.store.realfile import Root
from realizefs.sync.rootwork import RootWork
from realizefs.sync.trash import Trash
from tests.fakes.clock import SystemClock
from tests.fakes.peer import running_peer


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
