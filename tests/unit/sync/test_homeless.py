"""A name whose content nobody holds, while somebody has that content under another name."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trio

from realizefs.model.entries import Holder
from realizefs.model.errors import StoreFault
from realizefs.model.ids import Digest, Inode, PeerId
from realizefs.model.limits import MIB
from realizefs.model.marks import Mark
from realizefs.model.versions import Held, Version
from realizefs.store.hashing import hash_bytes
from realizefs.store.realfile import Root
from realizefs.store.watch import RootWatch
from realizefs.sync import aside, homeless
from realizefs.sync.aside import keep_loser, name_anew
from realizefs.sync.batch import Batch
from realizefs.sync.homeless import Homeless
from realizefs.sync.successors import give_up
from tests.fakes.peer import Peer, introduce, running_peer, until, write
from tests.fakes.peer import replace as save
from tests.fakes.two_peers import owner_and_watcher, two_owners


async def rename(peer: Peer, old: str, new: str) -> None:
    """Of something unreal: nothing native is to be done."""
    await peer.arena.move(peer.arena.resolve(old.encode()), peer.arena.root_ino, new.encode(), 0)


def sought(peer: Peer) -> list[tuple[Inode, Digest]]:
    with peer.store.env.read() as txn:
        return peer.store.sought.page(txn, Inode(0), 10)


async def renamed_apart(tmp_path: Path, content: bytes) -> None:
    """What `a` has as "photo" is "beach" for b and "sunset" for c, who haven't heard of each other."""
    async with (
        running_peer(tmp_path / "a", "a", mark=Mark.OWN) as a,
        running_peer(tmp_path / "b", "b") as b,
        running_peer(tmp_path / "c", "c") as c,
    ):
        await introduce(a, b, c)
        write(a.root, "photo", content)
        write(a.root, "other", b"other")
        await until(lambda: b.paths() == c.paths() == {"photo", "other"})
        await until(lambda: a.arena.status()["pending"] == 0)
    async with running_peer(tmp_path / "b", "b") as b:
        await rename(b, "photo", "beach")
    async with running_peer(tmp_path / "c", "c") as c:
        await rename(c, "photo", "sunset")


@asynccontextmanager
async def all_three(tmp_path: Path, mark: Mark) -> AsyncIterator[tuple[Peer, Peer, Peer]]:
    """Once they have heard of both names."""
    async with (
        running_peer(tmp_path / "a", "a", mark=mark) as a,
        running_peer(tmp_path / "b", "b") as b,
        running_peer(tmp_path / "c", "c") as c,
    ):
        await introduce(a, b, c)
        await until(lambda: a.paths() == b.paths() == c.paths() == {"beach", "sunset", "other"})
        yield a, b, c


@pytest.mark.parametrize("size", [1000, 3 * MIB + 5])
@pytest.mark.parametrize("mark", [Mark.OWN, Mark.WATCH])
async def test_what_two_renamed_apart_is_at_both_names(
    tmp_path: Path, size: int, mark: Mark
) -> None:
    """Whether its holder wants the other name, too, or not: others do."""
    content = os.urandom(size)
    await renamed_apart(tmp_path, content)
    async with all_three(tmp_path, mark) as (a, b, c):
        for name in ("beach", "sunset"):
            for peer in (b, c):  # each hears of the holder in its own time
                await until(lambda p=peer, n=name: p.status(n) in ("remote", "cached"))  # type: ignore[misc]
                assert await peer.read(name) == content
        if mark is Mark.OWN:
            await until(lambda: (a.root / "sunset").exists() and (a.root / "beach").exists())
            assert (a.root / "sunset").read_bytes() == (a.root / "beach").read_bytes() == content


async def test_what_was_to_be_looked_for_when_it_ended_is_looked_for_after_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody tells of it again."""
    await renamed_apart(tmp_path, b"a beach at sunset")
    with monkeypatch.context() as patch:
        patch.setattr(homeless, "SETTLE_SECONDS", 1e9)
        async with all_three(tmp_path, Mark.OWN) as (a, _b, _c):
            await until(lambda: len(sought(a)) == 2)  # each author has told of his own name
    async with running_peer(tmp_path / "a", "a", mark=Mark.OWN) as a:
        for name in ("beach", "sunset"):
            await until(lambda name=name: (a.root / name).exists())  # type: ignore[misc]
            assert (a.root / name).read_bytes() == b"a beach at sunset"
        await until(lambda: not sought(a))


async def test_what_cannot_be_taken_in_is_not_tried_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each try goes over all real files. It stays noted: the next start tries again."""
    await renamed_apart(tmp_path, b"a beach at sunset")
    tries = 0

    async def refuse(_self: Homeless, _ino: Inode, _version: Version, _path: bytes) -> bool:
        nonlocal tries
        tries += 1
        return False

    monkeypatch.setattr(Homeless, "_take_in", refuse)
    monkeypatch.setattr(homeless, "SETTLE_SECONDS", 1e9)  # it goes over them here only
    async with all_three(tmp_path, Mark.OWN) as (a, _b, _c):
        await until(lambda: len(sought(a)) == 2)
        await until(lambda: "real" in (a.status("beach"), a.status("sunset")))
        for _ in range(homeless.TRIES_MAX + 3):
            await a.arena._homeless._go_over()
        assert len(sought(a)) == 1
        assert tries == homeless.TRIES_MAX


