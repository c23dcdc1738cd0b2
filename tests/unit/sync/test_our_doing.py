"""What we make natively or take away ourselves is nobody's deletion, and nobody's change, however soon
or late the scanner or the engine comes to it."""

import os
import stat
from collections.abc import Set
from pathlib import Path
from typing import Any

import pytest
import trio

from realizefs.model.decisions import Action
from realizefs.model.entries import Fingerprint
from realizefs.model.ids import Inode
from realizefs.model.marks import Mark
from realizefs.model.versions import Held, Kind, Version
from realizefs.store.realfile import Root
from realizefs.sync import marking
from realizefs.sync.actions import Actions
from realizefs.sync.batch import Batch
from realizefs.sync.context import Context
from realizefs.sync.engine import decide_page
from realizefs.sync.recording import record_together
from realizefs.sync.rootwork import RootWork, Target
from tests.fakes.blocking import never
from tests.fakes.peer import Peer, introduce, running_peer, until, write


def settled(*peers: Peer) -> bool:
    return not any(peer.arena.status()["pending"] for peer in peers)


async def test_a_file_that_is_about_to_be_made_was_not_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It had just left the root, so the scanner looks at where it was: after the row has come, and
    before the file. It is shown meanwhile, and its user's deletion counts afterwards."""
    shown: list[bool] = []
    create = RootWork.create_empty

    def late(work: RootWork, target: Target) -> None:
        trio.from_thread.run(record_together, lap.arena.context, [], [b"f"], set())
        shown.append(target.ino not in lap.arena.believed_real([target.ino]))
        create(work, target)

    async with (
        running_peer(tmp_path / "desk", "desk", mark=Mark.OWN) as desk,
        running_peer(tmp_path / "lap", "lap") as lap,
    ):
        write(desk.root, "f", b"from the desk")
        write(desk.root, "other", b"stays")
        await introduce(desk, lap)
        await until(lambda: lap.paths() == {"f", "other"})
        monkeypatch.setattr(RootWork, "create_empty", late)
        ino = lap.arena.resolve(b"f")
        await lap.arena.make_real(ino, True)
        assert shown == [True]
        with lap.store.env.read() as txn:
            assert lap.store.real.has(txn, ino)
        (lap.root / "f").unlink()
        await lap.arena.remove(ino, native=True)
        await until(lambda: lap.paths() == desk.paths() == {"other"})


