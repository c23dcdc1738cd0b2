"""What waits to be looked at when its directory is renamed."""

import shutil
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio

from realizefs.model.marks import Mark
from realizefs.store.watch import RootEvent, RootWatch
from realizefs.sync import scanner
from realizefs.sync.batch import Batch
from realizefs.sync.following import Following
from tests.fakes.peer import Peer, running_peer, until, write


@pytest.mark.parametrize("looked_through", [scanner.LOOKED_THROUGH_MAX, -1])
async def test_it_is_found_where_it_is_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, looked_through: int
) -> None:
    """Also where more waits than can be looked through at once, and nobody tells of it again."""

    async def hear_nothing(_self: Following) -> None:
        await trio.sleep_forever()

    monkeypatch.setattr(Following, "run", hear_nothing)
    monkeypatch.setattr(scanner, "LOOKED_THROUGH_MAX", looked_through)
    write(tmp_path / "a/root", "d/e/known", b"known")
    async with running_peer(tmp_path / "a", "a", mark=Mark.OWN) as a:
        await until(lambda: a.entry("d/e/known"))
        write(a.root, "d/e/new", b"new")
        a.arena.scanner.touched(b"d/e/new", 3600.0)
        (a.root / "d").rename(a.root / "f")
        await a.arena.move(a.arena.resolve(b"d"), a.arena.root_ino, b"f", 0)
        await until(lambda: a.entry("f/e/new"))
        assert a.entry("d/e/new") is None


def make_anew(peer: Peer, batch: Batch) -> None:
    """What tells the folder from the one that was there is gone from its row, as by chance."""
    (peer.root / "d").mkdir(exist_ok=True)
    store, ino = batch.store, peer.arena.resolve(b"d")
    was = store.real.get(batch.txn, ino)
    assert was is not None
    store.real.put(batch.txn, ino, replace(was, fingerprint=store.root.fingerprint(b"d")))


@pytest.mark.parametrize("to", ["e", "../away"])
async def test_what_was_in_a_folder_that_has_left_is_missed_though_a_job_made_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, to: str
) -> None:
    """Before anybody looked at its old name: nothing tells the new one from it."""
    write(tmp_path / "a/root", "d/s/file", b"file")
    async with running_peer(tmp_path / "a", "a", mark=Mark.OWN) as a:
        await until(lambda: a.entry("d/s/file"))
        await until(lambda: not a.arena.scanner.is_pending(b"d/s/file"))
        may_go_on, index = trio.Event(), a.arena.scanner._index

        async def held(touched: Sequence[bytes], **how: Any) -> None:
            await may_go_on.wait()
            await index([*touched], **how)

        monkeypatch.setattr(a.arena.scanner, "_index", held)
        (a.root / "d").rename(a.root / to)
        await a.arena.context.commit(partial(make_anew, a))
        may_go_on.set()
        here = {f"{to}{below}" for below in ("", "/s", "/s/file")} if to == "e" else set()
        await until(lambda: a.paths() == {"d"} | here)


async def test_what_was_looked_for_while_its_folder_was_away_is_missed_once_there_is_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its folder's own event comes when a job has made another one."""
    write(tmp_path / "a/root", "d/s/file", b"file")
    async with running_peer(tmp_path / "a", "a", mark=Mark.OWN) as a:
        await until(lambda: a.entry("d/s/file"))
        await until(lambda: not a.arena.scanner.is_pending(b"d/s/file"))
        monkeypatch.setattr(RootWatch, "read", lambda self: [])
        write(a.root, "stays", b"an empty root is no deletion")
        scanner = a.arena.scanner
        scanner.touched(b"stays")
        shutil.rmtree(a.root / "d")
        for path in (b"d/s/file", b"d/s"):
            scanner.touched(path, 0)
        await until(lambda: not any(map(scanner.is_pending, (b"d/s/file", b"d/s", b"stays"))))
        assert a.paths() == {"d", "d/s", "d/s/file", "stays"}
        await a.arena.context.commit(partial(make_anew, a))
        assert scanner._following is not None
        await scanner._following._tell([RootEvent(b"d", "gone", is_dir=True)])
        await until(lambda: a.paths() == {"d", "stays"})
