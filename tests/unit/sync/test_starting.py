"""A start waits for nothing that takes longer with more files (R5)."""

import threading
from collections.abc import Sequence
from pathlib import Path

import pytest
import trio

from realizefs.store.watch import RootWatch
from tests.fakes.peer import WAIT_SECONDS, running_peer, until, write


async def test_an_arena_is_up_before_its_root_is_watched_and_misses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A root of a million files takes seconds to be watched. What changes meanwhile is found."""
    watching, go_on = threading.Event(), threading.Event()
    add_tree = RootWatch.add_tree

    def slowly(watch: RootWatch, path: bytes) -> Sequence[bytes]:
        found = add_tree(watch, path)
        watching.set()
        assert go_on.wait(WAIT_SECONDS)
        return found

    write(tmp_path / "root", "old/file", b"old")
    async with running_peer(tmp_path, "one") as peer:
        await until(lambda: peer.entry("old/file"))
    monkeypatch.setattr(RootWatch, "add_tree", slowly)
    async with running_peer(tmp_path, "one") as peer:
        assert peer.entry("old/file") is not None
        assert await trio.to_thread.run_sync(watching.wait, WAIT_SECONDS)
        write(peer.root, "new/file", b"new")
        (peer.root / "old" / "file").unlink()
        assert not peer.arena.scanner.scanned.is_set()
        assert "still being looked through" in str(peer.arena.status()["notice"])
        assert "; 1 files are known so far." in str(peer.arena.status()["notice"])
        go_on.set()
        await until(lambda: peer.entry("new/file"))
        await until(lambda: peer.entry("old/file") is None)
        write(peer.root, "new/later", b"later")  # inotify
        await until(lambda: peer.entry("new/later"))
        assert peer.arena.status()["notice"] is None


async def test_an_arena_that_ends_while_it_is_being_watched_leaves_no_watch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[RootWatch] = []
    close = RootWatch.close

    def note(watch: RootWatch) -> None:
        closed.append(watch)
        close(watch)

    monkeypatch.setattr(RootWatch, "close", note)
    started = RootWatch.__init__

    def cancel(watch: RootWatch, *arguments: object) -> None:
        started(watch, *arguments)  # type: ignore[arg-type]
        scope.cancel()

    monkeypatch.setattr(RootWatch, "__init__", cancel)
    with trio.CancelScope() as scope:
        async with running_peer(tmp_path, "one"):
            await trio.sleep_forever()
    assert len(closed) == 1
