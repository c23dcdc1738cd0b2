"""Renames and deletes of real files return before any commit, and are right until it comes.

`no_commits` holds the database's writer: whatever returns inside has waited for no commit.
"""

import os
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

from realizefs.fs import items
from realizefs.model.errors import DiskFull
from realizefs.model.ids import Inode
from realizefs.model.marks import Mark
from realizefs.store.openat import RENAME_EXCHANGE
from realizefs.sync import moving, name_changes, recording
from realizefs.sync.batch import Batch
from realizefs.sync.overlay import Overlay
from realizefs.sync.record import Found, record_found
from tests.fakes.blocking import no_commits
from tests.fakes.peer import Peer, introduce, running_peer, until, write
from tests.fakes.two_peers import at_rest

WAIT_SECONDS = 60


@asynccontextmanager
async def one_peer(tmp_path: Path, *names: str, mark: Mark = Mark.OWN) -> AsyncIterator[Peer]:
    """A peer that has indexed these files, each with its name as content."""
    for name in names:
        write(tmp_path / "a/root", name, name.encode())
    async with running_peer(tmp_path / "a", "a", mark=mark) as a:
        await settled(a, *names)
        yield a


async def settled(peer: Peer, *names: str) -> None:
    """Wait until these are real and nothing is left to do."""
    await until(lambda: all(peer.status(name) == "real" for name in names))
    await until(lambda: peer.arena.status()["pending"] == 0)


async def rename(peer: Peer, old: str, new: str) -> Inode:
    """As the mount does it: natively, then recorded."""
    ino = peer.arena.resolve(old.encode())
    parent, _, name = new.rpartition("/")
    directory = peer.arena.resolve(parent.encode())
    (peer.root / old).rename(peer.root / new)
    await peer.arena.move(ino, directory, name.encode(), 0)
    return ino


async def unlink(peer: Peer, path: str) -> Inode:
    ino = peer.arena.resolve(path.encode())
    (peer.root / path).unlink()
    await peer.arena.remove(ino)
    return ino


def seen(peer: Peer, path: str) -> Inode | None:
    """The inode that the mount would show at a path."""
    parent, _, name = path.rpartition("/")
    item = items.child(peer.arena, peer.arena.resolve(parent.encode()), name.encode())
    return item.ino if item is not None else None


def listed(peer: Peer, path: str = "") -> set[str]:
    """The live names that the index, with what is pending, has in a directory."""
    ino = peer.arena.resolve(path.encode())
    return {one.name.decode() for one in peer.arena.children(ino) if not one.deleted}


async def test_a_rename_of_a_real_file_waits_for_no_commit_and_is_seen_at_once(
    tmp_path: Path,
) -> None:
    async with one_peer(tmp_path, "a", "stays") as peer:
        async with no_commits(peer.arena):
            ino = await rename(peer, "a", "b")
            assert (seen(peer, "a"), seen(peer, "b")) == (None, ino)
            assert peer.arena.path(ino) == b"b"
            assert peer.arena.node(ino).entry is not None
            assert listed(peer) == {"b", "stays"}
            assert peer.entry("a") is not None, "nothing is committed yet"
        assert (seen(peer, "a"), seen(peer, "b")) == (None, ino)
        assert peer.paths() == {"b", "stays"}
        assert not peer.arena.context.names.pending


async def test_renamed_again_deleted_and_made_anew_before_the_first_commit(tmp_path: Path) -> None:
    async with one_peer(tmp_path, "a", "stays") as peer:
        async with no_commits(peer.arena):
            ino = await rename(peer, "a", "b")
            assert await rename(peer, "b", "c") == ino
            assert (seen(peer, "a"), seen(peer, "b"), seen(peer, "c")) == (None, None, ino)
            write(peer.root, "a", b"another")
            other = seen(peer, "a")
            assert other not in (None, ino)
            peer.arena.touched(b"a")
            assert await unlink(peer, "c") == ino
            assert seen(peer, "c") is None
            with pytest.raises(FileNotFoundError):
                peer.arena.node(ino)
            assert listed(peer) == {"stays"}
        await until(lambda: peer.paths() == {"a", "stays"})
        entry = peer.entry("a")
        assert entry is not None
        assert entry.ino == other