async def test_a_directory_made_for_a_file_has_the_permissions_that_a_peer_gave_it_since(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the scanner had come to it: they aren't taken back."""
    looks = trio.Event()
    make_parents = Actions._make_parents

    async def hesitating(actions: Actions, path: bytes) -> None:
        await make_parents(actions, path)
        if path == b"d/f":
            await lap.arena.context.names_committed()
            (desk.root / "d").chmod(0o700)
            desk.arena.touched(b"d")
            await until(lambda: _version(lap, "d").mode == 0o700)

    async def scanning(context: Context, *arguments: Any) -> Set[bytes]:
        if context is lap.arena.context:
            await looks.wait()
        return await record_together(context, *arguments)

    async with (
        running_peer(tmp_path / "desk", "desk", mark=Mark.OWN) as desk,
        running_peer(tmp_path / "lap", "lap") as lap,
    ):
        (desk.root / "d").mkdir(mode=0o755)
        (desk.root / "d").chmod(0o755)
        write(desk.root, "d/f", b"in it")
        await introduce(desk, lap)
        await until(lambda: lap.entry("d/f"))
        monkeypatch.setattr("realizefs.sync.scanner.record_together", scanning)
        monkeypatch.setattr(Actions, "_make_parents", hesitating)
        await lap.mark("d/f", Mark.OWN)
        await until(lambda: lap.status("d/f") == "real")
        looks.set()
        await until(lambda: settled(desk, lap))
        await until(lambda: stat.S_IMODE(os.stat(lap.root / "d").st_mode) == 0o700)
        assert _version(desk, "d").mode == _version(lap, "d").mode == 0o700


def _version(peer: Peer, path: str) -> Version:
    entry = peer.entry(path)
    assert entry is not None
    return entry.version


async def test_what_is_leaving_the_root_is_shown_whatever_is_decided_by_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its other owner is none any more, as it has left the root here and nothing says so yet."""
    seen: list[tuple[Action | None, set[Inode]]] = []
    leave = RootWork.leave

    def watched(work: RootWork, path: bytes, expected: Fingerprint) -> bytes:
        place = leave(work, path, expected)
        if path == b"link":
            trio.from_thread.run(decided_anew)
        return place

    async def decided_anew() -> None:
        def forget(batch: Batch) -> None:
            lap.store.holders.forget(batch.txn, ino)
            lap.store.dirty.mark(batch.txn, ino)

        await lap.arena.context.commit(forget)
        await decide_page(lap.arena.context)
        with lap.store.env.read() as txn:
            kept = lap.store.decisions.get(txn, ino)
        seen.append((kept.action if kept is not None else None, lap.arena.believed_real([ino])))

    async with (
        running_peer(tmp_path / "desk", "desk", mark=Mark.OWN) as desk,
        running_peer(tmp_path / "lap", "lap", mark=Mark.OWN) as lap,
    ):
        (lap.root / "link").symlink_to("somewhere")
        write(lap.root, "other", b"stays")
        await introduce(desk, lap)
        await until(lambda: desk.status("link") == lap.status("link") == "real")
        await until(lambda: settled(desk, lap))
        ino = lap.arena.resolve(b"link")
        monkeypatch.setattr(RootWork, "leave", watched)
        await lap.arena.set_mark(ino, Mark.WATCH)
        await until(lambda: seen)
        assert seen == [(Action.UNREALIZE, set())]
        await until(lambda: settled(lap))
        assert lap.paths() == desk.paths() == {"link", "other"}


async def test_a_directory_is_not_said_to_be_the_link_that_has_taken_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever believed it would give his own link up."""
    async with (
        running_peer(tmp_path / "desk", "desk", mark=Mark.OWN) as desk,
        running_peer(tmp_path / "lap", "lap", mark=Mark.OWN) as lap,
    ):
        (desk.root / "d").mkdir()
        write(desk.root, "other", b"stays")
        await introduce(desk, lap)
        await until(lambda: desk.status("d") == lap.status("d") == "real")
        await until(lambda: settled(desk, lap))
        monkeypatch.setattr(desk.arena.jobs._actions, "carry_out", never)
        (lap.root / "d").rmdir()
        (lap.root / "d").symlink_to("somewhere")
        await until(lambda: _version(desk, "d").kind is Kind.SYMLINK)
        await until(lambda: _version(lap, "d").kind is Kind.SYMLINK)
        entry = desk.entry("d")
        assert entry is not None
        with desk.store.env.read() as txn:
            assert desk.store.real.has(txn, entry.ino)
            assert desk.arena.context.batch(txn).held(entry) is Held.NONE


async def test_a_directory_made_for_a_file_keeps_its_mark(tmp_path: Path) -> None:
    """Which the native one doesn't have at first."""
    async with (
        running_peer(tmp_path / "desk", "desk", mark=Mark.OWN) as desk,
        running_peer(tmp_path / "lap", "lap") as lap,
    ):
        (desk.root / "d").mkdir(mode=0o755)
        await introduce(desk, lap)
        await until(lambda: lap.entry("d"))
        await lap.mark("d", Mark.KEEP)
        entry = lap.entry("d")
        assert entry is not None
        (lap.root / "d").mkdir(mode=entry.version.mode)
        lap.arena.touched(b"d", entry)
        write(lap.root, "d/f", b"in it")
        await until(lambda: desk.status("d/f") == "real")
        await until(lambda: os.getxattr(lap.root / "d", "user.realize.mark") == b"keep")
        assert lap.arena.explicit_mark(entry.ino) is Mark.KEEP


async def test_a_mark_that_is_set_while_its_directory_is_made_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is there natively when it is to be put there; then the directory is made for what is to
    be in it, and only then the mark is committed."""
    mark_native = marking._mark_native

    def late(root: Root, path: bytes, mark: Mark | None) -> tuple[Fingerprint, Fingerprint] | None:
        stats = mark_native(root, path, mark)
        if stats is None and not (lap.root / "d").exists():
            trio.from_thread.run_sync(made)
        return stats

    def made() -> None:
        (lap.root / "d").mkdir()
        (lap.root / "d").chmod(0o755)
        lap.arena.touched(b"d", entry)
        write(lap.root, "d/f", b"in it")

    async with (
        running_peer(tmp_path / "desk", "desk", mark=Mark.OWN) as desk,
        running_peer(tmp_path / "lap", "lap") as lap,
    ):
        (desk.root / "d").mkdir()
        (desk.root / "d").chmod(0o755)
        await introduce(desk, lap)
        await until(lambda: lap.entry("d"))
        entry = lap.entry("d")
        assert entry is not None
        monkeypatch.setattr(marking, "_mark_native", late)
        await lap.mark("d", Mark.KEEP)
        await until(lambda: desk.status("d/f") == "real")
        await until(lambda: settled(lap) and not lap.arena.scanner._due)
        assert lap.arena.explicit_mark(entry.ino) is Mark.KEEP
        assert os.getxattr(lap.root / "d", "user.realize.mark") == b"keep"


async def test_a_folder_made_for_what_comes_from_the_trash_keeps_its_permissions(
    tmp_path: Path,
) -> None:
    """It is in the index, and private; nobody here said that others may look into it."""
    async with (
        running_peer(tmp_path / "desk", "desk", mark=Mark.OWN) as desk,
        running_peer(tmp_path / "lap", "lap") as lap,
    ):
        write(desk.root, "d/f", b"in it")
        write(desk.root, "other", b"stays")
        await introduce(desk, lap)
        await until(lambda: lap.entry("d/f"))
        await lap.mark("d/f", Mark.OWN)
        await until(lambda: lap.status("d/f") == "real")
        (desk.root / "d/f").unlink()
        (desk.root / "d").rmdir()
        await until(lambda: not (lap.root / "d").exists())
        (desk.root / "d").mkdir()
        (desk.root / "d").chmod(0o700)
        write(desk.root, "d/g", b"new")
        await until(lambda: lap.entry("d/g"))
        await until(lambda: _version(lap, "d").mode == 0o700)
        await until(lambda: settled(desk, lap))
        await lap.arena.trashcan.restore(b"d/f")
        await until(lambda: desk.status("d/f") == "real")
        await until(lambda: settled(desk, lap) and not lap.arena.scanner._due)
        modes = [stat.S_IMODE(os.stat(peer.root / "d").st_mode) for peer in (desk, lap)]
        assert modes == [0o700, 0o700]
