"""What only the native file has (the user's own attributes, other hard links) survives the way out
of the arena root and back, or keeps the file in it."""

import os
from pathlib import Path

from realizefs.model.acls import ACCESS
from realizefs.model.marks import Mark
from realizefs.sync.own_attributes import native_attributes
from tests.fakes.acls import acl
from tests.fakes.peer import Peer, until, write
from tests.fakes.two_peers import owner_and_watcher, two_owners


def natively(peer: Peer, path: str) -> dict[bytes, bytes]:
    return native_attributes(peer.store.root, path.encode())


def kept(peer: Peer, path: str) -> dict[bytes, bytes]:
    return peer.arena.attributes(peer.arena.resolve(path.encode()))


async def test_attributes_come_and_go_with_the_real_file(tmp_path: Path) -> None:
    write(tmp_path / "a/root", "d/f", b"content")
    async with owner_and_watcher(tmp_path) as (a, b):
        await until(lambda: b.entry("d/f"))
        for path in ("d", "d/f"):
            ino = b.arena.resolve(path.encode())
            await b.arena.set_attribute(ino, b"user.colour", b"red")
            await b.arena.set_attribute(ino, b"user.x", b"1")
            await b.arena.set_attribute(ino, b"user.x", None)
            assert kept(b, path) == {b"user.colour": b"red"}
        await b.mark("d", Mark.OWN)
        await until(lambda: b.status("d/f") == "real")
        assert natively(b, "d/f") == natively(b, "d") == {b"user.colour": b"red"}
        os.setxattr(b.root / "d/f", "user.colour", b"blue")
        b.arena.touched(b"d/f")
        await b.mark("d", Mark.WATCH)
        await until(lambda: b.status("d/f") == "cached")  # the directory stays: it costs nothing
        assert kept(b, "d/f") == {b"user.colour": b"blue"}
        assert kept(b, "d") == {b"user.colour": b"red"}
        await b.arena.set_attribute(b.arena.resolve(b"d/f"), b"user.colour", None)
        await b.mark("d", Mark.OWN)
        await until(lambda: b.status("d/f") == "real")
        assert natively(b, "d/f") == {}
        assert natively(a, "d/f") == {}  # they stay on their machine


async def test_an_acl_comes_and_goes_with_the_real_file(tmp_path: Path) -> None:
    """Without it the permission bits would say something else: those of the group are its mask."""
    write(tmp_path / "a/root", "f", b"content")
    async with two_owners(tmp_path) as (a, b):
        await until(lambda: b.status("f") == "real")
        os.setxattr(b.root / "f", ACCESS, acl(owner=6, nobody=4, group=0, mask=4, others=0))
        b.arena.touched(b"f")
        await until(lambda: (a.root / "f").stat().st_mode & 0o777 == 0o640)
        await b.mark("f", Mark.WATCH)
        await until(lambda: b.status("f") == "cached")
        await a.arena.change_metadata(a.arena.resolve(b"f"), 0o600, None)
        await until(lambda: describe_mode(b, "f") == 0o600)
        entry = b.entry("f")
        await b.mark("f", Mark.OWN)
        await until(lambda: b.status("f") == "real")
        await until(lambda: not b.arena.status()["pending"])
        wanted = acl(owner=6, nobody=4, group=0, mask=0, others=0)
        assert natively(b, "f") == {ACCESS: wanted}
        assert natively(a, "f") == {}
        assert entry is not None
        now = b.entry("f")
        assert now is not None
        assert now.version == entry.version


def describe_mode(peer: Peer, path: str) -> int:
    entry = peer.entry(path)
    assert entry is not None
    return entry.version.mode


async def test_attributes_stay_when_a_peer_changes_the_content(tmp_path: Path) -> None:
    write(tmp_path / "a/root", "f", b"first")
    async with two_owners(tmp_path) as (a, b):
        await until(lambda: b.status("f") == "real")
        os.setxattr(b.root / "f", "user.colour", b"red")
        write(a.root, "f", b"the second one")
        await until(lambda: (b.root / "f").read_bytes() == b"the second one")
        assert natively(b, "f") == {b"user.colour": b"red"}


async def test_one_of_two_names_of_a_file_stays_in_the_root(tmp_path: Path) -> None:
    """An empty one left it, and was another file from then on."""
    for name in ("empty", "full"):
        write(tmp_path / "a/root", name, b"" if name == "empty" else b"something")
        os.link(tmp_path / "a/root" / name, tmp_path / "a/root" / f"{name}2")
    write(tmp_path / "a/root", "single", b"")
    async with two_owners(tmp_path) as (a, b):
        await until(lambda: len(list(b.root.glob("*[!.]*"))) >= 5 and b.status("full2") == "real")
        await a.mark("", Mark.WATCH)
        await until(lambda: not (a.root / "single").exists())
        for name in ("empty", "full"):
            assert (a.root / name).stat().st_nlink == 2
            assert (a.root / f"{name}2").stat().st_nlink == 2