async def test_renamed_over_another_and_exchanged(tmp_path: Path) -> None:
    async with one_peer(tmp_path, "a", "b", "c") as peer:
        replaced = peer.arena.resolve(b"b")
        async with no_commits(peer.arena):
            ino = await rename(peer, "a", "b")
            assert (seen(peer, "a"), seen(peer, "b")) == (None, ino)
            with pytest.raises(FileNotFoundError):
                peer.arena.node(replaced)
            other = peer.arena.resolve(b"c")
            peer.store.root.rename(b"b", b"c", RENAME_EXCHANGE)
            await peer.arena.move(ino, peer.arena.root_ino, b"c", RENAME_EXCHANGE)
            assert (seen(peer, "b"), seen(peer, "c")) == (other, ino)
        assert (seen(peer, "b"), seen(peer, "c")) == (other, ino)
        assert peer.paths() == {"b", "c"}
        await settled(peer, "b", "c")
        assert (peer.root / "c").read_bytes() == b"a"


async def test_a_real_tree_moves_with_its_marks_into_a_directory_made_just_now(
    tmp_path: Path,
) -> None:
    async with one_peer(tmp_path, "d/one", "d/sub/two", "stays") as peer:
        await peer.mark("d/one", Mark.KEEP)
        await peer.mark("stays", Mark.OWN)
        await settled(peer, "d/sub/two", "stays")
        async with no_commits(peer.arena):
            (peer.root / "new").mkdir()
            parent = seen(peer, "new")
            ino = await rename(peer, "d", "new/e")
            one = peer.arena.resolve(b"new/e/one")
            assert peer.arena.path(one) == b"new/e/one"
            assert peer.arena.describe(one).explicit_mark is Mark.KEEP
            assert peer.arena.describe(one).status == "real"
            assert listed(peer, "new") == {"e"}
            assert listed(peer) == {"stays"}
        await settled(peer, "new/e/one", "new/e/sub/two")
        assert peer.arena.resolve(b"new") == parent
        assert peer.arena.resolve(b"new/e") == ino
        assert peer.paths() == {"stays", "new", "new/e", "new/e/one", "new/e/sub", "new/e/sub/two"}


async def test_the_mark_in_force_is_that_of_the_new_place_at_once(tmp_path: Path) -> None:
    async with one_peer(tmp_path, "kept/x", "watched/y") as peer:
        await peer.mark("kept", Mark.KEEP)
        await peer.mark("watched", Mark.WATCH)
        await settled(peer, "kept/x", "watched/y")
        async with no_commits(peer.arena):
            ino = await rename(peer, "kept/x", "watched/x")
            found = peer.arena.describe(ino)
            assert (found.mark, found.mark_from) == (Mark.WATCH, b"watched")
            assert found.path == b"watched/x"


async def test_a_file_that_was_never_indexed_moves_and_goes_without_a_commit(
    tmp_path: Path,
) -> None:
    async with one_peer(tmp_path, "stays") as peer:
        async with no_commits(peer.arena):
            write(peer.root, "tmp", b"new")
            ino = seen(peer, "tmp")
            assert await rename(peer, "tmp", "kept") == ino
            assert (seen(peer, "tmp"), seen(peer, "kept")) == (None, ino)
            os.mkfifo(peer.root / "fifo")
            fifo = seen(peer, "fifo")
            assert await rename(peer, "fifo", "pipe") == fifo
            assert await unlink(peer, "pipe") == fifo
        await settled(peer, "kept")
        assert peer.arena.resolve(b"kept") == ino
        assert peer.paths() == {"kept", "stays"}


async def test_a_file_renamed_while_the_scanner_records_it_keeps_its_inode(tmp_path: Path) -> None:
    """It was recorded under the old name with the inode that the kernel knew by the new one."""
    async with one_peer(tmp_path, "stays") as peer:
        async with no_commits(peer.arena):
            write(peer.root, "tmp", b"new")
            ino = seen(peer, "tmp")
            peer.arena.touched(b"tmp")
            # The scanner has looked, and its record is in the queue.
            await until(lambda: len(peer.arena.context.writer._queue) >= 1)
            assert await rename(peer, "tmp", "kept") == ino
        await settled(peer, "kept")
        await until(lambda: peer.paths() == {"kept", "stays"})
        assert peer.arena.resolve(b"kept") == ino


