"""The number that a file has in the mount never changes, whenever the scanner comes to index it."""

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trio

from realizefs.fs import items
from realizefs.model.ids import Inode
from realizefs.model.marks import Mark
from realizefs.sync import record, recording
from realizefs.sync.batch import Batch
from realizefs.sync.context import Context
from realizefs.sync.look import look
from realizefs.sync.overlay import Overlay
from realizefs.sync.record import Found, record_found
from tests.fakes.peer import WAIT_SECONDS, Peer, running_peer, until


def number(peer: Peer, name: str) -> Inode | None:
    """What the mount shows at a name in the root."""
    item = items.child(peer.arena, peer.arena.root_ino, name.encode())
    return item.ino if item is not None else None


def create(peer: Peer, name: str, content: bytes) -> Inode:
    """As the mount does it: natively, then it has a number."""
    (peer.root / name).write_bytes(content)
    made = items.native_ino(peer.arena, peer.arena.root_ino, name.encode())
    peer.arena.touched(name.encode())
    return made


async def rename(peer: Peer, old: str, new: str) -> None:
    ino = peer.arena.resolve(old.encode())
    (peer.root / old).rename(peer.root / new)
    await peer.arena.move(ino, peer.arena.root_ino, new.encode(), 0)


async def unlink(peer: Peer, name: str) -> None:
    ino = peer.arena.resolve(name.encode())
    (peer.root / name).unlink()
    await peer.arena.remove(ino)


class Moment:
    """The scanner has recorded `name`, and commits when it is let; after the commit, before the
    arena hears of it, `then` is called."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, name: bytes, then: Callable[[], None]
    ) -> None:
        self._name, self._then = name, then
        self._recorded, self._commit = threading.Event(), threading.Event()
        self._tell = Context._tell
        monkeypatch.setattr(recording, "record_found", self._record)
        monkeypatch.setattr(Context, "_tell", self._hears())

    def _record(self, batch: Batch, overlay: Overlay, found: Found, now_ns: int) -> Inode | None:
        ino = record_found(batch, overlay, found, now_ns)
        if found.path == self._name and not self._commit.is_set():
            self._recorded.set()
            self._commit.wait(WAIT_SECONDS)
        return ino

    def _committed(self, context: Context, batch: Batch) -> None:
        if self._commit.is_set():
            self._then()
        self._tell(context, batch)
        if self._commit.is_set():
            self._then()

    def _hears(self) -> Callable[[Context, Batch], None]:
        """A function, so that it becomes a method of the context."""

        def tell(context: Context, batch: Batch) -> None:
            self._committed(context, batch)

        return tell

    async def recorded(self) -> None:
        assert await trio.to_thread.run_sync(self._recorded.wait, WAIT_SECONDS)

    def commit(self) -> None:
        self._commit.set()


class Numbers:
    """Numbers that names must keep, looked at again and again."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._kept: dict[str, Inode | None] = {}
        self.looks = 0

    def keep(self, name: str, ino: Inode | None) -> None:
        self._kept[name] = ino

    def look(self) -> None:
        self.looks += 1
        found = {name: number(self._peer, name) for name in self._kept}
        assert found == self._kept
        for name, ino in self._kept.items():
            assert ino is None or self._peer.arena.path(ino) == name.encode()

    async def stay(self, names: set[str]) -> None:
        """To the end, when these are indexed."""
        self.look()
        await until(lambda: self._peer.paths() == names)
        await until(lambda: self._peer.arena.status()["pending"] == 0)
        self.look()
        assert self.looks > 2


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "a/root").mkdir(parents=True)
    (tmp_path / "a/root/stays").write_bytes(b"stays")
    return tmp_path / "a"


