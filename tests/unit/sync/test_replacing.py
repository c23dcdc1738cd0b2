"""What isn't indexed takes the name of an entry: an edit of that, with an inode of its own."""

import os
from pathlib import Path

import pytest

from realizefs.model.ids import Inode
from realizefs.model.marks import Mark
from tests.fakes.blocking import never, no_commits
from tests.fakes.peer import Peer, introduce, running_peer, until, write
from tests.fakes.two_peers import two_owners


async def rename(peer: Peer, old: str, new: str) -> None:
    """As the mount does it: natively, then recorded."""
    ino = peer.arena.resolve(old.encode())
    (peer.root / old).rename(peer.root / new)
    await peer.arena.move(ino, peer.arena.root_ino, new.encode(), 0)


def made(peer: Peer, name: str, content: bytes) -> Inode:
    """A file that the mount has shown and the scanner hasn't seen."""
    write(peer.root, name, content)
    return peer.arena.overlay.ino_of(peer.arena.root_ino, name.encode())


async def settled(peer: Peer, *names: str) -> None:
    await until(lambda: peer.paths() == set(names))
    await until(lambda: peer.arena.status()["pending"] == 0)


async def test_a_new_file_over_a_real_one_is_its_next_version(tmp_path: Path) -> None:
    async with running_peer(tmp_path / "a", "a", mark=Mark.OWN) as peer:
        write(peer.root, "doc", b"draft")
        await settled(peer, "doc")
        before, old = peer.entry("doc"), peer.arena.resolve(b"doc")
        async with no_commits(peer.arena):
            new = made(peer, "tmp", b"final")
            await rename(peer, "tmp", "doc")
            assert peer.arena.resolve(b"doc") == new
            assert peer.arena.overlay.ino_of(peer.arena.root_ino, b"doc") == new
            await rename(peer, "doc", "moved")
            await rename(peer, "moved", "doc")
            assert peer.arena.resolve(b"doc") == new
        await settled(peer, "doc")
        await until(lambda: peer.status("doc") == "real")
        after = peer.entry("doc")
        assert before is not None
        assert after is not None
        assert after.ino == new != old
        assert dict(after.version.vector)[peer.store.tree.author(peer.arena.context.me)] > 1
        assert not peer.arena.overlay


async def test_a_fifo_over_a_real_file_is_its_deletion(tmp_path: Path) -> None:
    async with two_owners(tmp_path, {"doc": b"draft", "stays": b"stays"}) as (a, b):
        os.mkfifo(a.root / "fifo")
        fifo = a.arena.overlay.ino_of(a.arena.root_ino, b"fifo")
        await rename(a, "fifo", "doc")
        await until(lambda: a.paths() == b.paths() == {"stays"})
        await until(lambda: not (b.root / "doc").exists())
        assert a.arena.resolve(b"doc") == fifo


async def test_what_is_replaced_and_deleted_by_a_peer_at_once_is_a_new_file(
    tmp_path: Path,
) -> None:
    async with two_owners(tmp_path, {"doc": b"draft", "stays": b"stays"}) as (a, b):
        async with no_commits(a.arena):
            (b.root / "doc").unlink()
            await until(lambda: b.paths() == {"stays"})
            await until(lambda: len(a.arena.context.writer._queue) > 0)
            new = made(a, "tmp", b"final")
            await rename(a, "tmp", "doc")
            assert a.arena.resolve(b"doc") == new
        await until(lambda: (b.root / "doc").read_bytes() == b"final")
        assert a.paths() == b.paths() == {"doc", "stays"}


async def test_what_isnt_here_over_a_file_that_a_peer_has_changed_unseen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whose newer version hasn't come yet: it keeps the name, and the other one lives beside it."""
    async with (
        running_peer(tmp_path / "a", "a", mark=Mark.WATCH) as a,
        running_peer(tmp_path / "b", "b", mark=Mark.OWN) as b,
    ):
        await introduce(a, b)
        write(b.root, "doc", b"draft")
        write(b.root, "other", b"other")
        await until(lambda: a.paths() == {"doc", "other"})
        await a.arena.set_mark(a.arena.resolve(b"doc"), Mark.OWN)
        await until(lambda: a.status("doc") == "real")
        await until(lambda: a.arena.status()["pending"] == 0)
        monkeypatch.setattr(a.arena.fetcher, "complete", never)
        write(b.root, "doc", b"of the peer")
        await until(lambda: a.arena.describe(a.arena.resolve(b"doc")).size == len(b"of the peer"))
        (a.root / "doc").unlink()
        ino = a.arena.resolve(b"other")
        await a.arena.move(ino, a.arena.root_ino, b"doc", 0)
        assert a.arena.resolve(b"doc") != ino
        (copy,) = a.paths() - {"doc"}
        assert copy.startswith("doc (conflict a ")
        assert a.arena.resolve(copy.encode()) == ino
        await until(lambda: b.paths() == {"doc", copy})
        await until(lambda: (b.root / copy).read_bytes() == b"other")
        assert (b.root / "doc").read_bytes() == b"of the peer"


async def test_a_file_that_a_peer_has_changed_unseen_over_what_isnt_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The peer's newer version keeps the old name; the old content is what its user put in the
    place of the other, which lives nowhere beside it."""
    async with (
        running_peer(tmp_path / "a", "a", mark=Mark.WATCH) as a,
        running_peer(tmp_path / "b", "b", mark=Mark.OWN) as b,
    ):
        await introduce(a, b)
        write(b.root, "doc", b"draft")
        write(b.root, "other", b"other")
        await until(lambda: a.paths() == {"doc", "other"})
        await a.arena.set_mark(a.arena.resolve(b"doc"), Mark.OWN)
        await until(lambda: a.status("doc") == "real")
        await until(lambda: a.arena.status()["pending"] == 0)
        monkeypatch.setattr(a.arena.fetcher, "complete", never)
        write(b.root, "doc", b"of the peer")
        await until(lambda: a.arena.describe(a.arena.resolve(b"doc")).size == len(b"of the peer"))
        await rename(a, "doc", "other")
        await until(lambda: (b.root / "other").read_bytes() == b"draft")
        assert (b.root / "doc").read_bytes() == b"of the peer"
        assert a.paths() == b.paths() == {"doc", "other"}