async def test_a_file_renamed_just_before_the_scanner_commits_it_keeps_its_inode(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The overlay gave its inode to the index at the old name, and forgot it at the new one."""
    async with one_peer(tmp_path, "stays") as peer:

        def record(batch: Batch, overlay: Overlay, found: Found, now_ns: int) -> Inode | None:
            ino = record_found(batch, overlay, found, now_ns)
            if found.path == b"tmp" and ino is not None and (peer.root / "tmp").exists():
                (peer.root / "tmp").rename(peer.root / "kept")
                overlay.move(ino, peer.arena.root_ino, b"kept")
            return ino

        monkeypatch.setattr(recording, "record_found", record)
        write(peer.root, "tmp", b"new")
        ino = seen(peer, "tmp")
        await settled(peer, "kept")
        await until(lambda: peer.paths() == {"kept", "stays"})
        assert peer.arena.resolve(b"kept") == ino


async def test_what_the_scanner_was_just_recording_can_replace_another_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its old name stayed with the peers that had heard of it."""
    async with (
        one_peer(tmp_path, "doc") as a,
        running_peer(tmp_path / "b", "b", mark=Mark.OWN) as b,
    ):
        await introduce(a, b)
        await until(lambda: b.paths() == {"doc"})
        recorded, renamed = threading.Event(), threading.Event()

        def record(batch: Batch, overlay: Overlay, found: Found, now_ns: int) -> Inode | None:
            ino = record_found(batch, overlay, found, now_ns)
            if found.path == b"tmp" and not recorded.is_set():
                recorded.set()
                renamed.wait(WAIT_SECONDS)
            return ino

        monkeypatch.setattr(recording, "record_found", record)
        write(a.root, "tmp", b"new")
        ino = seen(a, "tmp")
        await trio.to_thread.run_sync(recorded.wait, WAIT_SECONDS)
        await rename(a, "tmp", "doc")
        renamed.set()
        await until(lambda: a.paths() == b.paths() == {"doc"})
        await until(lambda: (b.root / "doc").read_bytes() == b"new")
        assert a.arena.resolve(b"doc") == ino


# -- what waits, and what fails -----------------------------------------------------------------


async def waits(peer: Peer, call: Callable[[], Awaitable[object]]) -> bool:
    """Whether a call returns only after the commit."""
    returned = trio.Event()

    async def run() -> None:
        await call()
        returned.set()

    async with trio.open_nursery() as nursery:
        async with no_commits(peer.arena):
            nursery.start_soon(run)
            await until(lambda: peer.arena.context.writer._queue)
            await trio.testing.wait_all_tasks_blocked()
            waited = not returned.is_set()
        with trio.fail_after(WAIT_SECONDS):
            await returned.wait()
    return waited


async def test_what_only_the_index_knows_is_committed_before_the_call_returns(
    tmp_path: Path,
) -> None:
    for name in ("d/real", "d/unreal", "u", "v", "w"):
        write(tmp_path / "b/root", name, name.encode())
    async with (
        one_peer(tmp_path, "mine") as a,
        running_peer(tmp_path / "b", "b", mark=Mark.OWN) as b,
    ):
        await a.arena.set_default_mark(Mark.WATCH)
        await introduce(a, b)
        await until(lambda: a.entry("w") and a.entry("d/unreal"))
        await a.mark("d/real", Mark.OWN)
        await a.mark("mine", Mark.OWN)
        await settled(a, "d/real", "mine")
        root, find = a.arena.root_ino, a.arena.resolve
        assert await waits(a, lambda: a.arena.move(find(b"u"), root, b"u2", 0))
        assert await waits(a, lambda: a.arena.remove(find(b"v")))
        assert await waits(a, lambda: rename(a, "d", "e"))
        assert await waits(a, lambda: a.mark("w", Mark.KEEP))
        assert await waits(a, lambda: a.mark("mine", Mark.KEEP))
        assert not await waits(a, lambda: rename(a, "e/real", "real"))
        assert a.paths() == {"mine", "e", "e/unreal", "real", "u2", "w"}
        await until(lambda: b.paths() == a.paths())
        assert (b.root / "e/unreal").read_bytes() == b"d/unreal"


async def test_the_delete_that_empties_the_root_is_committed_at_once(tmp_path: Path) -> None:
    """After a crash an empty root would pass for a missing disk (R8)."""
    async with one_peer(tmp_path, "one", "two") as peer:
        assert not await waits(peer, lambda: unlink(peer, "one"))
        assert await waits(peer, lambda: unlink(peer, "two"))


async def test_a_mark_that_no_xattr_says_is_committed_with_its_symlink(tmp_path: Path) -> None:
    async with one_peer(tmp_path, "file") as peer:
        (peer.root / "link").symlink_to("file")
        await settled(peer, "link")
        await peer.mark("link", Mark.OWN)
        assert await waits(peer, lambda: rename(peer, "link", "moved"))
        assert peer.arena.explicit_mark(peer.arena.resolve(b"moved")) is Mark.OWN


async def test_a_commit_that_fails_loses_nothing_and_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with one_peer(tmp_path, "d/a", "stays") as peer:
        await peer.mark("d/a", Mark.KEEP)
        await settled(peer, "d/a")

        def refuse(*_: object, **__: object) -> bool:
            raise DiskFull("The disk of the database is full.")

        told, failed = list[str](), name_changes.NameChanges._failed

        def noted(self: name_changes.NameChanges, *arguments: Any) -> None:
            failed(self, *arguments)
            told.append(
                str(peer.arena.status()["problem"])
            )  # the next commit that succeeds ends it

        with monkeypatch.context() as patch:
            patch.setattr(moving, "record_move", refuse)
            patch.setattr(name_changes.NameChanges, "_failed", noted)
            ino = await rename(peer, "d", "e")
            await peer.arena.context.names_committed()
            assert any("can't be recorded just now" in one for one in told)
            assert not peer.arena.context.names.pending
        await until(lambda: peer.paths() == {"stays", "e", "e/a"})
        await settled(peer, "e/a")
        assert peer.arena.resolve(b"e") == ino
        assert peer.arena.explicit_mark(peer.arena.resolve(b"e/a")) is Mark.KEEP
        assert peer.arena.status()["problem"] is None


async def test_callers_wait_for_room_where_too_many_changes_are_queued(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(name_changes, "PENDING_MAX", 5)
    names = [f"f{number}" for number in range(20)]
    async with one_peer(tmp_path, "stays", *names) as peer:
        done: list[str] = []

        async def rename_all() -> None:
            for name in names:
                await rename(peer, name, f"{name} moved")
                done.append(name)

        async with trio.open_nursery() as nursery:
            async with no_commits(peer.arena):
                nursery.start_soon(rename_all)
                await until(lambda: len(done) == 4)
                await trio.testing.wait_all_tasks_blocked()
                assert len(done) == 4
        await peer.arena.context.names_committed()
        assert peer.paths() == {"stays", *(f"{name} moved" for name in names)}


# -- what peers do meanwhile --------------------------------------------------------------------


async def test_saving_over_an_unreal_file_by_a_rename_is_an_edit_of_it(tmp_path: Path) -> None:
    """It passed for a file that had appeared beside the peer's, and became a conflict."""
    write(tmp_path / "b/root", "doc", b"draft")
    async with (
        running_peer(tmp_path / "a", "a") as a,
        running_peer(tmp_path / "b", "b", mark=Mark.OWN) as b,
    ):
        await introduce(a, b)
        await until(lambda: a.status("doc") == "remote")
        write(a.root, "tmp", b"final")
        assert seen(a, "tmp") is not None
        await rename(a, "tmp", "doc")
        await until(lambda: (b.root / "doc").read_bytes() == b"final")
        assert a.paths() == b.paths() == {"doc"}


async def test_a_file_that_a_peer_deletes_while_it_is_renamed_here_stays(tmp_path: Path) -> None:
    """The peer's delete was queued before the rename and took the file along to the trash."""
    async with (
        one_peer(tmp_path, "a", "stays") as a,
        running_peer(tmp_path / "b", "b", mark=Mark.OWN) as b,
    ):
        await introduce(a, b)
        await until(lambda: b.paths() == {"a", "stays"} and at_rest(a, b))
        async with no_commits(a.arena):
            (b.root / "a").unlink()
            await until(lambda: b.paths() == {"stays"})
            await until(lambda: len(a.arena.context.writer._queue) > 0)
            await rename(a, "a", "renamed")
        await until((b.root / "renamed").exists)
        assert (a.root / "renamed").read_bytes() == b"a"
        await until(lambda: a.paths() == b.paths() == {"renamed", "stays"})


async def test_a_delete_loses_against_an_edit_that_was_on_its_way(tmp_path: Path) -> None:
    async with (
        one_peer(tmp_path, "a", "stays") as a,
        running_peer(tmp_path / "b", "b", mark=Mark.OWN) as b,
    ):
        await introduce(a, b)
        await until(lambda: b.paths() == {"a", "stays"} and at_rest(a, b))
        async with no_commits(a.arena):
            write(b.root, "a", b"edited")
            await until(lambda: len(a.arena.context.writer._queue) > 0)
            await unlink(a, "a")
        await until(lambda: (a.root / "a").read_bytes() == b"edited")
        assert (b.root / "a").read_bytes() == b"edited"


async def test_what_was_deleted_where_a_file_is_stays_known_there_when_it_moves(
    tmp_path: Path,
) -> None:
    """The tombstones of the directory that had been there went along: what peers know of the old
    name was then told to them as news of something else."""
    async with one_peer(tmp_path, "d/x", "stays") as peer:
        (peer.root / "d" / "x").unlink()
        (peer.root / "d").rmdir()
        await until(lambda: peer.paths() == {"stays"})
        write(peer.root, "d", b"a file")
        await settled(peer, "d")
        await rename(peer, "d", "e")
        await settled(peer, "e")
        with peer.store.env.read() as txn:
            grave = peer.store.tree.entry_at(txn, b"d/x")
            assert peer.store.tree.entry_at(txn, b"e/x") is None
        assert grave is not None
        assert grave.version.deleted