async def test_made_anew_while_the_scanner_records_what_was_there(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The new file got the number of the old one."""
    async with running_peer(directory, "a", mark=Mark.OWN) as peer:
        await until(lambda: peer.paths() == {"stays"})
        numbers = Numbers(peer)
        moment = Moment(monkeypatch, b"f", numbers.look)
        old = create(peer, "f", b"old")
        await moment.recorded()
        await unlink(peer, "f")
        numbers.keep("f", None)
        numbers.look()
        new = create(peer, "f", b"new")
        assert new != old
        numbers.keep("f", new)
        moment.commit()
        await numbers.stay({"f", "stays"})


async def test_looked_up_first_while_the_scanner_records_it(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mount and the scanner each gave it a number."""
    async with running_peer(directory, "a", mark=Mark.OWN) as peer:
        await until(lambda: peer.paths() == {"stays"})
        numbers = Numbers(peer)
        moment = Moment(monkeypatch, b"f", numbers.look)
        (peer.root / "f").write_bytes(b"made by another program")
        await moment.recorded()
        numbers.keep("f", number(peer, "f"))
        moment.commit()
        await numbers.stay({"f", "stays"})


async def test_renamed_away_and_made_anew_while_the_scanner_records_it(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the commit and the news of it the old name meant the file that had left it."""
    async with running_peer(directory, "a", mark=Mark.OWN) as peer:
        await until(lambda: peer.paths() == {"stays"})
        numbers = Numbers(peer)
        moment = Moment(monkeypatch, b"f", numbers.look)
        old = create(peer, "f", b"old")
        await moment.recorded()
        await rename(peer, "f", "g")
        numbers.keep("g", old)
        numbers.keep("f", create(peer, "f", b"new"))
        moment.commit()
        await numbers.stay({"f", "g", "stays"})


@pytest.mark.parametrize("recorded", [b"old", b"new"])
async def test_replaced_while_the_scanner_records_either(
    directory: Path, monkeypatch: pytest.MonkeyPatch, recorded: bytes
) -> None:
    async with running_peer(directory, "a", mark=Mark.OWN) as peer:
        await until(lambda: peer.paths() == {"stays"})
        numbers = Numbers(peer)
        moment = Moment(monkeypatch, recorded, numbers.look)
        create(peer, "old", b"old")
        new = create(peer, "new", b"new")
        await moment.recorded()
        await rename(peer, "new", "old")
        numbers.keep("old", new)
        numbers.keep("new", None)
        moment.commit()
        await numbers.stay({"old", "stays"})


async def fifo(peer: Peer, name: str) -> Inode:
    os.mkfifo(peer.root / name)
    return items.native_ino(peer.arena, peer.arena.root_ino, name.encode())


async def test_a_fifo_takes_the_name_of_what_the_scanner_records(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_peer(directory, "a", mark=Mark.OWN) as peer:
        await until(lambda: peer.paths() == {"stays"})
        numbers = Numbers(peer)
        moment = Moment(monkeypatch, b"f", numbers.look)
        create(peer, "f", b"old")
        new = await fifo(peer, "fifo")
        await moment.recorded()
        await rename(peer, "fifo", "f")
        numbers.keep("f", new)
        numbers.keep("fifo", None)
        moment.commit()
        await until(lambda: numbers.looks > 2)
        await numbers.stay({"stays"})


@pytest.mark.parametrize("seen", [True, False])
@pytest.mark.parametrize("what", ["fifo", "file"])
async def test_its_name_is_taken_while_the_scanner_is_about_to_record_it(
    directory: Path, monkeypatch: pytest.MonkeyPatch, seen: bool, what: str
) -> None:
    """What was looked at before got the number of what has the name by now, and a fifo lost its
    own when the scanner looked again."""
    looked, go_on = threading.Event(), threading.Event()
    record_new = record._record_new

    def record_later(*arguments: Any) -> Inode | None:
        if not looked.is_set() and arguments[-1].path == b"f":
            looked.set()
            go_on.wait(WAIT_SECONDS)
        return record_new(*arguments)

    async with running_peer(directory, "a", mark=Mark.OWN) as peer:
        await until(lambda: peer.paths() == {"stays"})
        monkeypatch.setattr(record, "_record_new", record_later)
        (peer.root / "f").write_bytes(b"old")
        if seen:
            number(peer, "f")
        peer.arena.touched(b"f")
        new = await fifo(peer, "new") if what == "fifo" else create(peer, "new", b"new")
        assert await trio.to_thread.run_sync(looked.wait, WAIT_SECONDS)
        await rename(peer, "new", "f")
        go_on.set()
        await until(lambda: peer.arena.status()["pending"] == 0)
        await until(lambda: peer.paths() == ({"stays"} if what == "fifo" else {"f", "stays"}))
        assert number(peer, "f") == new
        assert number(peer, "new") is None


async def test_a_directory_made_anew_is_recorded_before_what_is_in_it(
    directory: Path,
) -> None:
    """What was in it brought the deleted one back, with its number; what was then made under the
    name got the number of what had been deleted, and the kernel knew what wasn't there."""
    (directory / "root/d").mkdir()
    async with running_peer(directory, "a", mark=Mark.OWN) as peer:
        await until(lambda: peer.paths() == {"d", "stays"})
        context, old = peer.arena.context, number(peer, "d")
        assert old is not None
        (peer.root / "d").rmdir()
        await peer.arena.remove(old)
        await until(lambda: peer.paths() == {"stays"})
        (peer.root / "d").mkdir()
        new = items.native_ino(peer.arena, peer.arena.root_ino, b"d")
        (peer.root / "d/f").write_bytes(b"new")
        found = look(peer.store.root, b"d/f", lambda: False)
        assert found is not None
        await context.commit(lambda batch: record_found(batch, context.overlay, found, 1))
        assert number(peer, "d") == new != old
        await until(lambda: peer.paths() == {"d", "d/f", "stays"})
        assert number(peer, "d") == new