async def renamed_unfetched(tmp_path: Path) -> None:
    """What `a` has as "photo" is "beach" for b, who hasn't got it, and of whom `a` hasn't heard."""
    async with owner_and_watcher(tmp_path) as (a, b):
        write(a.root, "photo", b"a beach")
        write(a.root, "other", b"something else")
        await until(lambda: b.paths() == {"photo", "other"})
        await until(lambda: a.arena.status()["pending"] == 0)
    async with running_peer(tmp_path / "b", "b") as b:
        await rename(b, "photo", "beach")


@pytest.mark.parametrize("in_place", [True, False])
async def test_what_was_renamed_while_its_holder_edited_it_has_the_edit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_place: bool
) -> None:
    """The old bytes are nowhere."""
    monkeypatch.setattr(
        homeless, "SETTLE_SECONDS", 1.0
    )  # TRIES_MAX times: a busy machine needs some
    await renamed_unfetched(tmp_path)
    edited = b"a beach at sunset"
    async with running_peer(tmp_path / "a", "a", mark=Mark.OWN) as a:
        if in_place:
            write(a.root, "photo", edited)
        else:
            write(a.root, ".photo.new", edited)
            (a.root / ".photo.new").rename(a.root / "photo")
        await until(lambda: hash_of(a, "photo") == hash_bytes(edited))
        async with running_peer(tmp_path / "b", "b") as b:
            await introduce(a, b)
            await until(lambda: a.paths() == b.paths() == {"photo", "beach", "other"})
            await until(lambda: b.status("photo") == b.status("beach") == "remote")
            assert (await b.read("photo"), await b.read("beach")) == (edited, edited)
            for name in ("photo", "beach"):
                await until(lambda name=name: (a.root / name).read_bytes() == edited)  # type: ignore[misc]


async def test_what_is_saved_as_its_rename_is_followed_is_the_edit_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was renamed then was indexed as what it had just replaced: wrong bytes by a right hash."""
    monkeypatch.setattr(homeless, "SETTLE_SECONDS", 1.0)
    await renamed_unfetched(tmp_path)
    edited, saved = b"a beach at sunset", list[bytes]()
    original = Root.rename

    def rename(root: Root, old: bytes, new: bytes, flags: int = 0) -> None:
        if old == b"photo" and not saved:
            saved.append(new)
            save(tmp_path / "a/root", "photo", edited)
        original(root, old, new, flags)

    monkeypatch.setattr(Root, "rename", rename)
    async with (
        running_peer(tmp_path / "a", "a", mark=Mark.OWN) as a,
        running_peer(tmp_path / "b", "b") as b,
    ):
        await introduce(a, b)
        await until(lambda: a.paths() == b.paths() == {"photo", "beach", "other"})
        for name in ("photo", "beach"):
            await until(lambda name=name: hash_of(a, name) == hash_bytes(edited))  # type: ignore[misc]
            await until(lambda name=name: (a.root / name).read_bytes() == edited)  # type: ignore[misc]
    assert saved == [b"beach"]


async def test_another_file_that_took_the_name_is_no_edit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else may still have what was there (seed 54901)."""
    monkeypatch.setattr(homeless, "SETTLE_SECONDS", 0.05)
    await renamed_unfetched(tmp_path)
    async with running_peer(tmp_path / "a", "a", mark=Mark.OWN) as a:
        (a.root / "other").rename(a.root / "photo")
        await until(lambda: a.paths() == {"photo"})
        async with running_peer(tmp_path / "b", "b") as b:
            await introduce(a, b)
            await until(lambda: a.paths() == {"photo", "beach"})
            await until(lambda: not a.arena._homeless.is_busy and not sought(a))
            assert a.status("beach") == "unavailable"
            assert hash_of(a, "beach") == hash_bytes(b"a beach")


def hash_of(peer: Peer, path: str) -> Digest | None:
    entry = peer.entry(path)
    return entry.version.hash if entry is not None else None


async def named(peer: Peer, content: bytes) -> str:
    """A conflict copy of "photo" whose file isn't there any more as it is to be renamed; its name."""
    entry = peer.entry("photo")
    assert entry is not None
    lost = replace(entry.version, hash=hash_bytes(content), size=len(content))
    before = peer.paths()

    def keep(batch: Batch) -> None:
        real = batch.store.real.get(batch.txn, entry.ino)
        assert real is not None
        batch.store.real.put(batch.txn, entry.ino, replace(real, hash=lost.hash))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(aside, "set_aside", lambda *_: None)
            keep_loser(batch, entry, lost)
        batch.store.real.put(batch.txn, entry.ino, real)

    await peer.arena.context.commit(keep)
    [name] = peer.paths() - before
    return name


