"""What a user deletes through the mount is deleted, however much it is; nothing else empties a root
(R8).
"""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import trio

from realizefs.model.errors import DiskFull, RootGone
from realizefs.model.marks import Mark
from realizefs.store.realfile import NativeName, Root
from realizefs.sync import local
from tests.fakes.blocking import no_commits
from tests.fakes.peer import WAIT_SECONDS, Peer, introduce, running_peer, until, write

NAMES = ("one", "two", "three", "four")


async def delete(peer: Peer, name: str) -> None:
    """As the mount does it: natively, then recorded."""
    ino = peer.arena.resolve(name.encode())
    (peer.root / name).unlink()
    await peer.arena.remove(ino)


async def filled(peer: Peer) -> None:
    for name in NAMES:
        write(peer.root, name, name.encode())
    await until(lambda: peer.paths() == set(NAMES))
    await until(lambda: peer.arena.status()["pending"] == 0)


async def still_works(peer: Peer) -> None:
    """Everything is deleted, and what comes next is indexed."""
    await until(lambda: peer.paths() == set())
    write(peer.root, "new", b"new")
    await until(lambda: peer.paths() == {"new"})


class SlowLook:
    """Holds whoever lists the arena root in a thread, until it is released."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._listing, self._listed = threading.Event(), threading.Event()
        self._released = threading.Event()
        self._list = Root.list
        monkeypatch.setattr(Root, "list", self._slow())

    def _slow(self) -> Callable[[Root, bytes], Sequence[NativeName]]:
        """A function, so that it becomes a method of the root."""

        def slowly(root: Root, path: bytes) -> Sequence[NativeName]:
            return self._slowly(root, path)

        return slowly

    def _slowly(self, root: Root, path: bytes) -> Sequence[NativeName]:
        if not path:
            self._listing.set()
            self._released.wait(WAIT_SECONDS)
        found = self._list(root, path)
        if not path:
            self._listed.set()
        return found

    async def begun(self) -> None:
        assert await trio.to_thread.run_sync(self._listing.wait, WAIT_SECONDS)

    async def end(self) -> None:
        self._released.set()
        assert await trio.to_thread.run_sync(self._listed.wait, WAIT_SECONDS)


@pytest.mark.parametrize("scan", [False, True])
async def test_everything_deleted_while_the_scanner_looks_is_no_missing_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scan: bool
) -> None:
    """It found the root empty, and the last deletes on their way into the index."""
    async with running_peer(tmp_path / "a", "a", mark=Mark.OWN) as peer:
        await filled(peer)
        slow = SlowLook(monkeypatch)
        if scan:  # inotify has lost events, as it does where very many are deleted
            peer.arena.scanner._rescan = True
        await delete(peer, "one")
        await slow.begun()
        async with trio.open_nursery() as nursery, no_commits(peer.arena):
            for name in NAMES[1:]:
                nursery.start_soon(delete, peer, name)
            await until(lambda: not any((peer.root / name).exists() for name in NAMES))
            await slow.end()
        await still_works(peer)


async def test_deletes_that_cannot_be_recorded_are_no_missing_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> bool:
        raise DiskFull("The disk of the database is full.")

    async with running_peer(tmp_path / "a", "a", mark=Mark.OWN) as peer:
        await filled(peer)
        with monkeypatch.context() as patch:
            patch.setattr(local, "record_removal", refuse)
            for name in NAMES[:-1]:
                await delete(peer, name)
            with pytest.raises(DiskFull):
                await delete(peer, NAMES[-1])
        await still_works(peer)


async def test_what_another_program_empties_stops_the_arena_and_deletes_nothing(
    tmp_path: Path,
) -> None:
    async def until_it_stops(b: Peer) -> None:
        async with running_peer(tmp_path / "a", "a", mark=Mark.OWN) as a:
            await introduce(a, b)
            await filled(a)
            await until(lambda: all(b.status(name) == "cached" for name in NAMES))
            for name in NAMES:
                (a.root / name).rename(tmp_path / name)
            await trio.sleep_forever()

    async with running_peer(tmp_path / "b", "b", mark=Mark.KEEP) as b:
        with pytest.raises(ExceptionGroup) as stopped:
            await until_it_stops(b)
        assert stopped.group_contains(RootGone)
        assert b.paths() == set(NAMES)
