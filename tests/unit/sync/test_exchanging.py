"""Two names that are exchanged: each goes on as the other's, with all that is below it."""

import os
from pathlib import Path

import pytest

from realizefs.model.ids import Seq
from realizefs.model.marks import Mark
from realizefs.store.openat import RENAME_EXCHANGE
from tests.fakes.blocking import no_commits
from tests.fakes.peer import Peer, introduce, running_peer, until, write
from tests.unit.sync.test_name_changes import one_peer, seen, settled, unlink


async def exchange(peer: Peer, one: str, other: str) -> None:
    """As the mount does it."""
    ino = peer.arena.resolve(one.encode())
    peer.store.root.rename(one.encode(), other.encode(), RENAME_EXCHANGE)
    await peer.arena.move(ino, peer.arena.root_ino, other.encode(), RENAME_EXCHANGE)


async def test_directories_that_are_exchanged_take_all_along(tmp_path: Path) -> None:
    """Also what has the same name in both, and of each name it is known what was deleted there."""
    names = ("d/same", "d/sub/deep", "e/same", "e/other", "stays")
    async with (
        one_peer(tmp_path, *names) as a,
        running_peer(tmp_path / "b", "b", mark=Mark.OWN) as b,
    ):
        await introduce(a, b)
        await until(lambda: all(b.status(name) == "real" for name in names))
        (a.root / "e" / "gone").write_bytes(b"gone")
        await until(lambda: b.status("e/gone") == "real")
        await unlink(a, "e/gone")
        await until(lambda: b.paths() == a.paths())
        inodes = {name: a.arena.resolve(name.encode()) for name in names}
        async with no_commits(a.arena):
            await exchange(a, "d", "e")
            assert seen(a, "e/sub/deep") == inodes["d/sub/deep"]
            assert seen(a, "d/other") == inodes["e/other"]
        expected = {"stays", "d", "d/same", "d/other", "e", "e/same", "e/sub", "e/sub/deep"}
        await until(lambda: a.paths() == b.paths() == expected)
        for peer in (a, b):
            await settled(peer, "d/same", "d/other", "e/same", "e/sub/deep")
            assert (peer.root / "d" / "same").read_bytes() == b"e/same"
            assert (peer.root / "e" / "same").read_bytes() == b"d/same"
            assert (peer.root / "e" / "sub" / "deep").read_bytes() == b"d/sub/deep"
        assert seen(a, "e/same") == inodes["d/same"]
        with a.store.env.read() as txn:
            every = [
                a.store.tree.path(txn, ino) or b"" for _, ino in a.store.tree.history(txn, Seq(0))
            ]
        assert not [path for path in every if b"//" in path]
        assert b"e/gone" in every


@pytest.mark.parametrize("first", ["a", "pipe"])
async def test_exchanged_with_what_is_never_indexed(tmp_path: Path, first: str) -> None:
    """Its entry goes along, and what had its name before isn't taken for it."""
    async with one_peer(tmp_path, "a", "stays") as peer:
        ino = peer.arena.resolve(b"a")
        os.mkfifo(peer.root / "pipe")
        fifo = seen(peer, "pipe")
        async with no_commits(peer.arena):
            await exchange(peer, first, "pipe" if first == "a" else "a")
            assert (seen(peer, "a"), seen(peer, "pipe")) == (fifo, ino)
        assert (seen(peer, "a"), seen(peer, "pipe")) == (fifo, ino)
        assert peer.paths() == {"pipe", "stays"}
        await exchange(peer, first, "pipe" if first == "a" else "a")
        await settled(peer, "a")
        assert (seen(peer, "a"), seen(peer, "pipe")) == (ino, fifo)
        assert peer.paths() == {"a", "stays"}
        await exchange(peer, first, "pipe" if first == "a" else "a")
        assert await unlink(peer, "pipe") == ino
        await until(lambda: peer.paths() == {"stays"})


@pytest.mark.parametrize("first", ["a", "new"])
async def test_exchanged_with_what_isnt_indexed_yet(tmp_path: Path, first: str) -> None:
    async with one_peer(tmp_path, "a", "stays") as peer:
        ino = peer.arena.resolve(b"a")
        async with no_commits(peer.arena):
            write(peer.root, "new", b"another")
            other = seen(peer, "new")
            peer.arena.touched(b"new")
            await exchange(peer, first, "new" if first == "a" else "a")
            assert (seen(peer, "a"), seen(peer, "new")) == (other, ino)
        await settled(peer, "a", "new")
        assert (peer.arena.resolve(b"a"), peer.arena.resolve(b"new")) == (other, ino)
        entry = peer.entry("a")
        assert entry is not None
        assert entry.version.size == len(b"another")


async def test_a_symlink_made_real_to_be_exchanged_is_the_entry_of_its_name(
    tmp_path: Path,
) -> None:
    """Deleted before the scanner has seen it, it isn't taken for one that had appeared beside."""
    async with (
        one_peer(tmp_path, "stays") as a,
        running_peer(tmp_path / "b", "b", mark=Mark.WATCH) as b,
    ):
        await introduce(a, b)
        (a.root / "s").symlink_to("nowhere")
        await until(lambda: b.paths() == {"s", "stays"})
        os.mkfifo(b.root / "stays-too")  # a root without any name looks like a missing disk
        ino = b.arena.resolve(b"s")
        await b.arena.make_real(ino, False)
        assert os.readlink(b.root / "s") == "nowhere"
        (b.root / "s").unlink()
        await b.arena.remove(ino, native=True)
        await until(lambda: a.paths() == b.paths() == {"stays"})
        await until(lambda: not (a.root / "s").is_symlink())


async def test_directories_that_arent_here_are_exchanged_and_their_owner_follows(
    tmp_path: Path,
) -> None:
    """Offline, and no byte is moved."""
    names = ("d/same", "d/sub/deep", "e/same", "e/other", "stays")
    async with (
        one_peer(tmp_path, *names) as a,
        running_peer(tmp_path / "b", "b") as b,
    ):
        await introduce(a, b)
        await until(lambda: all(b.status(name) == "remote" for name in names))
    async with running_peer(tmp_path / "b", "b") as b:
        ino = b.arena.resolve(b"d")
        await b.arena.move(ino, b.arena.root_ino, b"e", RENAME_EXCHANGE)
        expected = {"stays", "d", "d/same", "d/other", "e", "e/same", "e/sub", "e/sub/deep"}
        assert b.paths() == expected
        assert seen(b, "e") == ino
    async with one_peer(tmp_path) as a, running_peer(tmp_path / "b", "b") as b:
        await introduce(a, b)
        await until(lambda: a.paths() == b.paths() == expected)
        for path, content in (
            ("d/same", b"e/same"),
            ("d/other", b"e/other"),
            ("e/same", b"d/same"),
            ("e/sub/deep", b"d/sub/deep"),
        ):
            await until(lambda path=path: a.status(path) == "real")  # type: ignore[misc]
            assert (a.root / path).read_bytes() == content
            assert await b.read(path) == content