async def test_a_conflict_copy_whose_content_is_nowhere_any_more_goes_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its user took the file elsewhere, and deleted it there, before it was named."""
    monkeypatch.setattr(homeless, "SETTLE_SECONDS", 0.05)
    heard = list[str]()

    def once_heard(*arguments: Any) -> None:
        if not heard:
            raise StoreFault("The other one is to hear of it first.")
        give_up(*arguments)

    async with two_owners(tmp_path, {"photo": b"a photo"}) as (a, b):
        monkeypatch.setattr("realizefs.sync.homeless.give_up", once_heard)
        name = await named(a, b"what it was")
        await until(lambda: name in b.paths())
        heard.append(name)
        await until(lambda: a.paths() == b.paths() == {"photo"})
        await until(lambda: not sought(a))
        await until(lambda: not a.arena.status()["pending"] and not b.arena.status()["pending"])


async def test_a_conflict_copy_has_its_content_from_where_its_user_took_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(homeless, "SETTLE_SECONDS", 0.05)
    async with two_owners(tmp_path, {"photo": b"a photo", "moved": b"what it was"}) as (a, b):
        name = await named(a, b"what it was")
        await until(lambda: a.status(name) == b.status(name) == "real")
        assert (b.root / name).read_bytes() == b"what it was"


async def test_a_conflict_copy_stays_while_who_is_away_has_its_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under the name that it had."""
    monkeypatch.setattr(homeless, "SETTLE_SECONDS", 0.05)
    async with two_owners(tmp_path, {"photo": b"a photo"}) as (a, _):
        entry, holder = a.entry("photo"), Holder(PeerId(9), Held.OWN, hash_bytes(b"what it was"))
        assert entry is not None
        await a.arena.context.commit(
            lambda batch: batch.store.holders.put(batch.txn, entry.ino, holder)
        )
        name = await named(a, b"what it was")
        await until(lambda: not sought(a))
        assert name in a.paths()


async def test_a_conflict_copy_stays_while_a_disk_is_away_that_may_have_its_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(homeless, "SETTLE_SECONDS", 0.05)
    write(tmp_path / "a/root", "photo", b"a photo")
    write(tmp_path / "a/root", "on the disk", b"what it was")
    async with running_peer(tmp_path / "a", "a", mark=Mark.OWN) as a:
        await until(lambda: a.status("photo") == a.status("on the disk") == "real")
        await until(lambda: not a.arena.status()["pending"])
        monkeypatch.setattr(RootWatch, "read", lambda self: [])
        (a.root / "on the disk").rename(tmp_path / "elsewhere")
        name = await named(a, b"what it was")
        await until(lambda: not sought(a))
        assert name in a.paths()


async def test_a_conflict_copy_of_what_was_never_real_here_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who has it is away, and knows it by a name of before."""
    monkeypatch.setattr(homeless, "SETTLE_SECONDS", 0.05)
    async with two_owners(tmp_path, {"photo": b"a photo"}) as (a, _):
        entry = a.entry("photo")
        assert entry is not None
        lost = replace(entry.version, hash=hash_bytes(b"what it was"), size=11)
        await a.arena.context.commit(lambda batch: name_anew(batch, entry, lost))
        await until(lambda: not sought(a))
        assert len(a.paths()) == 2


async def test_a_conflict_copy_that_is_being_written_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who replaces its content doesn't ask for the one that it was to have."""
    monkeypatch.setattr(homeless, "SETTLE_SECONDS", 0.05)
    is_written, go_over = trio.Event(), homeless.Homeless._go_over

    async def later(self: homeless.Homeless) -> None:
        await is_written.wait()
        await go_over(self)

    monkeypatch.setattr(homeless.Homeless, "_go_over", later)
    write(tmp_path / "a/root", "photo", b"a photo")
    async with running_peer(tmp_path / "a", "a", mark=Mark.OWN) as a:
        await until(lambda: a.status("photo") == "real" and not a.arena.status()["pending"])
        name = await named(a, b"what it was")
        ino = a.arena.resolve(name.encode())
        a.arena.scanner.writing(ino)
        await a.arena._actions.make_real(ino, truncate=True)
        is_written.set()
        await until(lambda: not sought(a))
        assert name in a.paths()
        (a.root / name).write_bytes(b"another")
        a.arena.scanner.written(ino)
        a.arena.touched(name.encode())
        await until(lambda: hash_of(a, name) == hash_bytes(b"another"))
        assert a.arena.resolve(name.encode()) == ino


async def test_a_conflict_copy_goes_though_the_database_fails_at_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(homeless, "SETTLE_SECONDS", 0.05)
    failed = list[int]()

    def refused(*arguments: Any) -> None:
        if not failed:
            failed.append(1)
            raise StoreFault("The disk is full.")
        give_up(*arguments)

    monkeypatch.setattr("realizefs.sync.homeless.give_up", refused)
    async with two_owners(tmp_path, {"photo": b"a photo"}) as (a, b):
        await named(a, b"what it was")
        await until(lambda: failed)
        await until(lambda: a.paths() == b.paths() == {"photo"})
