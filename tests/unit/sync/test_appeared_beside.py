"""What a user renames can be another file than the entry of its name: one that he had just put there
when a peer's came, or an older one than the peer has by now. Everything lives on."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from realizefs.model.marks import Mark
from realizefs.store import watch
from realizefs.store.openat import RENAME_EXCHANGE
from tests.fakes.blocking import never
from tests.fakes.peer import Peer, introduce, running_peer, until, write


@asynccontextmanager
async def watcher_and_owner(
    tmp_path: Path, patch: pytest.MonkeyPatch, **files: bytes
) -> AsyncIterator[tuple[Peer, Peer]]:
    """The owner has these; the watcher sees nothing of what appears in its root by itself, and has
    "mine" there."""
    for name, content in files.items():
        write(tmp_path / "b/root", name, content)
    write(tmp_path / "a/root", "mine", b"mine")
    async with (
        running_peer(tmp_path / "a", "a", mark=Mark.WATCH) as a,
        running_peer(tmp_path / "b", "b", mark=Mark.OWN) as b,
    ):
        await until(lambda: a.entry("mine"))
        await a.mark("mine", Mark.OWN)
        await introduce(a, b)
        await until(lambda: a.status("mine") == b.status("mine") == "real")
        await until(lambda: a.paths() == b.paths() >= {"mine", *files})
        await until(lambda: not a.arena.status()["pending"])
        patch.setattr(watch.RootWatch, "read", lambda self: [])
        yield a, b


async def move(peer: Peer, old: str, new: str, flags: int = 0) -> None:
    """As the mount does it."""
    ino, over_native = peer.arena.resolve(old.encode()), (peer.root / new).exists()
    peer.store.root.rename(old.encode(), new.encode(), flags)
    root = peer.arena.root_ino
    await peer.arena.move(ino, root, new.encode(), flags, over_native=over_native)


async def outdated(a: Peer, b: Peer, patch: pytest.MonkeyPatch, path: str, content: bytes) -> None:
    """The owner changes what is real at the watcher, who hears of it and can't fetch it."""
    await a.mark(path, Mark.OWN)
    await until(lambda: a.status(path) == "real")
    await until(lambda: not a.arena.status()["pending"])
    patch.setattr(a.arena.fetcher, "complete", never)
    write(b.root, path, content)
    b.arena.touched(path.encode())
    ino = a.arena.resolve(path.encode())
    await until(lambda: a.arena.describe(ino).size == len(content))


async def live(a: Peer, b: Peer, *contents: bytes) -> None:
    """They and no others are at the owner, each under one name."""

    def found() -> list[bytes]:
        files = [one for one in b.root.rglob("*") if one.is_file() and ".realize" not in one.parts]
        return sorted(one.read_bytes() for one in files)

    await until(lambda: found() == sorted(contents) and a.paths() == b.paths())


async def test_what_had_just_appeared_goes_and_the_peers_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with watcher_and_owner(tmp_path, monkeypatch, doc=b"the peer's") as (a, b):
        (a.root / "doc").write_bytes(b"appeared")
        await move(a, "doc", "kept")
        await live(a, b, b"mine", b"the peer's", b"appeared")
        assert (b.root / "doc").read_bytes() == b"the peer's"
        assert (b.root / "kept").read_bytes() == b"appeared"


async def test_what_is_renamed_over_what_had_just_appeared_replaces_that_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with watcher_and_owner(tmp_path, monkeypatch, doc=b"the peer's") as (a, b):
        (a.root / "doc").write_bytes(b"appeared")
        await move(a, "mine", "doc")
        await live(a, b, b"mine", b"the peer's")


@pytest.mark.parametrize("first", ["doc", "mine"])
async def test_what_had_just_appeared_is_exchanged_and_the_peers_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: str
) -> None:
    async with watcher_and_owner(tmp_path, monkeypatch, doc=b"the peer's") as (a, b):
        (a.root / "doc").write_bytes(b"appeared")
        await move(a, first, "mine" if first == "doc" else "doc", RENAME_EXCHANGE)
        await live(a, b, b"mine", b"the peer's", b"appeared")


@pytest.mark.parametrize("first", ["doc", "mine"])
async def test_what_a_peer_has_changed_is_not_exchanged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: str
) -> None:
    """The old content goes, which its user saw; the new one keeps the name."""
    async with watcher_and_owner(tmp_path, monkeypatch, doc=b"old") as (a, b):
        await outdated(a, b, monkeypatch, "doc", b"the newer one")
        await move(a, first, "mine" if first == "doc" else "doc", RENAME_EXCHANGE)
        await live(a, b, b"mine", b"the newer one", b"old")


async def test_what_a_peer_has_changed_in_a_directory_that_is_exchanged_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What has its name in the other directory comes to live beside it."""
    files = {"d/same": b"in d", "e/same": b"in e"}
    async with watcher_and_owner(tmp_path, monkeypatch, **files) as (a, b):
        await a.mark("d", Mark.OWN)
        await until(lambda: a.status("d/same") == "real")
        await outdated(a, b, monkeypatch, "e/same", b"the newer one")
        await move(a, "d", "e", RENAME_EXCHANGE)
        await live(a, b, b"mine", b"in d", b"the newer one", b"in e")
